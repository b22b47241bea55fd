import { type Decision, isInForce } from '../../domain/memory/artifact.ts'
import { wordsOfDecision } from '../../domain/memory/judge.ts'
import type { Review } from '../../domain/memory/review.ts'
import { GLOBAL_PROJECT, type Room } from '../../domain/memory/room.ts'
import { jaccard } from '../../domain/memory/similarity.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import { Desk, isDecision } from './desk.ts'
import type { ReviewView } from './shapes.ts'

/** The two that a review is about, as things stand now: instead of one that gave way since, what is in force in its place, if anything. */
export interface Sides {
  /** The text that waits, where it is a decision already: one of two that met in a merge, or let in by another clone. */
  readonly own: Decision | undefined
  /** What it is held against. */
  readonly candidate: Decision | undefined
  /** Of the two texts, 0 to 1. */
  readonly similarity: number
}

/** What is shown of a review and what resolving it acts on: the same, so that nobody retires a text which nobody saw. */
export async function sidesOf(desk: Desk, review: Review): Promise<Sides> {
  const { artifact_id, candidate_id } = review
  const candidate = await standing(desk, review, candidate_id)
  const own = artifact_id === null ? await letIn(desk, review) : await standing(desk, review, artifact_id)
  const isAsOpened = candidate?.id === candidate_id && (artifact_id === null || own?.id === artifact_id)
  const [text, other] = [own?.text ?? review.decision, candidate?.text ?? null]
  const similarity =
    isAsOpened || text === null || other === null
      ? review.similarity
      : jaccard(wordsOfDecision(text), wordsOfDecision(other))
  return { own, candidate, similarity }
}

/** The decision in force that says what waits: another clone may have let it in, and a merge brought that here. */
async function letIn(desk: Desk, review: Review): Promise<Decision | undefined> {
  return (await desk.withHash(review, 'decision', review.content_hash)).filter(isDecision).find(isInForce)
}

/** The decision itself where it is in force, else what is in its place; where nothing is, itself as it was. */
async function standing(desk: Desk, room: Room, id: string): Promise<Decision | undefined> {
  const decision = await desk.artifact(room, id)
  if (decision === undefined || !isDecision(decision)) return undefined
  return isInForce(decision) ? decision : ((await desk.successor(room, decision)) ?? decision)
}

/** A review as people and agents see it; `null` where its text was forgotten. */
export async function viewOf(memory: MemoryReader, review: Review): Promise<ReviewView | null> {
  const { own, candidate, similarity } = await sidesOf(new Desk(memory), review)
  const text = own === undefined ? review.decision : own.text
  if (text === null || review.decision === null) return null
  const { id, scope, focus, opened_at, reason, artifact_id, candidate_id } = review
  const isReplaced = artifact_id !== null && own !== undefined && own.id !== artifact_id
  return {
    id,
    project_id: review.project_id === GLOBAL_PROJECT ? null : review.project_id,
    scope,
    focus,
    opened_at,
    session_id: review.origin.session_id,
    reason,
    similarity,
    decision: {
      id: own?.id ?? null,
      in_force: own !== undefined && isInForce(own),
      in_place_of: isReplaced ? artifact_id : null,
      ...text,
    },
    candidate: candidate === undefined ? null : candidateView(candidate, candidate_id),
    resolutions: ['supersede', 'keep_both', 'discard'],
  }
}

function candidateView(candidate: Decision, opened: string): ReviewView['candidate'] {
  const { id, text } = candidate
  const in_place_of = id === opened ? null : opened
  return text === null ? null : { id, in_force: isInForce(candidate), in_place_of, ...text }
}

/** True where both show the same two decisions, so that what was answered to one holds for the other. */
export function showsTheSame(one: ReviewView, other: ReviewView): boolean {
  const ids = ({ decision, candidate }: ReviewView) => `${decision.id} ${candidate?.id ?? null}`
  return ids(one) === ids(other)
}
