import type { Actor } from '../../../domain/event.ts'
import type { Artifact, DecisionText, PatternText } from '../../../domain/memory/artifact.ts'
import type { NewMemoryEvent } from '../../../domain/memory/events.ts'
import type { Review } from '../../../domain/memory/review.ts'
import type { Room } from '../../../domain/memory/room.ts'
import { canonicalText } from '../../../domain/memory/words.ts'
import type { Identity } from '../../../ports/identity.ts'

/** An event with who said it and when: what was imported keeps both. */
export interface DatedEvent {
  readonly event: NewMemoryEvent
  readonly at: string
  /** `null` for whoever imports it. */
  readonly actor: Actor | null
}

/** Stands for the text of what was forgotten. */
const NO_TEXT = ''

/**
 * The facts about an artifact that a book lacks: all of them, where it does not know the artifact. Facts are only ever added, as when two
 * clones meet, so what was superseded or forgotten in one place is so in both. `told` are those that supersede it by their own facts.
 */
export function missingFacts(
  artifact: Artifact,
  known: Artifact | undefined,
  told: ReadonlySet<string>,
  identity: Identity,
): DatedEvent[] {
  const { id, saved_at: at, saved_by, origin } = artifact
  const place = { ...roomOf(artifact), origin }
  const events: NewMemoryEvent[] = known === undefined ? [savedEvent(artifact, place, identity)] : []
  const has = {
    sessions: new Set(known?.sessions ?? [origin.session_id]),
    summaries: new Set(known?.produced_by ?? artifact.produced_by.slice(0, 1)),
    superseded_by: new Set([...told, ...(known?.superseded_by ?? [])]),
  }
  const sessions = artifact.sessions.filter((session) => !has.sessions.has(session))
  const summaries = artifact.produced_by.filter((summary) => !has.summaries.has(summary))
  const isNewer = known !== undefined && artifact.kind === 'pattern' && validatedAt(artifact) > validatedAt(known)
  const repeats = Math.max(sessions.length, summaries.length, isNewer ? 1 : 0)
  for (let i = 0; i < repeats; i++) {
    const where = { ...place, origin: { ...origin, session_id: sessions[i] ?? null } }
    events.push(...againEvent(artifact, where, summaries[i] ?? null))
  }
  for (const later of artifact.superseded_by) {
    if (has.superseded_by.has(later)) continue
    events.push({ type: 'decision.retired', data: { artifact_id: id, ...place, superseded_by: later } })
  }
  if (artifact.forgotten && known?.forgotten !== true) {
    events.push({ type: 'artifact.forgotten', data: { artifact_id: id, ...place, purged: true } })
  }
  return events.map((event) => ({ event, at, actor: saved_by }))
}

/** The facts about a review that a book lacks. */
export function missingReviewFacts(review: Review, known: Review | undefined, identity: Identity): DatedEvent[] {
  const { id, decision, candidate_id, similarity, reason, summary_id, artifact_id, resolution, resolved_at } = review
  const place = { ...roomOf(review), origin: review.origin }
  const opened: NewMemoryEvent = {
    type: 'review.opened',
    data: {
      review_id: id,
      ...place,
      decision: decision ?? NO_DECISION,
      content_hash: decision === null ? review.content_hash : hashOf(decision, identity),
      candidate_id,
      similarity,
      reason,
      artifact_id: reason === 'merged_twins' ? artifact_id : null,
      summary_id,
    },
  }
  const dated = (event: NewMemoryEvent, at: string): DatedEvent => ({ event, at, actor: null })
  const events = known === undefined ? [dated(opened, review.opened_at)] : []
  if (decision === null && known?.decision !== null) {
    const event = { type: 'artifact.forgotten', data: { artifact_id: id, ...place, purged: true } } as const
    events.push(dated(event, review.opened_at))
  }
  if (resolution !== null && resolved_at !== null && known?.status !== 'resolved') {
    events.push(
      dated({ type: 'review.resolved', data: { review_id: id, ...place, resolution, artifact_id } }, resolved_at),
    )
  }
  return events
}

const NO_DECISION: DecisionText = { title: NO_TEXT, rationale: NO_TEXT, owner: NO_TEXT, date: NO_TEXT, confidence: 0 }

type Place = Room & Pick<Artifact, 'origin'>

/** Not the hash of the file: what is compared here must be made of these very words. */
export function hashOf(text: { title: string; rationale: string } | PatternText, identity: Identity): string {
  const parts = 'title' in text ? [text.title, text.rationale] : [text.trigger, ...text.repeatable_steps]
  return identity.digest(canonicalText(parts))
}

function savedEvent(artifact: Artifact, place: Place, identity: Identity): NewMemoryEvent {
  const { id, supersedes, produced_by, content_hash } = artifact
  const common = { artifact_id: id, ...place }
  const summary_id = produced_by[0] ?? null
  switch (artifact.kind) {
    case 'summary': {
      const none = { objective: NO_TEXT, actions_taken: [], decisions_made: [], open_items: [], next_actions: [] }
      return { type: 'summary.saved', data: { ...common, ...(artifact.text ?? none), idempotency_key: null } }
    }
    case 'decision': {
      const hash = artifact.text === null ? (content_hash ?? NO_TEXT) : hashOf(artifact.text, identity)
      const text = artifact.text ?? NO_DECISION
      const data = { ...common, ...text, content_hash: hash, supersedes, similarity: null, summary_id }
      return { type: 'decision.saved', data }
    }
    case 'pattern': {
      const hash = artifact.text === null ? (content_hash ?? NO_TEXT) : hashOf(artifact.text, identity)
      const none = { trigger: NO_TEXT, repeatable_steps: [], exclusions: [], last_validated_at: artifact.saved_at }
      return { type: 'pattern.saved', data: { ...common, ...(artifact.text ?? none), content_hash: hash, summary_id } }
    }
  }
}

/** It was said again: in another session, or with another summary. A summary never is. */
function againEvent(artifact: Artifact, place: Place, summary_id: string | null): NewMemoryEvent[] {
  const data = { artifact_id: artifact.id, ...place, summary_id }
  switch (artifact.kind) {
    case 'summary':
      return []
    case 'decision':
      return [{ type: 'decision.repeated', data }]
    case 'pattern': {
      const last_validated_at = artifact.text?.last_validated_at ?? artifact.saved_at
      return [{ type: 'pattern.validated', data: { ...data, last_validated_at } }]
    }
  }
}

function validatedAt(artifact: Artifact): string {
  return artifact.kind === 'pattern' ? (artifact.text?.last_validated_at ?? '') : ''
}

function roomOf({ project_id, scope, focus }: Room): Room {
  return { project_id, scope, focus }
}
