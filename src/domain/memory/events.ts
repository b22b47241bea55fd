import * as z from 'zod'
import type { NewEvent, RecordedEvent } from '../event.ts'
import { SCOPES } from './room.ts'

const text = z.string()
const maybeText = z.string().nullable()
const texts = z.array(z.string())

/** Where it belongs, and where it was said: the project and the session in which somebody saved it. */
const place = {
  project_id: text,
  scope: z.enum(SCOPES),
  focus: maybeText,
  origin: z.object({ project_id: text, session_id: maybeText }),
}

/** The summary that a batch saved with it, which so is known to have produced it. */
const producedBy = { summary_id: maybeText }

export const decisionTextSchema = z.object({
  title: text,
  rationale: text,
  owner: text,
  /** ISO date. */
  date: text,
  /** 0 to 1. */
  confidence: z.number(),
})

export const RESOLUTIONS = ['supersede', 'keep_both', 'discard'] as const
export type Resolution = (typeof RESOLUTIONS)[number]

/** Why a person must look: two texts that are alike but not the same, or alike but for a word that turns the meaning round. */
export const REVIEW_REASONS = ['similar', 'negation', 'merged_twins'] as const
export type ReviewReason = (typeof REVIEW_REASONS)[number]

/** Everything that can happen to what was learned. The outcome of each comparison is part of the fact, so a rebuild never compares. */
export const memoryEventSchemas = {
  'summary.saved': z.object({
    artifact_id: text,
    ...place,
    objective: text,
    actions_taken: texts,
    decisions_made: texts,
    open_items: texts,
    next_actions: texts,
    /** SHA-256 of the key, hex. */
    idempotency_key: maybeText,
  }),
  'decision.saved': z.object({
    artifact_id: text,
    ...place,
    ...decisionTextSchema.shape,
    content_hash: text,
    /** The decision that it takes the place of. */
    supersedes: maybeText,
    /** To the one that it supersedes, where that was found by likeness. */
    similarity: z.number().nullable(),
    ...producedBy,
  }),
  'decision.repeated': z.object({ artifact_id: text, ...place, ...producedBy }),
  'pattern.saved': z.object({
    artifact_id: text,
    ...place,
    trigger: text,
    repeatable_steps: texts,
    exclusions: texts,
    /** ISO 8601 UTC with milliseconds. */
    last_validated_at: text,
    content_hash: text,
    ...producedBy,
  }),
  'pattern.validated': z.object({ artifact_id: text, ...place, last_validated_at: text, ...producedBy }),
  'review.opened': z.object({
    review_id: text,
    ...place,
    decision: decisionTextSchema,
    content_hash: text,
    candidate_id: text,
    similarity: z.number(),
    reason: z.enum(REVIEW_REASONS),
    /** Set where the text is a decision in force already, as twins are that met in a merge. */
    artifact_id: maybeText,
    ...producedBy,
  }),
  'review.resolved': z.object({
    review_id: text,
    ...place,
    resolution: z.enum(RESOLUTIONS),
    /** The decision that it became, or that it left in force. */
    artifact_id: maybeText,
    /** What it was held against, and how like that it was, where that had taken the place of the candidate since it was opened. */
    candidate_id: text.optional(),
    similarity: z.number().optional(),
  }),
  /** It gave way to another without a new text: two that met in a merge, or one that was said again to take its place. */
  'decision.retired': z.object({ artifact_id: text, ...place, superseded_by: text }),
  /** `granted_at` is what the clock said: the time of an event never goes back, and a clock does. */
  'approval.granted': z.object({
    approval_id: text,
    ...place,
    content_preview: text,
    granted_at: text.optional(),
    expires_at: text,
  }),
  'approval.spent': z.object({ approval_id: text, ...place }),
  'artifact.forgotten': z.object({ artifact_id: text, ...place, purged: z.boolean() }),
} as const

type Schemas = typeof memoryEventSchemas
export type MemoryEventType = keyof Schemas
export type MemoryEventData<T extends MemoryEventType> = z.infer<Schemas[T]>

/** A memory event that a decision produced, by type. */
export type NewMemoryEvent = { [T in MemoryEventType]: NewEvent<T, MemoryEventData<T>> }[MemoryEventType]

/** A memory event as it stands in a record, by type. */
export type MemoryEvent = { [T in MemoryEventType]: RecordedEvent<T, MemoryEventData<T>> }[MemoryEventType]

/** Narrows a recorded event to a memory event that this program knows and whose data has the right shape. */
export function isMemoryEvent(event: RecordedEvent): event is MemoryEvent {
  if (!Object.hasOwn(memoryEventSchemas, event.type)) return false
  return memoryEventSchemas[event.type as MemoryEventType].safeParse(event.data).success
}
