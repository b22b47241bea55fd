import type { Room } from '../../domain/memory/room.ts'
import { type Draft, placeOf, type Saying, saved } from './saving.ts'
import type { SaveResult, SummaryInput } from './shapes.ts'

/** Saves a session summary. Two runs may well say the same, so only the same idempotency key makes it the same one. */
export async function saveSummary(
  draft: Draft,
  saying: Saying,
  room: Room,
  input: SummaryInput,
  idempotencyKey: string | null,
): Promise<SaveResult> {
  const { identity } = saying.context
  // Global scope is shared by all projects, keys are not: two of them may well number their runs alike.
  const keyed = ['summary', room.project_id, saying.origin.project_id]
  const id = idempotencyKey === null ? identity.newId() : identity.idOf([...keyed, idempotencyKey])
  const known = idempotencyKey === null ? undefined : await draft.desk.artifact(room, id)
  if (known !== undefined) return saved(id, null, `Saved already under this idempotency_key, ${known.saved_at}.`)
  const { objective, actions_taken, decisions_made, open_items, next_actions } = input
  draft.addArtifact({
    type: 'summary.saved',
    data: {
      artifact_id: id,
      ...placeOf(room, saying),
      objective,
      actions_taken,
      decisions_made,
      open_items,
      next_actions,
      idempotency_key: idempotencyKey,
    },
  })
  return saved(id, null, null)
}
