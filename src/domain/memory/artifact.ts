import type { Actor } from '../event.ts'
import { byText } from '../order.ts'
import type { MemoryEvent, MemoryEventData } from './events.ts'
import type { Room } from './room.ts'

export type SummaryText = Pick<
  MemoryEventData<'summary.saved'>,
  'objective' | 'actions_taken' | 'decisions_made' | 'open_items' | 'next_actions'
>
export type DecisionText = Pick<
  MemoryEventData<'decision.saved'>,
  'title' | 'rationale' | 'owner' | 'date' | 'confidence'
>
export type PatternText = Pick<
  MemoryEventData<'pattern.saved'>,
  'trigger' | 'repeatable_steps' | 'exclusions' | 'last_validated_at'
>

export const ARTIFACT_KINDS = ['summary', 'decision', 'pattern'] as const
export type ArtifactKind = (typeof ARTIFACT_KINDS)[number]

interface Common extends Room {
  readonly id: string
  /** ISO 8601 UTC: when it was first saved. */
  readonly saved_at: string
  readonly saved_by: Actor
  /** The project and the session in which it was first said. */
  readonly origin: MemoryEventData<'summary.saved'>['origin']
  /** Every session that saved or repeated it. */
  readonly sessions: readonly string[]
  /** Summaries that it was saved with. */
  readonly produced_by: readonly string[]
  /** SHA-256 of its words; `null` for a summary, which is never compared. */
  readonly content_hash: string | null
  readonly supersedes: string | null
  /** More than one where two clones superseded it, each without knowing of the other. */
  readonly superseded_by: readonly string[]
  /** Its text was taken out of everything that answers; what stands here is that it once was. */
  readonly forgotten: boolean
}

/** Something learned, as all that was recorded about it makes it. */
export type Artifact = Common &
  (
    | { readonly kind: 'summary'; readonly text: SummaryText | null }
    | { readonly kind: 'decision'; readonly text: DecisionText | null }
    | { readonly kind: 'pattern'; readonly text: PatternText | null }
  )
export type Decision = Extract<Artifact, { kind: 'decision' }>
export type Pattern = Extract<Artifact, { kind: 'pattern' }>
export type Summary = Extract<Artifact, { kind: 'summary' }>

/** True for what an agent is to go by: not superseded, not forgotten. */
export function isInForce(artifact: Artifact): boolean {
  return !artifact.forgotten && artifact.superseded_by.length === 0
}

/** What people know it by; `null` once it was forgotten. */
export function titleOf(artifact: Artifact): string | null {
  if (artifact.text === null) return null
  switch (artifact.kind) {
    case 'decision':
      return artifact.text.title
    case 'pattern':
      return artifact.text.trigger
    case 'summary':
      return artifact.text.objective
  }
}

/**
 * An artifact is the fold of the facts about it, from whichever streams they come. Facts are taken in the order of their time and
 * id, so every copy of a book that holds the same records makes the same of them. Of two that gave way to each other the one that did
 * so first is superseded, and the other is not; a longer ring is seen by nobody who looks at one artifact (`ringsAmong`). `undefined`
 * while nobody has saved it.
 */
export function foldArtifact(id: string, facts: readonly MemoryEvent[]): Artifact | undefined {
  const ordered = inOrder(facts)
  const first = ordered.find(
    (event) =>
      (event.type === 'summary.saved' || event.type === 'decision.saved' || event.type === 'pattern.saved') &&
      event.data.artifact_id === id,
  )
  if (first === undefined) return undefined

  const sessions = new Set<string>()
  const producedBy = new Set<string>()
  const supersededBy = new Set<string>()
  /** What gave way to this one before it gave way to that: two clones may each have retired the other's. */
  const beaten = new Set<string>()
  const giveWay = (to: string) => {
    if (!beaten.has(to)) supersededBy.add(to)
  }
  let validatedAt = ''
  let forgotten = false
  for (const event of ordered) {
    if (event.type === 'decision.saved' && event.data.supersedes === id) giveWay(event.data.artifact_id)
    if (event.type === 'decision.retired' && event.data.superseded_by === id) beaten.add(event.data.artifact_id)
    if (!('artifact_id' in event.data) || event.data.artifact_id !== id) continue
    if (event.type === 'decision.saved' && event.data.supersedes !== null) beaten.add(event.data.supersedes)
    if (event.type === 'artifact.forgotten') forgotten = true
    if (event.type === 'decision.retired') giveWay(event.data.superseded_by)
    if (event.type === 'review.opened' || event.type === 'review.resolved') continue
    if (event.data.origin.session_id !== null && SAYS.has(event.type)) sessions.add(event.data.origin.session_id)
    if ('summary_id' in event.data && event.data.summary_id !== null) producedBy.add(event.data.summary_id)
    if ('last_validated_at' in event.data && event.data.last_validated_at > validatedAt)
      validatedAt = event.data.last_validated_at
  }
  const { project_id, scope, focus, origin } = first.data
  const common: Common = {
    id,
    project_id,
    scope,
    focus,
    saved_at: first.at,
    saved_by: first.actor,
    origin,
    sessions: [...sessions],
    produced_by: [...producedBy],
    content_hash: 'content_hash' in first.data ? first.data.content_hash : null,
    supersedes: 'supersedes' in first.data ? first.data.supersedes : null,
    superseded_by: [...supersededBy],
    forgotten,
  }
  return withText(common, first, validatedAt)
}

/** Events that say the artifact, or say it again. */
export const SAYS: ReadonlySet<MemoryEvent['type']> = new Set([
  'summary.saved',
  'decision.saved',
  'decision.repeated',
  'pattern.saved',
  'pattern.validated',
])

function withText(common: Common, { type, data }: MemoryEvent, validatedAt: string): Artifact | undefined {
  const kept = <T>(text: T) => (common.forgotten ? null : text)
  switch (type) {
    case 'summary.saved': {
      const { objective, actions_taken, decisions_made, open_items, next_actions } = data
      return {
        ...common,
        kind: 'summary',
        text: kept({ objective, actions_taken, decisions_made, open_items, next_actions }),
      }
    }
    case 'decision.saved': {
      const { title, rationale, owner, date, confidence } = data
      return { ...common, kind: 'decision', text: kept({ title, rationale, owner, date, confidence }) }
    }
    case 'pattern.saved': {
      const { trigger, repeatable_steps, exclusions } = data
      return {
        ...common,
        kind: 'pattern',
        text: kept({ trigger, repeatable_steps, exclusions, last_validated_at: validatedAt }),
      }
    }
    default:
      return undefined
  }
}

/** By time, and among equals by id: an order that does not depend on which file was read first. */
export function inOrder(facts: readonly MemoryEvent[]): MemoryEvent[] {
  return [...facts].sort((a, b) => (a.at === b.at ? byText(a.id, b.id) : byText(a.at, b.at)))
}
