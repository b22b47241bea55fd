import type { Artifact } from '../../domain/memory/artifact.ts'
import type { Room } from '../../domain/memory/room.ts'
import { type Draft, placeOf, type Saying, saved } from './saving.ts'
import type { SaveResult, SummaryInput } from './shapes.ts'

/**
 * Saves a session summary. Two runs may well say the same, so only the same idempotency key makes it the same one. The key itself is
 * not recorded, since some are URLs with a password in them; its digest is.
 */
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
  const key = idempotencyKey === null ? null : identity.digest(idempotencyKey)
  const id = key === null ? identity.newId() : identity.idOf([...keyed, key])
  const known = key === null ? undefined : await draft.desk.artifact(room, id)
  if (known !== undefined) {
    const message = `Saved already under this idempotency_key, ${known.saved_at}.`
    return saved(id, null, isSame(known, input) ? message : `${message} The text given now differs and was not kept.`)
  }
  // Only that it was forgotten is known here: its record is on another branch, and no text would show under this id.
  if (key !== null && (await draft.memory.isKnownId(room.project_id, id))) {
    return saved(id, null, 'Saved already under this idempotency_key, and forgotten.')
  }
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
      idempotency_key: key,
    },
  })
  return saved(id, null, null)
}

function isSame({ text }: Artifact, { save_scope: _scope, ...given }: SummaryInput): boolean {
  const fields = Object.keys(given) as (keyof typeof given)[]
  return (
    text !== null &&
    fields.every((field) => JSON.stringify((text as typeof given)[field]) === JSON.stringify(given[field]))
  )
}
