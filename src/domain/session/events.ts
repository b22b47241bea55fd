import * as z from 'zod'
import type { NewEvent, RecordedEvent } from '../event.ts'
import { holderSchema } from '../lease.ts'
import { turnSchema } from '../usage.ts'

const text = z.string()
const maybeText = z.string().nullable()
const count = z.int().min(0)

/** How a session can end; `stopped` and `exited` are ends that somebody wanted, the others were found out later. */
export const END_REASONS = [
  'stopped_by_agent',
  'stopped_by_operator',
  'command_exited',
  'process_gone',
  'lease_expired',
] as const
export type EndReason = (typeof END_REASONS)[number]

export const WHISPER_PRIORITIES = ['normal', 'urgent', 'abort'] as const
export type WhisperPriority = (typeof WHISPER_PRIORITIES)[number]

export const failureSchema = z.object({ message: text, kind: maybeText, detail: maybeText })
export type Failure = z.infer<typeof failureSchema>

/** Everything that can happen in a session's stream. Adding a type is adding a line here and a case in `evolve`. */
export const sessionEventSchemas = {
  'session.started': z.object({
    session_id: text,
    session_type: z.enum(['autonomous', 'manual']),
    slot: text,
    workflow: maybeText,
    provider: maybeText,
    model: maybeText,
    metadata: z.record(text, text),
    max_consecutive_failures: count,
  }),
  'lease.granted': z.object({
    slot: text,
    token: z.int().min(1),
    reason: z.enum(['initialized', 'adopted']),
    holder: holderSchema,
    /** Which checkout granted it: a digest of its place, so that a copy of the record elsewhere is not taken for a live run. */
    book: text,
  }),
  'session.touched': z.object({}),
  'session.paused': z.object({ reason: z.enum(['requested', 'circuit_opened']) }),
  'session.resumed': z.object({}),
  'session.ended': z.object({
    reason: z.enum(END_REASONS),
    detail: maybeText,
    /** What became of the command that ran as this session, where one did. */
    command: z
      .object({ argv: z.array(text), exit_code: z.int().nullable(), signal: maybeText, output_tail: z.array(text) })
      .nullable(),
  }),
  'auth_method.set': z.object({ auth_method: z.enum(['claude_pro', 'api_key']) }),
  'counters.reported': z.object({
    tasks_failed: count.optional(),
    tasks_skipped: count.optional(),
    consecutive_failures: count.optional(),
  }),
  'circuit.opened': z.object({ threshold: count, consecutive_failures: count }),
  'circuit.closed': z.object({}),
  'task.started': z.object({ task_id: text }),
  'task.cleared': z.object({}),
  'task.completed': z.object({ task_id: maybeText }),
  'task.failed': z.object({ task_id: maybeText, error: failureSchema }),
  'task.skipped': z.object({ task_id: maybeText, error: failureSchema }),
  'task.added': z.object({ task_id: text, title: text }),
  'task.marked_done': z.object({ task_id: text, note: maybeText }),
  'turn.recorded': turnSchema,
  'whisper.sent': z.object({ whisper_id: text, instruction: text, priority: z.enum(WHISPER_PRIORITIES) }),
  'whisper.delivered': z.object({ whisper_ids: z.array(text) }),
  'whisper.acknowledged': z.object({ whisper_ids: z.array(text) }),
} as const

type Schemas = typeof sessionEventSchemas
export type SessionEventType = keyof Schemas

/** A session event that a decision produced, by type. */
export type NewSessionEvent = {
  [T in SessionEventType]: NewEvent<T, z.infer<Schemas[T]>>
}[SessionEventType]

/** A session event as it stands in the record, by type. */
export type SessionEvent = {
  [T in SessionEventType]: RecordedEvent<T, z.infer<Schemas[T]>>
}[SessionEventType]

/** Narrows a recorded event to one that this program knows and whose data has the right shape. */
export function isSessionEvent(event: RecordedEvent): event is SessionEvent {
  if (!Object.hasOwn(sessionEventSchemas, event.type)) return false
  return sessionEventSchemas[event.type as SessionEventType].safeParse(event.data).success
}
