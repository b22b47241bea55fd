import type { StreamRef } from '../event.ts'
import { Refusal } from '../refusal.ts'
import { type Room, roomKey } from './room.ts'

/** Stands where a text stood that was taken out of the record for good. */
const PURGED = '[purged]'

/** A text that is to leave the records. */
export interface PurgeableText {
  readonly project_id: string
  /** Of the artifact, or of the review that the text waits in. */
  readonly id: string
  /** Of a decision: reviews of the same words in the same room hold the same text under another id. */
  readonly same: { readonly room: string; readonly content_hash: string } | null
}

/** Texts of each kind of event that has any: a text is replaced, a list emptied. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  'summary.saved': ['objective', 'actions_taken', 'decisions_made', 'open_items', 'next_actions'],
  'decision.saved': ['title', 'rationale', 'owner'],
  'pattern.saved': ['trigger', 'repeatable_steps', 'exclusions'],
}
const TEXTS_IN_REVIEW = ['title', 'rationale', 'owner']

interface Said {
  readonly type: string
  readonly data: unknown
}

/**
 * The data of an event without a text; `null` where the event does not have it, or no longer. What an event says beside the text
 * stays, so that it is understood as before. Its shape is not taken for granted: a text in a line that is not quite right must go too.
 */
export function withoutText({ type, data }: Said, text: PurgeableText): Record<string, unknown> | null {
  if (!isRecord(data) || data['project_id'] !== text.project_id) return null
  const fields = TEXTS[type]
  if (fields !== undefined) return data['artifact_id'] === text.id ? emptied(data, fields) : null
  const { decision } = data
  if (type !== 'review.opened' || !isRecord(decision) || !isReviewOf(data, text)) return null
  const without = emptied(decision, TEXTS_IN_REVIEW)
  return without === null ? null : { ...data, decision: without }
}

function isReviewOf(data: Record<string, unknown>, { id, same }: PurgeableText): boolean {
  if (data['review_id'] === id || data['artifact_id'] === id) return true
  return same !== null && data['content_hash'] === same.content_hash && roomKey(data as unknown as Room) === same.room
}

/** `null` where nothing is left to empty. */
function emptied(data: Record<string, unknown>, fields: readonly string[]): Record<string, unknown> | null {
  const changed = { ...data }
  let isChanged = false
  for (const field of fields) {
    const value = data[field]
    const isEmpty = Array.isArray(value) ? value.length === 0 : value === PURGED
    if (isEmpty || value === undefined) continue
    changed[field] = Array.isArray(value) ? [] : PURGED
    isChanged = true
  }
  return isChanged ? changed : null
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Why a text stays for now: whoever runs the session goes on with the record that has it. */
export function runsWithText({ id }: StreamRef): Refusal {
  return new Refusal('session_locked', `Session ${id} runs, and its record has the text. Its record was not changed.`, {
    hint: `Wait until it is over, or end it with: rutter stop ${id}. Then purge again.`,
    details: { locked_by: id },
  })
}
