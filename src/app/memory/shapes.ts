import * as z from 'zod'
import { RESOLUTIONS, REVIEW_REASONS } from '../../domain/memory/events.ts'
import { GLOBAL_PROJECT, type Room, SCOPES } from '../../domain/memory/room.ts'
import { hasWord } from '../../domain/memory/words.ts'
import { refusalSchema } from '../operation.ts'
import { idText, longText, MAX_TEXT } from '../shapes.ts'

/** Most entries of a list that a call may bring. */
export const MAX_ENTRIES = 1000

const text = z.string().max(MAX_TEXT)
const texts = z.array(text).max(MAX_ENTRIES)
export const scope = z.enum(SCOPES)

/** What may be left out; to many callers that is the same as saying null. */
export function orElse<Schema extends z.ZodType>(schema: Schema, value: z.infer<Schema>) {
  return schema
    .nullish()
    .meta({ default: value })
    .transform((given): z.infer<Schema> => given ?? value)
}

const NO_WORD = 'has no word in it, so nothing could ever be compared with it'

export const summaryInput = z.strictObject({
  objective: longText,
  actions_taken: texts,
  decisions_made: texts,
  open_items: texts,
  next_actions: texts,
  save_scope: scope,
})
export type SummaryInput = z.infer<typeof summaryInput>

export const decisionInput = z
  .strictObject({
    title: text,
    rationale: text,
    owner: z.string().max(200),
    date: z.iso.date(),
    scope,
    confidence: orElse(z.number().min(0).max(1), 1),
    supersedes: idText.nullish().describe('Id of the decision that this one replaces.'),
  })
  .refine(({ title }) => hasWord([title]), { path: ['title'], error: NO_WORD })
export type DecisionInput = z.infer<typeof decisionInput>

export const patternInput = z
  .strictObject({
    trigger: text,
    repeatable_steps: texts,
    exclusions: orElse(texts, []),
    scope,
    last_validated_at: z.iso.datetime({ offset: true }),
  })
  .refine(({ trigger, repeatable_steps }) => hasWord([trigger, ...repeatable_steps]), NO_WORD)
export type PatternInput = z.infer<typeof patternInput>

/** Names a project; `*` stands for no project at all. */
export const projectId = z
  .string()
  .min(1)
  .max(200)
  .refine(
    (id) => id.trim() === id && id !== GLOBAL_PROJECT,
    `must not be "${GLOBAL_PROJECT}", nor begin or end with white space`,
  )
export const whichProject = { project_id: projectId.nullish().describe("Left out: the repository's own.") }
export const whichFocus = { focus: z.string().trim().min(1).max(200).nullish() }
export const withToken = { governance_token: z.string().max(200).nullish() }
/** The run that something was learned in; left out, the one that runs now. */
export const whichRun = { session_id: idText.nullish() }
/** Where a call's decisions and patterns go. */
export const whichPlace = { ...whichProject, ...whichFocus, ...withToken, ...whichRun }
export const withKey = { idempotency_key: idText.nullish() }

const decisionText = z.object({
  title: z.string(),
  rationale: z.string(),
  owner: z.string(),
  date: z.string(),
  confidence: z.number(),
})

export const saveResult = z.object({
  status: z.enum(['saved', 'failed', 'blocked_scope', 'pending_retry']),
  artifact_id: z.string().nullable(),
  dedup_outcome: z.enum(['new', 'duplicate_skip', 'supersede', 'manual_review']).nullable(),
  message: z.string().nullable(),
  candidate_id: z.string().optional(),
  similarity: z.number().optional(),
  review_id: z.string().optional(),
  next_step: z.string().optional(),
  error: refusalSchema.optional(),
})
export type SaveResult = z.infer<typeof saveResult>

/** One of the two texts that a review holds against each other, as things stand now. */
const reviewedText = decisionText.extend({
  in_force: z.boolean(),
  in_place_of: z
    .string()
    .nullable()
    .describe(
      'The decision that the review was opened for, where this one took its place since. Resolving acts on this one.',
    ),
})

/** A decision that waits for a person, beside the one that it is like. */
export const reviewShape = z.object({
  id: z.string(),
  project_id: z.string().nullable(),
  scope,
  focus: z.string().nullable(),
  opened_at: z.string(),
  session_id: z.string().nullable(),
  reason: z.enum(REVIEW_REASONS),
  similarity: z.number().describe('Of the two texts that stand here.'),
  decision: reviewedText.extend({ id: z.string().nullable().describe('Null while the text only waits.') }),
  candidate: reviewedText.extend({ id: z.string() }).nullable().describe('Null once it was forgotten.'),
  resolutions: z.array(z.enum(RESOLUTIONS)),
})
export type ReviewView = z.infer<typeof reviewShape>

/** What every saving call may bring beside what it saves, with all that was left out said. */
export function asked(input: {
  project_id?: string | null | undefined
  focus?: string | null | undefined
  governance_token?: string | null | undefined
  session_id?: string | null | undefined
  idempotency_key?: string | null | undefined
}) {
  return {
    summary: null,
    decisions: [],
    patterns: [],
    project_id: input.project_id ?? null,
    focus: input.focus ?? null,
    governance_token: input.governance_token ?? null,
    session_id: input.session_id ?? null,
    idempotency_key: input.idempotency_key ?? null,
  }
}

/** A room, as a message calls it. */
export function roomName({ project_id, scope: where, focus }: Room): string {
  if (where === 'global') return 'global scope'
  return where === 'focus' ? `focus "${focus}" of project "${project_id}"` : `project "${project_id}"`
}
