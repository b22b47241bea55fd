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

/** What some events of a session say of tasks, wherever they stand in it. */
export function reportsOf(sessionId: string, events: readonly SessionEvent[]): TaskReport[] {
  return reportsIn(events.flatMap((event) => rowsOf(event, sessionId)))
}

export function reportsIn(changes: readonly Change[]): TaskReport[] {
  return changes.flatMap((change) => (change.table === 'task_reports' ? [change.report] : []))
}

function rowsOf(event: SessionEvent, sessionId: string): Change[] {
  const { at } = event
  switch (event.type) {
    case 'session.started': {
      const { workflow, metadata } = event.data
      const words = Object.entries(metadata).map(([name, value]) => `${name}: ${value}`)
      if (workflow === null && words.length === 0) return []
      const doc = { kind: 'session', id: sessionId, title: workflow ?? sessionId, text: words.join('\n') } as const
      return [searchDoc(sessionId, at, doc)]
    }
    case 'task.added': {
      const { task_id, title } = event.data
      return [
        taskReport(sessionId, at, { task_id, title }),
        searchDoc(sessionId, at, { kind: 'task', id: `${sessionId}/${task_id}`, title, text: task_id }),
      ]
    }
    case 'task.failed':
    case 'task.skipped': {
      const { message, kind, detail } = event.data.error
      const text = [event.data.task_id, kind, detail].filter((part) => part !== null).join('\n')
      return [searchDoc(sessionId, at, { kind: 'error', id: `${sessionId}/${event.seq}`, title: message, text })]
    }
    case 'task.started':
      return [taskReport(sessionId, at, { task_id: event.data.task_id, status: 'in_progress' })]
    case 'task.marked_done':
      return [taskReport(sessionId, at, { task_id: event.data.task_id, status: 'done', marked_done: true })]
    case 'task.completed': {
      const { task_id } = event.data
      return task_id === null ? [] : [taskReport(sessionId, at, { task_id, status: 'in_progress', completed: true })]
    }
    case 'turn.recorded':
      return event.data.request_id === null
        ? []
        : [{ table: 'turn_requests', session_id: sessionId, request_id: event.data.request_id }]
    default:
      return []
  }
}

function taskReport(sessionId: string, at: string, said: Partial<TaskReport> & Pick<TaskReport, 'task_id'>): Change {
  const unsaid = { title: null, status: 'todo', completed: false, marked_done: false } as const
  // No store keeps half a character, and ids that are one there must be one here.
  const task_id = said.task_id.toWellFormed()
  return { table: 'task_reports', report: { ...unsaid, session_id: sessionId, updated_at: at, ...said, task_id } }
}

function searchDoc(sessionId: string, at: string, found: Pick<SearchDoc, 'kind' | 'id' | 'title' | 'text'>): Change {
  return { table: 'search_docs', doc: { ...found, scope: 'project', focus: null, session_id: sessionId, at } }
}

/** The stream of a session. */
export function sessionStream(sessionId: string): StreamRef {
  return { kind: 'session', id: sessionId }
}
