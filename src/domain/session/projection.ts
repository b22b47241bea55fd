import type { StreamRef } from '../event.ts'
import { mergeTask, type Task } from '../task.ts'
import type { SessionEvent } from './events.ts'
import { evolve } from './evolve.ts'
import { initialState, type SessionState } from './state.ts'

/** What one session's stream says about one task; the ledger's row is the merge of these over all sessions. */
export interface TaskReport extends Task {
  /** The session counted it as completed. */
  readonly completed: boolean
  /** The session marked it done. */
  readonly marked_done: boolean
}

/** One more report of a session on a task; what it once did stays done. */
export function mergeReport(known: TaskReport | undefined, news: TaskReport): TaskReport {
  if (known === undefined) return news
  return {
    ...mergeTask(known, news),
    session_id: news.session_id,
    completed: known.completed || news.completed,
    marked_done: known.marked_done || news.marked_done,
  }
}

/** A change to a row, as data: each store carries them out in its own dialect. */
export type Change =
  | { readonly table: 'task_reports'; readonly report: TaskReport }
  | { readonly table: 'turn_requests'; readonly session_id: string; readonly request_id: string }

/** The session and the rows beside it after some more events. */
export interface Projection {
  readonly state: SessionState
  readonly changes: readonly Change[]
}

/** Computes what a store must hold after `events` were appended to a session that stood at `before`. */
export function project(before: SessionState | undefined, events: readonly SessionEvent[]): Projection {
  let state = before ?? initialState
  const changes: Change[] = []
  for (const event of events) {
    state = evolve(state, event)
    changes.push(...rowsOf(event, state.session_id))
  }
  return { state, changes }
}

function rowsOf(event: SessionEvent, sessionId: string): Change[] {
  const report = (taskId: string, more: Partial<TaskReport>): Change => ({
    table: 'task_reports',
    report: {
      task_id: taskId,
      title: null,
      status: 'todo',
      session_id: sessionId,
      updated_at: event.at,
      completed: false,
      marked_done: false,
      ...more,
    },
  })
  switch (event.type) {
    case 'task.added':
      return [report(event.data.task_id, { title: event.data.title })]
    case 'task.started':
      return [report(event.data.task_id, { status: 'in_progress' })]
    case 'task.marked_done':
      return [report(event.data.task_id, { status: 'done', marked_done: true })]
    case 'task.completed':
      return event.data.task_id === null ? [] : [report(event.data.task_id, { status: 'in_progress', completed: true })]
    case 'turn.recorded':
      return event.data.request_id === null
        ? []
        : [{ table: 'turn_requests', session_id: sessionId, request_id: event.data.request_id }]
    default:
      return []
  }
}

/** The stream of a session. */
export function sessionStream(sessionId: string): StreamRef {
  return { kind: 'session', id: sessionId }
}
