import type { DecisionText } from './artifact.ts'
import { inOrder } from './artifact.ts'
import type { MemoryEvent, Resolution, ReviewReason } from './events.ts'
import type { Room } from './room.ts'

/** A decision that was kept aside for a person to look at, since it is too like one in force to be let in unseen. */
export interface Review extends Room {
  readonly id: string
  readonly opened_at: string
  readonly origin: { readonly project_id: string; readonly session_id: string | null }
  /** `null` once it was forgotten. */
  readonly decision: DecisionText | null
  readonly content_hash: string
  /** The one that it was like; once it was resolved, the one that it was held against then. */
  readonly candidate_id: string
  readonly similarity: number
  readonly reason: ReviewReason
  readonly summary_id: string | null
  readonly status: 'open' | 'resolved'
  readonly resolution: Resolution | null
  readonly resolved_at: string | null
  /** The decision that it became, or was all along. */
  readonly artifact_id: string | null
}

/** A review is the fold of the facts about it. Of two clones that resolved it, the earlier is right. */
export function foldReview(id: string, facts: readonly MemoryEvent[]): Review | undefined {
  const ordered = inOrder(facts)
  const opened = ordered.find((event) => event.type === 'review.opened' && event.data.review_id === id)
  if (opened?.type !== 'review.opened') return undefined
  const resolved = ordered.find((event) => event.type === 'review.resolved' && event.data.review_id === id)
  const end = resolved?.type === 'review.resolved' ? resolved : undefined
  const forgotten = ordered.some((event) => event.type === 'artifact.forgotten' && event.data.artifact_id === id)
  const { project_id, scope, focus, origin, decision, content_hash, candidate_id, similarity, reason, summary_id } =
    opened.data
  return {
    id,
    project_id,
    scope,
    focus,
    opened_at: opened.at,
    origin,
    decision: forgotten ? null : decision,
    content_hash,
    candidate_id: end?.data.candidate_id ?? candidate_id,
    similarity: end?.data.similarity ?? similarity,
    reason,
    summary_id,
    status: end === undefined && !forgotten ? 'open' : 'resolved',
    resolution: end?.data.resolution ?? (forgotten ? 'discard' : null),
    resolved_at: end?.at ?? null,
    artifact_id: end?.data.artifact_id ?? opened.data.artifact_id,
  }
}
