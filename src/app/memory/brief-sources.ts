import { type Artifact, isInForce } from '../../domain/memory/artifact.ts'
import type { Scope } from '../../domain/memory/room.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { BriefKind } from './brief-shape.ts'

/** Items of each scope that a brief has at most. */
const SCOPE_LIMITS: Readonly<Record<Scope, number>> = { focus: 10, project: 20, global: 5 }
const ALL_ITEMS = SCOPE_LIMITS.focus + SCOPE_LIMITS.project + SCOPE_LIMITS.global

/** Of summaries the last ones are news, and what they left open is told anyway. */
const LAST_SUMMARIES = 3

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
  readonly max_items: number
  readonly now: string
}

/** How many items of a scope may be told; more where more are asked for than a brief has by itself. */
export function limitOf(scope: Scope, maxItems: number): number {
  return Math.ceil(SCOPE_LIMITS[scope] * Math.max(1, maxItems / ALL_ITEMS))
}

/** Items that a brief has where nobody says how many. */
export const DEFAULT_ITEMS = ALL_ITEMS

/** What a source has in force: by what was searched, the best first, and else by kind, newest first. One more than the limit tells of more. */
export async function artifactsIn(source: Source, wanted: Wanted): Promise<Artifact[]> {
  return wanted.topic === null ? await newest(source, wanted) : await found(source, wanted, wanted.topic)
}

async function newest({ memory, project_id, scope, focus }: Source, wanted: Wanted): Promise<Artifact[]> {
  const most = limitOf(scope, wanted.max_items) + 1
  const artifacts: Artifact[] = []
  for (const kind of wanted.kinds) {
    if (kind === 'error') continue
    const limit = kind === 'summary' && wanted.kinds.length > 1 ? LAST_SUMMARIES : most
    const filter = { project_id, scope, focus: focus ?? undefined, kinds: [kind], in_force: true, limit }
    artifacts.push(...(await memory.artifacts(filter)))
  }
  return artifacts
}

async function found(source: Source, { kinds, now }: Wanted, topic: string): Promise<Artifact[]> {
  const { memory, project_id } = source
  const wanted = kinds.filter((kind) => kind !== 'error')
  if (wanted.length === 0) return []
  const matches = await memory.search({ project_ids: [project_id], text: topic, limit: MOST_FOUND, kinds: wanted, now })
  const artifacts: Artifact[] = []
  for (const { id, scope, focus } of matches) {
    if (scope !== source.scope || (source.focus !== null && focus !== source.focus)) continue
    const artifact = await memory.artifact(project_id, id)
    if (artifact !== undefined && isInForce(artifact)) artifacts.push(artifact)
  }
  return artifacts
}
