import { reportsOf, type TaskReport } from '../../domain/session/projection.ts'
import { LIVE_STATUSES } from '../../domain/session/state.ts'
import { type TaskSync, UNMATCHED_LISTED } from '../../domain/session/statistics.ts'
import { mergeTask, TASK_STATUSES, type Task, type TaskStatus } from '../../domain/task.ts'
import type { Rows } from './rows.ts'
import { eventsIn, linesSince } from './session-snapshot.ts'
import { literals, type Row, restored, restoredOrNull, type Sql } from './sql.ts'
import { mergedReports } from './task-reports.ts'

/**
 * The ledger of tasks of one project: its rows, and what running sessions have said since theirs were written. The latter is asked
 * first: what gets from there into the rows in between is then seen twice, which changes nothing, and not missed.
 */
export class Tasks {
  readonly #sql: Sql
  readonly #project: string
  readonly #rows: Rows

  constructor(sql: Sql, projectId: string, rows: Rows) {
    this.#sql = sql
    this.#project = projectId
    this.#rows = rows
  }

  async task(id: string): Promise<Task | undefined> {
    return (await this.tasksById([id])).get(id)
  }

  async tasksById(ids: readonly string[]): Promise<Map<string, Task>> {
    const [only = '', ...others] = ids
    // What is half a character here is another half elsewhere.
    const isPlain = others.length === 0 && !only.toWellFormed().includes(HALF)
    const text = isPlain ? `"task_id":${JSON.stringify(only)}` : undefined
    const [recent, rows] = await Promise.all([
      this.#recent(text),
      this.#sql.all('SELECT * FROM rutter.task_reports WHERE project_id = $1 AND task_id = ANY ($2::text[])', [
        this.#project,
        ids,
      ]),
    ])
    const tasks = merged([...rows.map(reportOf), ...recent])
    return new Map(
      ids.flatMap((id) => {
        const task = tasks.get(id.toWellFormed())
        return task === undefined ? [] : [[id, task]]
      }),
    )
  }

  async tasks(filter: { status?: TaskStatus | undefined; limit: number }): Promise<{ tasks: Task[]; total: number }> {
    const recent = await this.#recent()
    const status = filter.status === undefined ? null : TASK_STATUSES.indexOf(filter.status)
    const given = [
      this.#project,
      recent.map(({ task_id }) => task_id),
      recent.map((report) => TASK_STATUSES.indexOf(report.status)),
      status,
    ]
    const [total, rows] = await Promise.all([
      this.#sql.get(`SELECT count(*) AS total ${WANTED}`, given),
      this.#sql.all(PAGE, [...given, filter.limit]),
    ])
    const ids = new Set(rows.map((row) => restored(row['page_task_id'])))
    const kept = rows.filter((row) => row['task_id'] !== null).map(reportOf)
    const tasks = merged([...kept, ...recent.filter(({ task_id }) => ids.has(task_id))])
    return {
      tasks: [...ids].map((id) => tasks.get(id)).filter((task) => task !== undefined),
      total: Number(total?.['total'] ?? 0),
    }
  }

  async taskIds(): Promise<string[]> {
    const [recent, rows] = await Promise.all([
      this.#recent(),
      this.#sql.all('SELECT DISTINCT task_id FROM rutter.task_reports WHERE project_id = $1', [this.#project]),
    ])
    return [...new Set([...rows.map((row) => restored(row['task_id'])), ...recent.map(({ task_id }) => task_id)])].sort(
      byBytes,
    )
  }

  async taskSync(sessionId: string): Promise<TaskSync> {
    const recent = (await this.#rows.standing(sessionId))?.pending ?? []
    const given = [this.#project, sessionId, recent.map(({ task_id }) => task_id)]
    const [counts, unmatched, rows] = await Promise.all([
      this.#sql.get(COUNTS, given),
      this.#sql.all(UNMATCHED, [...given, UNMATCHED_LISTED]),
      this.#sql.all(`SELECT * ${OF_SESSION} AND task_id = ANY ($3::text[])`, given),
    ])
    const news = mergedReports([...rows.map(reportOf), ...recent])
    const newsUnmatched = news.filter(({ completed, marked_done }) => completed !== marked_done)
    const ids = [...unmatched.map((row) => restored(row['task_id'])), ...newsUnmatched.map(({ task_id }) => task_id)]
    return {
      tasks_marked_done: Number(counts?.['marked'] ?? 0) + news.filter(({ marked_done }) => marked_done).length,
      unmatched_count: Number(counts?.['unmatched'] ?? 0) + newsUnmatched.length,
      unmatched_task_ids: ids.sort(byBytes).slice(0, UNMATCHED_LISTED),
    }
  }

  /** What running sessions have said of tasks and is in no row yet: all of it, or more than what lines with some text say. */
  async #recent(text = '"task_id":'): Promise<TaskReport[]> {
    return (await this.#sql.all(RECENT, [this.#project, text])).flatMap(recentIn)
  }
}

/** What a store keeps of half a character. */
const HALF = '\u{FFFD}'

/** Those that are over have nothing that is in no row; they are many, so the index must pass them over. */
const RECENT = `
  SELECT s.session_id, ${linesSince('AND strpos(e.line, $2) > 0')} AS since
  FROM rutter.sessions AS s WHERE s.project_id = $1 AND s.status IN (${literals(LIVE_STATUSES)})`

function recentIn(row: Row): TaskReport[] {
  return reportsOf(restored(row['session_id']), eventsIn(row['since']))
}

/** Ids and statuses that are in no row yet are $2 and $3. */
const WANTED = `FROM (
    SELECT task_id, max(status) AS status FROM (
      SELECT task_id, status FROM rutter.task_reports WHERE project_id = $1
      UNION ALL SELECT * FROM unnest($2::text[], $3::smallint[])
    ) AS said GROUP BY task_id
  ) AS merged WHERE $4::smallint IS NULL OR status = $4`
const ORDER = 'CASE page.status WHEN 1 THEN 0 WHEN 0 THEN 1 ELSE 2 END, page.task_id'
const PAGE = `
  SELECT page.task_id AS page_task_id, r.* FROM (SELECT * FROM (SELECT task_id, status ${WANTED}) AS page ORDER BY ${ORDER} LIMIT $5) AS page
  LEFT JOIN rutter.task_reports AS r ON r.project_id = $1 AND r.task_id = page.task_id
  ORDER BY ${ORDER}`

const OF_SESSION = 'FROM rutter.task_reports WHERE project_id = $1 AND session_id = $2'
const OTHERS = `${OF_SESSION} AND task_id <> ALL ($3::text[])`
const COUNTS = `
  SELECT count(*) FILTER (WHERE marked_done) AS marked, count(*) FILTER (WHERE completed <> marked_done) AS unmatched ${OTHERS}`
const UNMATCHED = `SELECT task_id ${OTHERS} AND completed <> marked_done ORDER BY task_id LIMIT $4`

/** Each task once, as all that is said of it makes it. */
function merged(said: readonly TaskReport[]): Map<string, Task> {
  const tasks = new Map<string, Task>()
  for (const { task_id, title, status, session_id, updated_at } of said) {
    tasks.set(task_id, mergeTask(tasks.get(task_id), { task_id, title, status, session_id, updated_at }))
  }
  return tasks
}

function reportOf(row: Row): TaskReport {
  const { title, updated_at, completed, marked_done } = row
  return {
    task_id: restored(row['task_id']),
    title: restoredOrNull(title),
    status: TASK_STATUSES[Number(row['status'])] ?? 'todo',
    session_id: restored(row['session_id']),
    updated_at: String(updated_at),
    completed: completed === true,
    marked_done: marked_done === true,
  }
}

/** The order of the database, which is another than that of code units where there are characters of two halves. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
