import * as z from 'zod'
import { END_REASONS } from '../domain/session/events.ts'

/** Longest identifier, and longest free text, that a call may bring; both in UTF-16 units. */
const MAX_ID = 200
export const MAX_TEXT = 16_000

export const idText = z.string().min(1).max(MAX_ID)
export const shortText = z.string().max(MAX_ID)
export const longText = z.string().min(1).max(MAX_TEXT)
export const count = z.int().min(0)

/** What a slot may be called. */
export const SLOT_NAME = /^[\p{L}\p{N}][\p{L}\p{N}._/-]{0,199}$/u
export const SLOT_RULE = 'letters, digits, ".", "_", "/" and "-", beginning with a letter or digit'

/** Present in most inputs: which session the call is about, where that is not plain from the connection. */
export const whichSession = { session_id: idText.optional() }

const maybeText = z.string().nullable()

const tokensShape = z.object({
  input: count,
  output: count,
  cache_read: count,
  cache_write: count,
  reasoning: count,
  total: count,
})

/** Turns, tokens and cost: of a session, or of one model in it. */
export const usageShape = {
  turns: count,
  tokens: tokensShape.nullable(),
  cost_usd: z.number().nullable(),
  cost_is_estimated: z.boolean(),
}

export const sessionStatusShape = z.enum(['running', 'paused', 'stopped', 'interrupted'])

export const circuitShape = z.object({ state: z.enum(['closed', 'open']), threshold: count, opened_at: maybeText })

/** What `session_get_state` gives; the domain's `sessionView` makes it. */
export const sessionShape = z.object({
  session_id: z.string(),
  session_type: z.enum(['autonomous', 'manual']),
  slot: z.string(),
  workflow: maybeText,
  provider: maybeText,
  model: maybeText,
  metadata: z.record(z.string(), z.string()),
  status: sessionStatusShape,
  active: z.boolean(),
  start_time: z.string(),
  last_update: z.string(),
  end_time: maybeText,
  end_reason: z.enum(END_REASONS).nullable(),
  current_task_id: maybeText,
  auth_method: z.enum(['claude_pro', 'api_key']).nullable(),
  tasks_completed: count,
  tasks_failed: count,
  tasks_skipped: count,
  consecutive_failures: count,
  circuit: circuitShape,
  ...usageShape,
  errors: z.array(
    z.object({
      at: z.string(),
      task_id: maybeText,
      outcome: z.enum(['failed', 'skipped']),
      message: z.string(),
      kind: maybeText,
      detail: maybeText,
    }),
  ),
  tasks: z.array(
    z.object({
      task_id: maybeText,
      outcome: z.enum(['completed', 'failed', 'skipped']),
      finished_at: z.string(),
      duration_ms: count.nullable(),
    }),
  ),
  next_action: maybeText,
  last_heartbeat_at: maybeText,
})

export const lockShape = z.object({ slot: z.string(), token: count, expires_at: z.string() })

/** Annotations of a call that records something. Nothing that Rutter does destroys anything or leaves the machine. */
export const WRITES = {
  readOnlyHint: false,
  idempotentHint: false,
  destructiveHint: false,
  openWorldHint: false,
} as const
export const WRITES_ONCE = { ...WRITES, idempotentHint: true } as const
export const READS = { readOnlyHint: true, idempotentHint: true, destructiveHint: false, openWorldHint: false } as const
