import { type Decision, isInForce } from '../../domain/memory/artifact.ts'
import type { NewMemoryEvent } from '../../domain/memory/events.ts'
import { REVIEWED_AT, wordsOfDecision } from '../../domain/memory/judge.ts'
import type { Review } from '../../domain/memory/review.ts'
import { roomKey } from '../../domain/memory/room.ts'
import { jaccard } from '../../domain/memory/similarity.ts'
import type { LedgerWriter, Progress } from '../../ports/ledger.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { Context } from '../context.ts'
import { isDecision } from './desk.ts'
import { ALL, lookEverywhere, writeEverywhere } from './everywhere.ts'
import { percent } from './saving.ts'

/** Two decisions in force of one room that nobody has held against each other, as they meet in a merge. */
export interface Twins {
  readonly project_id: string
  readonly newer: Decision
  readonly older: Decision
  readonly similarity: number
  /** The decision that both took the place of; `null` where they are only alike. */
  readonly both_superseded: string | null
}

/**
 * Every pair of decisions in force, of one room, that are so alike that one would have been held against the other had it been saved
 * after it, or that superseded the same one; without the pairs that a review is or was about. Of this book and the global one.
 */
export async function findTwins(context: Context, onProgress?: (progress: Progress) => void): Promise<Twins[]> {
  return await lookEverywhere(context, (memory, projectId) => twinsOf(memory, projectId, onProgress))
}

/**
 * Puts pairs in the review queue, where a person says which one stays, or that both do. The review of a pair has the same id wherever
 * it is opened, so two clones that do this open one. Gives those that were put there; what has changed since is left.
 */
export async function queueTwins(context: Context, twins: readonly Twins[]): Promise<ReadonlySet<Twins>> {
  return new Set(await writeEverywhere(context, twins, (book, pairs) => queue(context, book, pairs)))
}

/** Which two they are, and why somebody should look, for a person. */
export function messageOf({ newer, older, similarity, both_superseded }: Twins): string {
  const one = `"${newer.text?.title ?? ''}"`
  const other = `"${older.text?.title ?? ''}" (${older.id})`
  const alike = `${percent(similarity)} alike`
  return both_superseded === null
    ? `${one} and ${other} are ${alike}, and nobody has said whether both hold`
    : `${one} and ${other} both took the place of ${both_superseded}, each without knowing of the other (${alike})`
}

async function twinsOf(
  memory: MemoryReader,
  projectId: string,
  onProgress: ((progress: Progress) => void) | undefined,
): Promise<Twins[]> {
  const filter = { project_id: projectId, kinds: ['decision'], in_force: true, limit: ALL } as const
  const decisions = (await memory.artifacts(filter)).filter(isDecision)
  const byId = new Map(decisions.map((decision) => [decision.id, decision]))
  const known = new Set((await memory.reviews({ project_id: projectId, limit: ALL })).map(pairOfReview))
  const twins = new Map<string, Twins>()
  const add = (one: Decision, other: Decision, similarity: number, superseded: string | null) => {
    const pair = pairOf(one.id, other.id)
    if (one.id === other.id || known.has(pair) || twins.has(pair)) return
    const isNewer = one.saved_at === other.saved_at ? one.id > other.id : one.saved_at > other.saved_at
    const [newer, older] = isNewer ? [one, other] : [other, one]
    twins.set(pair, { project_id: projectId, newer, older, similarity, both_superseded: superseded })
  }
  for (const rivals of rivalsAmong(decisions)) {
    for (const [i, one] of rivals.entries()) {
      for (const other of rivals.slice(i + 1)) add(one, other, similarityOf(one, other), one.supersedes)
    }
  }
  for (const [i, decision] of decisions.entries()) {
    for (const { id, similarity } of await memory.similar(decision, wordsOf(decision), REVIEWED_AT)) {
      const other = byId.get(id)
      if (other !== undefined) add(decision, other, similarity, null)
    }
    onProgress?.({ done: i + 1, total: decisions.length })
  }
  return [...twins.values()]
}

/** Decisions of one room that superseded the same one, each without knowing of the others. */
function rivalsAmong(decisions: readonly Decision[]): Decision[][] {
  const rivals = new Map<string, Decision[]>()
  for (const decision of decisions) {
    if (decision.supersedes === null) continue
    const key = `${roomKey(decision)} ${decision.supersedes}`
    rivals.set(key, [...(rivals.get(key) ?? []), decision])
  }
  return [...rivals.values()].filter(({ length }) => length > 1)
}

async function queue(context: Context, book: LedgerWriter, twins: readonly Twins[]): Promise<Twins[]> {
  const queued: Twins[] = []
  const events: NewMemoryEvent[] = []
  for (const pair of twins) {
    const event = await openedReview(context, book.memory, pair)
    if (event === null) continue
    queued.push(pair)
    events.push(event)
  }
  const { clock, connection } = context
  await book.append(await book.memoryStream(), events, { actor: connection.actor, at: clock.now() })
  return queued
}

/** `null` where one of them is not in force any more, or the review is there by now. */
async function openedReview(
  { identity }: Context,
  memory: MemoryReader,
  { project_id, newer, older, similarity }: Twins,
): Promise<NewMemoryEvent | null> {
  const room = { project_id, scope: newer.scope, focus: newer.focus }
  const review_id = identity.idOf(['twins', project_id, roomKey(room), ...[newer.id, older.id].sort()])
  if ((await memory.review(project_id, review_id)) !== undefined) return null
  for (const { id } of [newer, older]) {
    const now = await memory.artifact(project_id, id)
    if (now === undefined || !isInForce(now)) return null
  }
  if (newer.text === null) return null
  return {
    type: 'review.opened',
    data: {
      review_id,
      ...room,
      origin: newer.origin,
      decision: newer.text,
      content_hash: newer.content_hash ?? '',
      candidate_id: older.id,
      similarity,
      reason: 'merged_twins',
      artifact_id: newer.id,
      summary_id: null,
    },
  }
}

function wordsOf({ text }: Decision): Set<string> {
  return text === null ? new Set() : wordsOfDecision(text)
}

function similarityOf(one: Decision, other: Decision): number {
  return jaccard(wordsOf(one), wordsOf(other))
}

function pairOf(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`
}

function pairOfReview({ artifact_id, candidate_id }: Review): string {
  return artifact_id === null ? '' : pairOf(artifact_id, candidate_id)
}
