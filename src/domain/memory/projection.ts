import type { StreamRef } from '../event.ts'
import type { MemoryEvent } from './events.ts'

/** What a fact can be about. */
export type SubjectKind = 'artifact' | 'review' | 'approval'

/** Something that facts are about, and that is folded from them. */
export interface Subject {
  readonly kind: SubjectKind
  readonly project_id: string
  readonly id: string
}

/** What an event is about; each of these must be folded anew when it is recorded. */
export function subjectsOf({ type, data }: MemoryEvent): Subject[] {
  const { project_id } = data
  const subject = (kind: SubjectKind, id: string): Subject => ({ kind, project_id, id })
  switch (type) {
    case 'decision.saved':
      return [
        subject('artifact', data.artifact_id),
        ...(data.supersedes === null ? [] : [subject('artifact', data.supersedes)]),
      ]
    case 'decision.retired':
      // Of two that retired each other only one falls, so the winner must be looked at as well.
      return [subject('artifact', data.artifact_id), subject('artifact', data.superseded_by)]
    case 'review.opened':
    case 'review.resolved':
      return [subject('review', data.review_id)]
    case 'approval.granted':
    case 'approval.spent':
      return [subject('approval', data.approval_id)]
    case 'artifact.forgotten':
      // What is forgotten may be a text that waits for review.
      return [subject('artifact', data.artifact_id), subject('review', data.artifact_id)]
    default:
      return [subject('artifact', data.artifact_id)]
  }
}

/** The stream of what one clone saved outside any session. */
export function memoryStream(writerId: string): StreamRef {
  return { kind: 'memory', id: writerId }
}
