import { type Decision, isInForce } from '../../domain/memory/artifact.ts'
import type { Review } from '../../domain/memory/review.ts'
import { GLOBAL_PROJECT } from '../../domain/memory/room.ts'
import { byText } from '../../domain/order.ts'
import type { LedgerReader } from '../../ports/ledger.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { Context } from '../context.ts'
import { readBoth } from './both-books.ts'
import { isDecision } from './desk.ts'

/** A decision in a line, and what produced it. */
export interface Ancestor {
  readonly decision: Decision
  readonly in_force: boolean
  /** Ids of those that it took the place of, among those of the line. */
  readonly supersedes: readonly string[]
  /** The summaries that it was saved with. */
  readonly produced_by: readonly { readonly id: string; readonly objective: string | null }[]
}

/** A decision, and what came before and after it. */
export interface Lineage {
  readonly id: string
  /** The whole line, the oldest first, with the decision itself in it. */
  readonly line: readonly Ancestor[]
  /** Reviews of decisions of the line, the oldest first. */
  readonly reviews: readonly Review[]
}

/** Decisions of a room, and reviews of a project, that are looked through for links that only the other end knows. */
const MOST_KNOWN = 10_000

/**
 * The line of a decision, in this repository's own project, another one of its book, or global scope; `undefined` where no decision has
 * this id. A line branches where two clones superseded the same decision, and meets again where one was retired for another.
 */
export async function lineageOf(context: Context, id: string): Promise<Lineage | undefined> {
  return await readBoth(context, async (book, global) => {
    const found = await locate(context, book, global, id)
    return found === undefined ? undefined : await trace(found.memory, book.memory, found.decision)
  })
}

async function locate(
  { ledger }: Context,
  book: LedgerReader,
  global: LedgerReader | null,
  id: string,
): Promise<{ memory: MemoryReader; decision: Decision } | undefined> {
  const others = (await book.memory.projects()).filter((project) => project !== ledger.project_id)
  for (const project of [ledger.project_id, ...others]) {
    const artifact = await book.memory.artifact(project, id)
    if (artifact !== undefined && isDecision(artifact)) return { memory: book.memory, decision: artifact }
  }
  const shared = await global?.memory.artifact(GLOBAL_PROJECT, id)
  return global !== null && shared !== undefined && isDecision(shared)
    ? { memory: global.memory, decision: shared }
    : undefined
}

async function trace(memory: MemoryReader, here: MemoryReader, start: Decision): Promise<Lineage> {
  const { project_id, scope, focus } = start
  const filter = { project_id, scope, focus: focus ?? undefined, kinds: ['decision'] as const, in_force: false }
  const room = (await memory.artifacts({ ...filter, limit: MOST_KNOWN })).filter(isDecision)
  const known = new Map(room.map((decision) => [decision.id, decision]))
  const predecessors = new Map<string, Set<string>>()
  const link = (later: string, earlier: string) =>
    predecessors.set(later, (predecessors.get(later) ?? new Set()).add(earlier))
  for (const { id, supersedes, superseded_by } of [...room, start]) {
    if (supersedes !== null) link(id, supersedes)
    for (const later of superseded_by) link(later, id)
  }

  const line = new Map<string, Decision>()
  const follow = async (next: (decision: Decision) => Iterable<string>) => {
    const seen = new Set<string>()
    const waiting = [start.id]
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (seen.has(id)) continue
      seen.add(id)
      const decision = id === start.id ? start : (known.get(id) ?? (await memory.artifact(project_id, id)))
      if (decision === undefined || !isDecision(decision)) continue
      line.set(id, decision)
      waiting.push(...next(decision))
    }
  }
  await follow((decision) => [
    ...(predecessors.get(decision.id) ?? []),
    ...(decision.supersedes === null ? [] : [decision.supersedes]),
  ])
  await follow((decision) => decision.superseded_by)

  const within = (id: string) => [...(predecessors.get(id) ?? [])].filter((earlier) => line.has(earlier))
  const ancestors: Ancestor[] = []
  for (const decision of oldestFirst([...line.values()], within)) {
    ancestors.push({
      decision,
      in_force: isInForce(decision),
      supersedes: within(decision.id),
      produced_by: await summariesOf(memory, here, decision),
    })
  }
  const reviews = (await memory.reviews({ project_id, limit: MOST_KNOWN })).filter(
    ({ candidate_id, artifact_id }) => line.has(candidate_id) || (artifact_id !== null && line.has(artifact_id)),
  )
  return { id: start.id, line: ancestors, reviews }
}

/**
 * By time, but never a decision before one that it took the place of: what was saved in one call has one time. Two that took each other's
 * place, in two clones, come last.
 */
function oldestFirst(line: readonly Decision[], predecessors: (id: string) => readonly string[]): Decision[] {
  const sorted = line.toSorted((a, b) => byText(a.saved_at, b.saved_at) || byText(a.id, b.id))
  const missing = new Map(sorted.map(({ id }) => [id, predecessors(id).length]))
  const later = new Map<string, Decision[]>()
  for (const decision of sorted) {
    for (const id of predecessors(decision.id)) later.set(id, [...(later.get(id) ?? []), decision])
  }
  const ordered = new Set<Decision>()
  for (const first of sorted) {
    const ready = missing.get(first.id) === 0 ? [first] : []
    for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
      if (ordered.has(next)) continue
      ordered.add(next)
      for (const after of later.get(next.id) ?? []) {
        const left = (missing.get(after.id) ?? 0) - 1
        missing.set(after.id, left)
        // One that stands behind its turn already has waited for this alone.
        if (left === 0 && after.saved_at <= first.saved_at) ready.push(after)
      }
    }
  }
  return [...ordered, ...sorted.filter((decision) => !ordered.has(decision))]
}

/** A global decision may come from a summary that its project kept. */
async function summariesOf(
  memory: MemoryReader,
  here: MemoryReader,
  decision: Decision,
): Promise<Ancestor['produced_by']> {
  const summaries: { id: string; objective: string | null }[] = []
  for (const id of decision.produced_by) {
    const found =
      (await memory.artifact(decision.project_id, id)) ?? (await here.artifact(decision.origin.project_id, id))
    summaries.push({ id, objective: found?.kind === 'summary' ? (found.text?.objective ?? null) : null })
  }
  return summaries
}
