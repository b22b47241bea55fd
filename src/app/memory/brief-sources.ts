import { type Artifact, isInForce } from '../../domain/memory/artifact.ts'
import type { Scope } from '../../domain/memory/room.ts'
import type { LedgerReader } from '../../ports/ledger.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { BriefKind } from './brief-shape.ts'

/** Items of each scope that a brief has at most. */
const SCOPE_LIMITS: Readonly<Record<Scope, number>> = { focus: 10, project: 20, global: 5 }
const ALL_ITEMS = SCOPE_LIMITS.focus + SCOPE_LIMITS.project + SCOPE_LIMITS.global

/** Of summaries the last ones are news, and what they left open is told anyway. */
const LAST_SUMMARIES = 3

/** Of each kind and scope so many are looked through, the newest: enough for the most items that can be asked for. */
const MOST_KNOWN = 200

/** What a search for a topic may find, of all kinds and scopes. */
const MOST_FOUND = 100

/** One scope of one book, as a brief looks at it. */
export interface Source {
  readonly memory: MemoryReader
  readonly project_id: string
  readonly scope: Scope
  /** One focus alone; `null` for all of them. */
  readonly focus: string | null
}

/** What is wanted of every source. */
export interface Wanted {
  readonly kinds: readonly BriefKind[]
  readonly topic: string | null
  readonly now: string
}

/** How many items of a scope may be told; more where more are asked for than a brief has by itself. */
export function limitOf(scope: Scope, maxItems: number): number {
  return Math.ceil(SCOPE_LIMITS[scope] * Math.max(1, maxItems / ALL_ITEMS))
}

/** Items that a brief has where nobody says how many. */
export const DEFAULT_ITEMS = ALL_ITEMS

/** The most items that can be asked for. */
export const MOST_ITEMS = 200

/** How many items must be asked for so that none of `counts`, by scope, goes beyond the limit of its scope. */
export function itemsFor(counts: ReadonlyMap<Scope, number>): number {
  let total = 0
  let least = 0
  for (const [scope, count] of counts) {
    total += count
    least = Math.max(least, Math.ceil((count * ALL_ITEMS) / SCOPE_LIMITS[scope]))
  }
  return Math.min(MOST_ITEMS, Math.max(total, least))
}

/** What a source has in force, as far as it was looked through. */
interface Holding {
  /** By what was searched, the best first, and else by kind, each newest first. */
  readonly artifacts: readonly Artifact[]
  /** True where there is more. */
  readonly is_part: boolean
}

export async function artifactsIn(source: Source, wanted: Wanted): Promise<Holding> {
  return wanted.topic === null ? await newest(source, wanted) : await found(source, wanted, wanted.topic)
}

async function newest({ memory, project_id, scope, focus }: Source, { kinds }: Wanted): Promise<Holding> {
  const artifacts: Artifact[] = []
  let isPart = false
  for (const kind of kinds) {
    if (kind === 'error') continue
    const isNews = kind === 'summary' && kinds.length > 1
    const filter = { project_id, scope, focus: focus ?? undefined, kinds: [kind], in_force: true }
    const known = await memory.artifacts({ ...filter, limit: isNews ? LAST_SUMMARIES : MOST_KNOWN + 1 })
    if (known.length > MOST_KNOWN) isPart = true
    artifacts.push(...known.slice(0, MOST_KNOWN))
  }
  return { artifacts, is_part: isPart }
}

async function found(source: Source, { kinds, now }: Wanted, topic: string): Promise<Holding> {
  const { memory, project_id } = source
  const wanted = kinds.filter((kind) => kind !== 'error')
  if (wanted.length === 0) return { artifacts: [], is_part: false }
  const matches = await memory.search({ project_ids: [project_id], text: topic, limit: MOST_FOUND, kinds: wanted, now })
  const artifacts: Artifact[] = []
  for (const { id, scope, focus } of matches) {
    if (scope !== source.scope || (source.focus !== null && focus !== source.focus)) continue
    const artifact = await memory.artifact(project_id, id)
    if (artifact !== undefined && isInForce(artifact)) artifacts.push(artifact)
  }
  return { artifacts, is_part: matches.length === MOST_FOUND }
}

/**
 * When something was last said, ISO 8601 UTC: first saved, said again in a session that this book knows, or found valid. Of a session it
 * is known when it began.
 */
export async function saidAt(book: LedgerReader, { kind, text, saved_at, sessions }: Artifact): Promise<string> {
  const last = sessions.length > 1 ? await book.session(sessions.at(-1) ?? '') : undefined
  const validated = kind === 'pattern' ? text?.last_validated_at : undefined
  return [saved_at, last?.start_time ?? '', validated ?? ''].reduce((a, b) => (a > b ? a : b))
}
