import { addModelTurn, addTurn } from '../usage.ts'
import type { SessionEvent } from './events.ts'
import {
  ERRORS_KEPT,
  type ProcessedTask,
  type SessionError,
  type SessionState,
  TASKS_KEPT,
  type TaskOutcome,
} from './state.ts'

/** Events that say something about the run and not about the work: they leave `last_update` as it was. */
const QUIET: ReadonlySet<SessionEvent['type']> = new Set(['lease.granted', 'whisper.sent', 'task.added'])

/** The session after one more event. Total: any event that reads well is accepted in any state, because it did happen. */
export function evolve(state: SessionState, event: SessionEvent): SessionState {
  const next = apply(state, event)
  return {
    ...next,
    // A record that lost its first line still is of a session that began, at the latest, with what is left.
    start_time: next.start_time === '' ? event.at : next.start_time,
    last_at: event.at,
    last_update: QUIET.has(event.type) && state.last_update !== '' ? state.last_update : event.at,
  }
}

function apply(state: SessionState, event: SessionEvent): SessionState {
  switch (event.type) {
    case 'session.started': {
      const { max_consecutive_failures: threshold, ...identity } = event.data
      return {
        ...state,
        ...identity,
        status: 'running',
        start_time: event.at,
        running_since: event.at,
        circuit: { ...state.circuit, threshold },
      }
    }
    case 'lease.granted':
      return { ...state, token: Math.max(state.token, event.data.token) }
    case 'session.touched':
      return state
    case 'session.paused':
      return { ...state, status: 'paused', active_ms: activeMs(state, event.at), running_since: null }
    case 'session.resumed':
      return { ...state, status: 'running', running_since: state.running_since ?? event.at }
    case 'session.ended':
      return {
        ...state,
        status:
          event.data.reason === 'process_gone' || event.data.reason === 'lease_expired' ? 'interrupted' : 'stopped',
        end_time: event.at,
        end_reason: event.data.reason,
        current_task: null,
        active_ms: activeMs(state, event.at),
        running_since: null,
      }
    case 'auth_method.set':
      return { ...state, auth_method: event.data.auth_method }
    case 'counters.reported':
      return reportCounters(state, event.data, event.at)
    case 'circuit.opened':
      return { ...state, circuit: { state: 'open', threshold: event.data.threshold, opened_at: event.at } }
    case 'circuit.closed':
      return { ...state, circuit: { ...state.circuit, state: 'closed', opened_at: null } }
    case 'task.started':
      return state.current_task?.task_id === event.data.task_id
        ? state
        : { ...state, current_task: { task_id: event.data.task_id, started_at: event.at } }
    case 'task.cleared':
      return { ...state, current_task: null }
    case 'task.completed':
      return {
        ...processed(state, 'completed', event.data.task_id, event.at),
        tasks_completed: state.tasks_completed + 1,
        consecutive_failures: 0,
      }
    case 'task.failed':
      return {
        ...withError(processed(state, 'failed', event.data.task_id, event.at), event, 'failed'),
        tasks_failed: state.tasks_failed + 1,
        consecutive_failures: state.consecutive_failures + 1,
      }
    case 'task.skipped':
      return {
        ...withError(processed(state, 'skipped', event.data.task_id, event.at), event, 'skipped'),
        tasks_skipped: state.tasks_skipped + 1,
      }
    case 'task.added':
    case 'task.marked_done':
      return state
    case 'turn.recorded':
      return { ...state, usage: addTurn(state.usage, event.data), by_model: addModelTurn(state.by_model, event.data) }
    case 'whisper.sent': {
      const { whisper_id: id, instruction, priority } = event.data
      return {
        ...state,
        whispers_waiting: [...state.whispers_waiting, { id, instruction, priority, timestamp: event.at }],
      }
    }
    case 'whisper.delivered': {
      const given = new Set(event.data.whisper_ids)
      return {
        ...state,
        whispers_waiting: state.whispers_waiting.filter((w) => !given.has(w.id)),
        whispers_unacknowledged: [...state.whispers_unacknowledged, ...given],
      }
    }
    case 'whisper.acknowledged': {
      const seen = new Set(event.data.whisper_ids)
      return { ...state, whispers_unacknowledged: state.whispers_unacknowledged.filter((id) => !seen.has(id)) }
    }
  }
}

/** Milliseconds the session has not been paused, up to `at`. */
export function activeMs(state: SessionState, at: string): number {
  return state.active_ms + (state.running_since === null ? 0 : elapsedMs(state.running_since, at))
}

/** Milliseconds from one time to another; 0 where a clock was set back between them. */
export function elapsedMs(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from))
}

function processed(state: SessionState, outcome: TaskOutcome, taskId: string | null, at: string): SessionState {
  const current = state.current_task?.task_id === taskId ? state.current_task : null
  const task: ProcessedTask = {
    task_id: taskId,
    outcome,
    finished_at: at,
    duration_ms: current === null ? null : elapsedMs(current.started_at, at),
  }
  return {
    ...state,
    tasks: [...state.tasks, task].slice(-TASKS_KEPT),
    // The task stays current until the agent says otherwise, and its clock starts again: nothing is timed twice.
    current_task: current === null ? state.current_task : { ...current, started_at: at },
  }
}

function withError(
  state: SessionState,
  event: Extract<SessionEvent, { type: 'task.failed' | 'task.skipped' }>,
  outcome: 'failed' | 'skipped',
): SessionState {
  const error: SessionError = { at: event.at, task_id: event.data.task_id, outcome, ...event.data.error }
  return { ...state, errors: [...state.errors, error].slice(-ERRORS_KEPT) }
}

/**
 * An agent that only reports totals says nothing about which task failed. Where exactly one counter rose by exactly one while a
 * task was current there is no doubt, and the task is listed with that outcome; otherwise only the counters change.
 */
function reportCounters(
  state: SessionState,
  data: {
    tasks_failed?: number | undefined
    tasks_skipped?: number | undefined
    consecutive_failures?: number | undefined
  },
  at: string,
): SessionState {
  const failed = (data.tasks_failed ?? state.tasks_failed) - state.tasks_failed
  const skipped = (data.tasks_skipped ?? state.tasks_skipped) - state.tasks_skipped
  const current = state.current_task
  const listed =
    current !== null && failed + skipped === 1 && failed >= 0 && skipped >= 0
      ? processed(state, failed === 1 ? 'failed' : 'skipped', current.task_id, at)
      : state
  return {
    ...listed,
    tasks_failed: data.tasks_failed ?? state.tasks_failed,
    tasks_skipped: data.tasks_skipped ?? state.tasks_skipped,
    consecutive_failures: data.consecutive_failures ?? state.consecutive_failures,
  }
}
