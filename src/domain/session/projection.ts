import type { StreamRef } from '../event.ts'
import type { SearchDoc } from '../memory/search-doc.ts'
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
  | { readonly table: 'search_docs'; readonly doc: Omit<SearchDoc, 'project_id'> }

/** The session and the rows beside it after some more events. */
export interface Projection {
  readonly state: SessionState
  readonly changes: readonly Change[]
}

/**
 * Computes what a store must hold after `events` were appended to a session that stood at `before`. `until` is the time of the last
 * event of their step, of whatever kind: what was learned in a session moves its time on, and nothing else.
 */
export function project(
  before: SessionState | undefined,
  events: readonly SessionEvent[],
  until: string = '',
): Projection {
  let state = before ?? initialState
  const changes: Change[] = []
  for (const event of events) {
    state = evolve(state, event)
    changes.push(...rowsOf(event, state.session_id))
  }
  return { state: until > state.last_at ? { ...state, last_at: until } : state, changes }
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
  const found = (kind: SearchDoc['kind'], id: string, title: string, text: string): Change => ({
    table: 'search_docs',
    doc: { kind, id, scope: 'project', focus: null, session_id: sessionId, at: event.at, title, text },
  })
  switch (event.type) {
    case 'session.started': {
      const { workflow, metadata } = event.data
      const words = Object.entries(metadata).map(([name, value]) => `${name}: ${value}`)
      return workflow === null && words.length === 0
        ? []
        : [found('session', sessionId, workflow ?? sessionId, words.join('\n'))]
    }
    case 'task.added': {
      const { task_id, title } = event.data
      return [report(task_id, { title }), found('task', `${sessionId}/${task_id}`, title, task_id)]
    }
    case 'task.failed':
    case 'task.skipped': {
      const { message, kind, detail } = event.data.error
      const text = [event.data.task_id, kind, detail].filter((part) => part !== null).join('\n')
      return [found('error', `${sessionId}/${event.seq}`, message, text)]
    }
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
