import type { Artifact, DecisionText, PatternText } from '../../../domain/memory/artifact.ts'
import type { NewMemoryEvent } from '../../../domain/memory/events.ts'
import type { Review } from '../../../domain/memory/review.ts'
import type { Room } from '../../../domain/memory/room.ts'
import { canonicalText } from '../../../domain/memory/words.ts'
import type { Identity } from '../../../ports/identity.ts'
import type { DatedEvent } from './planner.ts'

/** Stands for the text of what was forgotten. */
const NO_TEXT = ''

/** Those that supersede an artifact by their own facts, with when they were saved. */
export type Heirs = ReadonlyMap<string, string>

/**
 * The facts about an artifact that a book lacks: all of them, where it does not know the artifact. Facts are only ever added, as when two
 * clones meet, so what was superseded or forgotten in one place is so in both. Their order is such that what is told of them is what was
 * exported, lists in their order included.
 */
export function missingFacts(
  artifact: Artifact,
  known: Artifact | undefined,
  heirs: Heirs,
  identity: Identity,
): { readonly said: DatedEvent[]; readonly retirements: Retirement[] } {
  const { saved_at: at, saved_by: actor } = artifact
  const said = known === undefined ? sayings(artifact, identity) : sayingsAgain(artifact, known, identity)
  if (artifact.forgotten && known?.forgotten !== true) {
    said.push({ type: 'artifact.forgotten', data: { artifact_id: artifact.id, ...placeOf(artifact), purged: true } })
  }
  return {
    said: said.map((event) => ({ event, at, actor })),
    retirements: retirements(artifact, known, heirs),
  }
}

/** It was said in one session after another, and with one summary after another; the event that first says it names where. */
function sayings(artifact: Artifact, identity: Identity): NewMemoryEvent[] {
  const { sessions, produced_by, origin } = artifact
  const first = origin.session_id === null ? 0 : Math.max(0, sessions.indexOf(origin.session_id))
  const others = sessions.filter((session) => session !== origin.session_id)
  const count = Math.max(others.length + 1, produced_by.length)
  return Array.from({ length: count }, (_, i) => {
    const summary = produced_by[i] ?? null
    if (i === first) return savedEvent(artifact, placeOf(artifact), summary, identity)
    return againEvent(artifact, others[i < first ? i : i - 1] ?? null, summary, identity)
  })
}

function sayingsAgain(artifact: Artifact, known: Artifact, identity: Identity): NewMemoryEvent[] {
  const sessions = artifact.sessions.filter((session) => !known.sessions.includes(session))
  const summaries = artifact.produced_by.filter((summary) => !known.produced_by.includes(summary))
  const isNewer = artifact.kind === 'pattern' && validatedAt(artifact) > validatedAt(known)
  const count = Math.max(sessions.length, summaries.length, isNewer ? 1 : 0)
  return Array.from({ length: count }, (_, i) =>
    againEvent(artifact, sessions[i] ?? null, summaries[i] ?? null, identity),
  )
}

/** That something gave way to what does not say so itself. */
export interface Retirement extends DatedEvent {
  /** The heir that it gave way to before, behind whose saying this belongs; `null` where there was none. */
  readonly after: string | null
}

/** When it gave way is not known, but not before those that it had given way to already. */
function retirements(artifact: Artifact, known: Artifact | undefined, heirs: Heirs): Retirement[] {
  const { id, saved_by: actor, superseded_by } = artifact
  const found: Retirement[] = []
  let at = artifact.saved_at
  let after: string | null = null
  for (const heir of superseded_by) {
    const told = heirs.get(heir)
    if (told !== undefined) {
      after = heir
      if (told > at) at = told
    } else if (known?.superseded_by.includes(heir) !== true) {
      const data = { artifact_id: id, ...placeOf(artifact), superseded_by: heir }
      found.push({ event: { type: 'decision.retired', data }, at, actor, after })
    }
  }
  return found
}

/** The facts about a review that a book lacks. */
export function missingReviewFacts(review: Review, known: Review | undefined, identity: Identity): DatedEvent[] {
  const { id, decision, candidate_id, similarity, reason, summary_id, artifact_id, resolution, resolved_at } = review
  const place = placeOf(review)
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
    const against = known === undefined ? {} : { candidate_id, similarity }
    const data = { review_id: id, ...place, resolution, artifact_id, ...against }
    events.push(dated({ type: 'review.resolved', data }, resolved_at))
  }
  return events
}

const NO_DECISION: DecisionText = { title: NO_TEXT, rationale: NO_TEXT, owner: NO_TEXT, date: NO_TEXT, confidence: 0 }

/** Not the hash of the file: what is compared here must be made of these very words. */
export function hashOf(text: { title: string; rationale: string } | PatternText, identity: Identity): string {
  const parts = 'title' in text ? [text.title, text.rationale] : [text.trigger, ...text.repeatable_steps]
  return identity.digest(canonicalText(parts))
}

type Place = Room & Pick<Artifact, 'origin'>

function savedEvent(artifact: Artifact, place: Place, summary_id: string | null, identity: Identity): NewMemoryEvent {
  const { id, supersedes, content_hash } = artifact
  const common = { artifact_id: id, ...place }
  switch (artifact.kind) {
    case 'summary': {
      const none = { objective: NO_TEXT, actions_taken: [], decisions_made: [], open_items: [], next_actions: [] }
      // Whoever says it again with the key is known by its id, which is made of that.
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

/** It was said again, in a session or with a summary. */
function againEvent(
  artifact: Artifact,
  session_id: string | null,
  summary_id: string | null,
  identity: Identity,
): NewMemoryEvent {
  const place = { ...placeOf(artifact), origin: { ...artifact.origin, session_id } }
  const data = { artifact_id: artifact.id, ...place, summary_id }
  switch (artifact.kind) {
    case 'summary':
      return savedEvent(artifact, place, null, identity)
    case 'decision':
      return { type: 'decision.repeated', data }
    case 'pattern': {
      const last_validated_at = artifact.text?.last_validated_at ?? artifact.saved_at
      return { type: 'pattern.validated', data: { ...data, last_validated_at } }
    }
  }
}

function validatedAt(artifact: Artifact): string {
  return artifact.kind === 'pattern' ? (artifact.text?.last_validated_at ?? '') : ''
}

function placeOf({ project_id, scope, focus, origin }: Place): Place {
  return { project_id, scope, focus, origin }
}
