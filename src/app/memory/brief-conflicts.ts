import { type Artifact, isInForce, titleOf } from '../../domain/memory/artifact.ts'
import type { Review } from '../../domain/memory/review.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import { clipped } from './brief-items.ts'
import type { Part } from './brief-shape.ts'
import type { Source } from './brief-sources.ts'

/** Reviews of a project that are looked through: more than anybody ever ended by hand. */
const MOST_REVIEWS = 10_000
const LONGEST_TITLE = 120
/** Of two that stand beside each other: what comes first must not fill the answer. */
const LONGEST_OF_TWO = 80

/** A review, and the memory that has it. */
export interface FoundReview {
  readonly memory: MemoryReader
  readonly review: Review
}

/**
 * Decisions that stand beside each other although they speak of the same: two that took the place of the same one, and two that a
 * review kept both, or that met in a merge and wait for one. One of the two at least is among `artifacts`.
 */
export async function conflictsAmong(artifacts: readonly Artifact[], reviews: readonly FoundReview[]): Promise<Part[]> {
  const byId = new Map(artifacts.map((artifact) => [artifact.id, artifact]))
  const parts: Part[] = []
  const told = new Set<string>()
  const add = (a: Artifact, b: Artifact, why: string, review_id?: string) => {
    const pair = [a, b].sort((one, other) => (one.id < other.id ? -1 : 1))
    const ids = pair.map(({ id }) => id)
    if (a.id === b.id || told.has(ids.join(' '))) return
    told.add(ids.join(' '))
    const titles = pair.map((one) => clipped(titleOf(one) ?? '', LONGEST_OF_TWO))
    const value = { ids, titles, why, ...(review_id === undefined ? {} : { review_id }) }
    parts.push({ list: 'conflicts', value, scope: a.scope })
  }

  for (const { memory, review } of reviews) {
    const { id, status, resolution, artifact_id, candidate_id } = review
    if (artifact_id === null || (!byId.has(artifact_id) && !byId.has(candidate_id))) continue
    if (status === 'resolved' && resolution !== 'keep_both') continue
    const one = byId.get(artifact_id) ?? (await inForce(memory, review, artifact_id))
    const other = byId.get(candidate_id) ?? (await inForce(memory, review, candidate_id))
    if (one === undefined || other === undefined) continue
    if (status === 'open') add(one, other, 'Both came in by a merge, and nobody has said yet which one holds.', id)
    else add(one, other, 'A review found them alike and kept both.')
  }
  const successors = new Map<string, Artifact>()
  for (const artifact of artifacts) {
    if (artifact.supersedes === null) continue
    const first = successors.get(artifact.supersedes)
    if (first === undefined) successors.set(artifact.supersedes, artifact)
    else add(first, artifact, 'Both took the place of the same decision.')
  }
  return parts
}

async function inForce(memory: MemoryReader, { project_id }: Review, id: string): Promise<Artifact | undefined> {
  const artifact = await memory.artifact(project_id, id)
  return artifact !== undefined && isInForce(artifact) ? artifact : undefined
}

/**
 * Decisions that are not in force since somebody must look at them first, the oldest first. Two that are both in force and wait for a
 * review are a conflict and not among them.
 */
export function waitingAmong(reviews: readonly FoundReview[]): Part[] {
  return reviews.flatMap(({ review }): Part[] => {
    const { id, status, decision, artifact_id, candidate_id, similarity, reason, scope } = review
    if (status !== 'open' || decision === null || artifact_id !== null) return []
    const title = clipped(decision.title, LONGEST_TITLE)
    const value = { id, title, candidate_id, similarity: Math.round(similarity * 100) / 100, reason }
    return [{ list: 'reviews', value, scope }]
  })
}

/** Every review of these sources, ended or not, each book's oldest first. */
export async function reviewsOf(sources: readonly Source[]): Promise<FoundReview[]> {
  const found: FoundReview[] = []
  for (const [project_id, ofProject] of Map.groupBy(sources, (source) => source.project_id)) {
    for (const memory of new Set(ofProject.map((source) => source.memory))) {
      const reviews = await memory.reviews({ project_id, limit: MOST_REVIEWS })
      const wanted = reviews.filter((review) => ofProject.some((source) => isOf(source, review)))
      found.push(...wanted.map((review) => ({ memory, review })))
    }
  }
  return found
}

function isOf(source: Source, { scope, focus }: Review): boolean {
  return source.scope === scope && (source.focus === null || source.focus === focus)
}
