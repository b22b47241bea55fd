import fc from 'fast-check'
import { GENESIS } from '../../src/domain/event.ts'
import { END_REASONS, type SessionEvent, WHISPER_PRIORITIES } from '../../src/domain/session/events.ts'
import type { Turn } from '../../src/domain/usage.ts'

/** Any text that JSON can carry, control characters and halves of surrogate pairs among them. */
export const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\u2028\u2029', '\ud800', '\udfff x', '', '\u0000', '"\\\n', '</script>', '🧭'),
  },
)
const maybeText = fc.option(text)
const count = fc.oneof(fc.nat(20), fc.constantFrom(0, Number.MAX_SAFE_INTEGER))
const taskId = fc.constantFrom('t-1', 't-2', 't-3', '', 'ä')
const whisperId = fc.constantFrom('w-1', 'w-2', 'w-3')
const failure = fc.record({ message: text, kind: maybeText, detail: maybeText })

export const turn: fc.Arbitrary<Turn> = fc.record({
  request_id: fc.option(fc.constantFrom('r-1', 'r-2', 'r-3')),
  provider: fc.option(fc.constantFrom('anthropic', 'openai')),
  model: fc.option(fc.constantFrom('big', 'small')),
  tokens: fc.option(
    fc.record({
      input: fc.nat(),
      output: fc.nat(),
      cache_read: fc.nat(),
      cache_write: fc.nat(),
      reasoning: fc.nat(),
    }),
  ),
  cost_usd: fc.option(fc.double({ min: 0, max: 1000, noNaN: true })),
  cost_is_estimated: fc.boolean(),
  started_at: fc.constant(null),
  ended_at: fc.constant(null),
  stop_reason: maybeText,
})

const data = {
  'session.started': fc.record({
    session_id: fc.constant('s-1'),
    session_type: fc.constantFrom('autonomous', 'manual'),
    slot: fc.constantFrom('default', 'review'),
    workflow: maybeText,
    provider: maybeText,
    model: maybeText,
    metadata: fc.dictionary(text, text, { maxKeys: 3 }),
    max_consecutive_failures: count,
  }),
  'lease.granted': fc.record({
    slot: fc.constantFrom('default', 'review'),
    token: fc.integer({ min: 1, max: 50 }),
    reason: fc.constantFrom('initialized', 'adopted'),
    holder: fc.record({ host: text, boot_id: text, pid_space: text, pid: fc.nat(), started: text }),
    book: text,
  }),
  'session.touched': fc.constant({}),
  'session.paused': fc.record({ reason: fc.constantFrom('requested', 'circuit_opened') }),
  'session.resumed': fc.constant({}),
  'session.ended': fc.record({
    reason: fc.constantFrom(...END_REASONS),
    detail: maybeText,
    command: fc.option(
      fc.record({
        argv: fc.array(text, { maxLength: 3 }),
        exit_code: fc.option(fc.nat(255)),
        signal: maybeText,
        output_tail: fc.array(text, { maxLength: 3 }),
      }),
    ),
  }),
  'auth_method.set': fc.record({ auth_method: fc.constantFrom('claude_pro', 'api_key') }),
  'counters.reported': fc.record(
    { tasks_failed: count, tasks_skipped: count, consecutive_failures: count },
    { requiredKeys: [] },
  ),
  'circuit.opened': fc.record({ threshold: count, consecutive_failures: count }),
  'circuit.closed': fc.constant({}),
  'task.started': fc.record({ task_id: taskId }),
  'task.cleared': fc.constant({}),
  'task.completed': fc.record({ task_id: fc.option(taskId) }),
  'task.failed': fc.record({ task_id: fc.option(taskId), error: failure }),
  'task.skipped': fc.record({ task_id: fc.option(taskId), error: failure }),
  'task.added': fc.record({ task_id: taskId, title: text }),
  'task.marked_done': fc.record({ task_id: taskId, note: maybeText }),
  'turn.recorded': turn,
  'whisper.sent': fc.record({
    whisper_id: whisperId,
    instruction: text,
    priority: fc.constantFrom(...WHISPER_PRIORITIES),
  }),
  'whisper.delivered': fc.record({ whisper_ids: fc.array(whisperId, { maxLength: 3 }) }),
  'whisper.acknowledged': fc.record({ whisper_ids: fc.array(whisperId, { maxLength: 3 }) }),
} as const satisfies Record<SessionEvent['type'], fc.Arbitrary<unknown>>

export const EVENT_TYPES = Object.keys(data) as SessionEvent['type'][]

/** What happened, of any type, without the envelope. */
export const newEvent = fc.oneof(
  ...EVENT_TYPES.map((type) => fc.record({ type: fc.constant(type), data: data[type] as fc.Arbitrary<unknown> })),
)

const DAY = Date.parse('2026-11-21T00:00:00.000Z')

/** Puts events into envelopes, at the given milliseconds of one day. */
export function recorded(events: readonly { type: string; data: unknown }[], times: readonly number[]): SessionEvent[] {
  return events.map(
    ({ type, data: what }, i) =>
      ({
        v: 1,
        seq: i + 1,
        id: `e-${i + 1}`,
        at: new Date(DAY + (times[i] ?? 0)).toISOString(),
        type,
        actor: { kind: 'agent', name: 'test' },
        data: what,
        prev: GENESIS,
      }) as SessionEvent,
  )
}

/** Any valid events in any order, at any times: also what no `decide` would ever write. */
export const anyEvents: fc.Arbitrary<SessionEvent[]> = fc
  .array(fc.tuple(newEvent, fc.integer({ min: 0, max: 86_400_000 })), { maxLength: 60 })
  .map((pairs) =>
    recorded(
      pairs.map(([event]) => event),
      pairs.map(([, time]) => time),
    ),
  )
