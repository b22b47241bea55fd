import type { Artifact } from '../../domain/memory/artifact.ts'
import type { Review } from '../../domain/memory/review.ts'
import { clipped } from './brief-items.ts'
import type { Part } from './brief-shape.ts'
import type { Source } from './brief-sources.ts'

/** Reviews of a project that are looked through. */
const MOST_REVIEWS = 500
const MOST_WAITING = 5
const LONGEST_TITLE = 120

/**
 * Decisions that stand beside each other although they speak of the same: two that took the place of the same one, and two that a
 * review kept both, or that met in a merge and wait for one.
 */
export async function conflictsAmong(sources: readonly Source[], items: readonly Artifact[]): Promise<Part[]> {
  const byId = new Map(items.map((artifact) => [artifact.id, artifact]))
  const parts: Part[] = []
  const told = new Set<string>()
  const add = (a: Artifact | undefined, b: Artifact | undefined, why: string) => {
    if (a === undefined || b === undefined || a.id === b.id) return
    const ids = [a.id, b.id].sort()
    if (told.has(ids.join(' '))) return
    told.add(ids.join(' '))
    parts.push({ list: 'conflicts', value: { ids, why }, scope: a.scope })
  }

  const successors = new Map<string, Artifact>()
  for (const artifact of items) {
    if (artifact.supersedes === null) continue
    const first = successors.get(artifact.supersedes)
    if (first === undefined) successors.set(artifact.supersedes, artifact)
    else add(first, artifact, 'Both took the place of the same decision.')
  }
  for (const { status, resolution, artifact_id, candidate_id } of await reviewsOf(sources, undefined)) {
    if (artifact_id === null) continue
    const [one, other] = [byId.get(artifact_id), byId.get(candidate_id)]
    if (status === 'open') add(one, other, 'Two copies of the book were merged, and a review of these two is open.')
    else if (resolution === 'keep_both') add(one, other, 'A review found them alike and kept both.')
  }
  return parts
}

/** Decisions that are not in force since somebody must look at them first. */
export async function waitingReviews(sources: readonly Source[]): Promise<Part[]> {
  const open = await reviewsOf(sources, 'open')
  return open.slice(0, MOST_WAITING).flatMap(({ id, decision, candidate_id, similarity, reason, scope }): Part[] => {
    if (decision === null) return []
    const title = clipped(decision.title, LONGEST_TITLE)
    const value = { id, title, candidate_id, similarity: Math.round(similarity * 100) / 100, reason }
    return [{ list: 'reviews', value, scope }]
  })
}

async function reviewsOf(sources: readonly Source[], status: Review['status'] | undefined): Promise<Review[]> {
  const reviews: Review[] = []
  const asked = new Set<string>()
  for (const { memory, project_id } of sources) {
    if (asked.has(project_id)) continue
    asked.add(project_id)
    reviews.push(...(await memory.reviews({ project_id, status, limit: MOST_REVIEWS })))
  }
  return reviews.filter((review) => sources.some((source) => isOf(source, review)))
}

function isOf(source: Source, { project_id, scope, focus }: Review): boolean {
  return source.project_id === project_id && source.scope === scope && (source.focus === null || source.focus === focus)
}
