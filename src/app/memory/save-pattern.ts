import { isInForce } from '../../domain/memory/artifact.ts'
import type { Room } from '../../domain/memory/room.ts'
import { canonicalText } from '../../domain/memory/words.ts'
import { artifactId, type Draft, placeOf, type Saying, saved } from './saving.ts'
import type { PatternInput, SaveResult } from './shapes.ts'

/** Saves one pattern; one of the same trigger and steps is the same, and is known to be valid for longer. */
export async function savePattern(draft: Draft, saying: Saying, room: Room, input: PatternInput): Promise<SaveResult> {
  const { trigger, repeatable_steps, exclusions } = input
  const hash = saying.context.identity.digest(canonicalText([trigger, ...repeatable_steps]))
  const validatedAt = new Date(input.last_validated_at).toISOString()
  const place = placeOf(room, saying)
  const known = (await draft.desk.withHash(room, 'pattern', hash)).find(isInForce)
  if (known?.kind === 'pattern' && known.text !== null) {
    const isNewer = validatedAt > known.text.last_validated_at
    if (draft.desk.links(known, saying.summary_id) || isNewer) {
      const data = { artifact_id: known.id, ...place, last_validated_at: validatedAt, summary_id: saying.summary_id }
      draft.add({ type: 'pattern.validated', data })
    }
    const last = isNewer ? validatedAt : known.text.last_validated_at
    if (isNewer) draft.desk.add({ ...known, text: { ...known.text, last_validated_at: last } })
    return saved(known.id, 'duplicate_skip', `Known since ${known.saved_at}; last validated ${last}.`)
  }
  const artifact = draft.addArtifact({
    type: 'pattern.saved',
    data: {
      artifact_id: await artifactId(draft, saying, 'pattern', room, hash, null),
      ...place,
      trigger,
      repeatable_steps,
      exclusions,
      last_validated_at: validatedAt,
      content_hash: hash,
      summary_id: saying.summary_id,
    },
  })
  return saved(artifact.id, 'new', null)
}
