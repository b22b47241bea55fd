import type { StreamRef } from '../../domain/event.ts'
import type { Change, TaskReport } from '../../domain/session/projection.ts'
import type { SessionState } from '../../domain/session/state.ts'
import { type TaskSync, UNMATCHED_LISTED } from '../../domain/session/statistics.ts'
import { mergeTask, TASK_STATUSES, type Task, type TaskStatus } from '../../domain/task.ts'
import type { Heartbeat, SessionFilter } from '../../ports/ledger.ts'
import type { Database } from './database.ts'
import { SearchIndex } from './search-index.ts'

/** Every query on the projection, for one project. */
export class Rows {
  readonly #db: Database
  readonly #project: string
  readonly #search: SearchIndex

  constructor(db: Database, projectId: string) {
    this.#db = db
    this.#search = new SearchIndex(db)
    this.#project = projectId
  }

  session(id: string): SessionState | undefined {
    const row = this.#db
      .sql('SELECT state FROM sessions WHERE project_id = ? AND session_id = ?')
      .get(this.#project, id)
    return row === undefined ? undefined : stateOf(row)
  }

  sessions(filter: SessionFilter): SessionState[] {
    const wheres = ['project_id = ?']
    const values: string[] = [this.#project]
    const only = (condition: string, value: string | undefined) => {
      if (value === undefined) return
      wheres.push(condition)
      values.push(value)
    }
    only('status = ?', filter.status)
    only('slot = ?', filter.slot)
    only('start_time >= ?', filter.since)
    only('start_time <= ?', filter.until)
    only('session_id < ?', filter.before)
    return this.#db
      .sql(`SELECT state FROM sessions WHERE ${wheres.join(' AND ')} ORDER BY session_id DESC LIMIT ?`)
      .all(...values, filter.limit)
      .map(stateOf)
  }

  /** By token, not by time: the clock may have been set back between two sessions. */
  lastSessionIn(slot: string): SessionState | undefined {
    const row = this.#db
      .sql('SELECT state FROM sessions WHERE project_id = ? AND slot = ? ORDER BY token DESC, start_time DESC LIMIT 1')
      .get(this.#project, slot)
    return row === undefined ? undefined : stateOf(row)
  }

  putSession(state: SessionState): void {
    const json = JSON.stringify(state)
    // Most calls change nothing that is indexed; an UPDATE that does not name those columns leaves the indexes alone.
    const { changes } = this.#db
      .sql(`UPDATE sessions SET state = ?
            WHERE project_id = ? AND session_id = ? AND slot = ? AND token = ? AND status = ? AND start_time = ?`)
      .run(json, this.#project, state.session_id, state.slot, state.token, state.status, state.start_time)
    if (changes === 1) return
    this.#db
      .sql(`INSERT OR REPLACE INTO sessions (project_id, session_id, slot, token, status, start_time, state)
            VALUES (?, ?, ?, ?, ?, ?, ?)`)
      .run(this.#project, state.session_id, state.slot, state.token, state.status, state.start_time, json)
  }

  /** Everything that was projected from one stream. */
  dropStream(stream: StreamRef): void {
    if (stream.kind !== 'session') return
    for (const table of ['sessions', 'task_reports', 'turn_requests']) {
      this.#db.sql(`DELETE FROM ${table} WHERE project_id = ? AND session_id = ?`).run(this.#project, stream.id)
    }
    this.#search.remove(this.#project, 'session', stream.id)
    for (const kind of ['task', 'error'] as const) this.#search.removeAll(this.#project, kind, `${stream.id}/`)
  }

  /** Everything that was projected from any stream; live state stays. */
  dropAll(): void {
    for (const table of ['sessions', 'task_reports', 'turn_requests']) {
      this.#db.sql(`DELETE FROM ${table} WHERE project_id = ?`).run(this.#project)
    }
  }

  carryOut(changes: readonly Change[]): void {
    for (const change of changes) {
      switch (change.table) {
        case 'task_reports':
          this.#putTaskReport(change.report)
          break
        case 'turn_requests':
          this.#db
            .sql('INSERT OR IGNORE INTO turn_requests (project_id, session_id, request_id) VALUES (?, ?, ?)')
            .run(this.#project, change.session_id, change.request_id)
          break
        case 'search_docs':
          this.#search.put({ project_id: this.#project, ...change.doc })
          break
      }
    }
  }

  #putTaskReport(report: TaskReport): void {
    const known = this.#db
      .sql('SELECT * FROM task_reports WHERE project_id = ? AND session_id = ? AND task_id = ?')
      .get(this.#project, report.session_id, report.task_id)
    const task = mergeTask(known === undefined ? undefined : taskOf(known), report)
    this.#db
      .sql(`INSERT INTO task_reports (project_id, session_id, task_id, title, status, updated_at, completed, marked_done)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET title = excluded.title, status = excluded.status, updated_at = excluded.updated_at,
              completed = max(completed, excluded.completed), marked_done = max(marked_done, excluded.marked_done)`)
      .run(
        this.#project,
        report.session_id,
        report.task_id,
        task.title,
        TASK_STATUSES.indexOf(task.status),
        task.updated_at,
        Number(report.completed),
        Number(report.marked_done),
      )
  }

  turnIsCounted(sessionId: string, requestId: string): boolean {
    return (
      this.#db
        .sql('SELECT 1 FROM turn_requests WHERE project_id = ? AND session_id = ? AND request_id = ?')
        .get(this.#project, sessionId, requestId) !== undefined
    )
  }

  task(taskId: string): Task | undefined {
    return this.#db
      .sql('SELECT * FROM task_reports WHERE project_id = ? AND task_id = ?')
      .all(this.#project, taskId)
      .map(taskOf)
      .reduce<Task | undefined>(mergeTask, undefined)
  }

  tasks(filter: { status?: TaskStatus | undefined; limit: number }): { tasks: Task[]; total: number } {
    const merged = `SELECT task_id, max(status) AS status FROM task_reports WHERE project_id = ? GROUP BY task_id`
    const where = filter.status === undefined ? '' : 'WHERE status = ?'
    const values = [this.#project, ...(filter.status === undefined ? [] : [TASK_STATUSES.indexOf(filter.status)])]
    const total = this.#db.sql(`SELECT count(*) AS total FROM (${merged}) ${where}`).get(...values)
    const ids = this.#db
      .sql(`SELECT task_id FROM (${merged}) ${where}
            ORDER BY CASE status WHEN 1 THEN 0 WHEN 0 THEN 1 ELSE 2 END, task_id LIMIT ?`)
      .all(...values, filter.limit)
    const tasks = ids.map((row) => this.task(String(row['task_id']))).filter((task) => task !== undefined)
    return { tasks, total: Number(total?.['total'] ?? 0) }
  }

  taskIds(): string[] {
    return this.#db
      .sql('SELECT DISTINCT task_id FROM task_reports WHERE project_id = ? ORDER BY task_id')
      .all(this.#project)
      .map((row) => String(row['task_id']))
  }

  taskSync(sessionId: string): TaskSync {
    const counts = this.#db
      .sql(`SELECT coalesce(sum(marked_done), 0) AS marked, coalesce(sum(completed <> marked_done), 0) AS unmatched
            FROM task_reports WHERE project_id = ? AND session_id = ?`)
      .get(this.#project, sessionId)
    const unmatched = this.#db
      .sql(`SELECT task_id FROM task_reports WHERE project_id = ? AND session_id = ? AND completed <> marked_done
            ORDER BY task_id LIMIT ?`)
      .all(this.#project, sessionId, UNMATCHED_LISTED)
    return {
      tasks_marked_done: Number(counts?.['marked'] ?? 0),
      unmatched_count: Number(counts?.['unmatched'] ?? 0),
      unmatched_task_ids: unmatched.map((row) => String(row['task_id'])),
    }
  }

  heartbeat(sessionId: string): Heartbeat | undefined {
    const row = this.#db
      .sql('SELECT at, status, next_action, process_id FROM heartbeats WHERE project_id = ? AND session_id = ?')
      .get(this.#project, sessionId)
    return row === undefined ? undefined : ({ ...row } as unknown as Heartbeat)
  }

  putHeartbeat(sessionId: string, beat: Heartbeat): void {
    this.#db
      .sql(`INSERT INTO heartbeats (project_id, session_id, at, status, next_action, process_id) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET at = excluded.at, status = excluded.status,
              next_action = excluded.next_action, process_id = excluded.process_id`)
      .run(this.#project, sessionId, beat.at, beat.status, beat.next_action, beat.process_id)
  }
}

type Row = Record<string, unknown>

function stateOf(row: Row): SessionState {
  return JSON.parse(String(row['state'])) as SessionState
}

function taskOf(row: Row): Task {
  return {
    task_id: String(row['task_id']),
    title: row['title'] === null ? null : String(row['title']),
    status: TASK_STATUSES[Number(row['status'])] ?? 'todo',
    session_id: String(row['session_id']),
    updated_at: String(row['updated_at']),
  }
}
