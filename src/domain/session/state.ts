import type { ModelUsage, UsageTotals } from '../usage.ts'
import { NO_USAGE } from '../usage.ts'
import type { EndReason, Failure, WhisperPriority } from './events.ts'

export type SessionType = 'autonomous' | 'manual'
export type SessionStatus = 'running' | 'paused' | 'stopped' | 'interrupted'
export type TaskOutcome = 'completed' | 'failed' | 'skipped'

export interface ProcessedTask {
  readonly task_id: string | null
  readonly outcome: TaskOutcome
  readonly finished_at: string
  /** Wall time since the task was made current; `null` when it never was. */
  readonly duration_ms: number | null
}

export interface SessionError extends Failure {
  readonly at: string
  readonly task_id: string | null
  readonly outcome: 'failed' | 'skipped'
}

export interface Whisper {
  readonly id: string
  readonly instruction: string
  readonly priority: WhisperPriority
  /** When the operator sent it, ISO 8601. */
  readonly timestamp: string
}

/**
 * A session as its events make it. Its size does not grow with the session's length: lists are cut to what the contract shows,
 * so that a call costs the same in the hundred-thousandth event as in the first.
 */
export interface SessionState {
  readonly session_id: string
  readonly session_type: SessionType
  readonly slot: string
  readonly workflow: string | null
  readonly provider: string | null
  readonly model: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly status: SessionStatus
  readonly start_time: string
  readonly last_update: string
  readonly end_time: string | null
  readonly end_reason: EndReason | null
  readonly current_task: { readonly task_id: string; readonly started_at: string } | null
  readonly auth_method: 'claude_pro' | 'api_key' | null
  readonly tasks_completed: number
  readonly tasks_failed: number
  readonly tasks_skipped: number
  readonly consecutive_failures: number
  readonly circuit: { readonly state: 'closed' | 'open'; readonly threshold: number; readonly opened_at: string | null }
  /** Milliseconds not paused, up to `running_since`. */
  readonly active_ms: number
  /** Since when it runs unpaused; `null` while paused and after the end. */
  readonly running_since: string | null
  readonly usage: UsageTotals
  readonly by_model: readonly ModelUsage[]
  /** The last 5. */
  readonly errors: readonly SessionError[]
  /** The last 20 processed. */
  readonly tasks: readonly ProcessedTask[]
  /** Sent and not yet handed to the agent, in the order sent. */
  readonly whispers_waiting: readonly Whisper[]
  /** Handed to the agent, who has not called since. */
  readonly whispers_unacknowledged: readonly string[]
  /** Fencing token of the last grant in this session. */
  readonly token: number
  /** `at` of the last event; the next one is never earlier. */
  readonly last_at: string
}

export const ERRORS_KEPT = 5
export const TASKS_KEPT = 20

/** A session before its first event. */
export const initialState: SessionState = {
  session_id: '',
  session_type: 'manual',
  slot: 'default',
  workflow: null,
  provider: null,
  model: null,
  metadata: {},
  status: 'running',
  start_time: '',
  last_update: '',
  end_time: null,
  end_reason: null,
  current_task: null,
  auth_method: null,
  tasks_completed: 0,
  tasks_failed: 0,
  tasks_skipped: 0,
  consecutive_failures: 0,
  circuit: { state: 'closed', threshold: 3, opened_at: null },
  active_ms: 0,
  running_since: null,
  usage: NO_USAGE,
  by_model: [],
  errors: [],
  tasks: [],
  whispers_waiting: [],
  whispers_unacknowledged: [],
  token: 0,
  last_at: '',
}

/** Of a session that is over: nothing that this program writes changes it any more. */
export const ENDED_STATUSES = ['stopped', 'interrupted'] as const satisfies readonly SessionState['status'][]

type LiveStatus = Exclude<SessionStatus, (typeof ENDED_STATUSES)[number]>

/** Of a session that goes on. */
export const LIVE_STATUSES = Object.keys({ running: true, paused: true } satisfies Record<LiveStatus, true>)

/** True once the session is over; nothing changes it any more. */
export function hasEnded(state: SessionState): boolean {
  return ENDED_STATUSES.some((status) => status === state.status)
}
