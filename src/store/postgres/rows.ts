import type { SearchDoc } from '../../domain/memory/search-doc.ts'
import type { Change, TaskReport } from '../../domain/session/projection.ts'
import type { SessionState } from '../../domain/session/state.ts'
import type { Heartbeat, SessionFilter } from '../../ports/ledger.ts'
import { SearchIndex } from './search-index.ts'
import { type SessionStanding, STATE, standingIn, stateOf } from './session-snapshot.ts'
import { type Row, restored, restoredOrNull, type Sql, type Value } from './sql.ts'
import { mergedReports, putReports, reportColumns, reportParameters } from './task-reports.ts'
import { putTurnRequests, turnIsCounted } from './turn-requests.ts'

/** Every query on the projection, for one project. */
export class Rows {
  readonly #sql: Sql
  readonly #project: string
  readonly #search: SearchIndex

  constructor(sql: Sql, projectId: string) {
    this.#sql = sql
    this.#search = new SearchIndex(sql)
    this.#project = projectId
  }

  async session(id: string): Promise<SessionState | undefined> {
    return (await this.standing(id))?.session
  }

  async standing(id: string): Promise<SessionStanding | undefined> {
    const row = await this.#sql.get(
      `SELECT ${STATE} FROM rutter.sessions AS s WHERE project_id = $1 AND session_id = $2`,
      [this.#project, id],
    )
    return row === undefined ? undefined : standingIn(row)
  }

  async slotOf(sessionId: string): Promise<string | undefined> {
    const row = await this.#sql.get('SELECT slot FROM rutter.sessions WHERE project_id = $1 AND session_id = $2', [
      this.#project,
      sessionId,
    ])
    return row === undefined ? undefined : restored(row['slot'])
  }

  async sessions(filter: SessionFilter): Promise<SessionState[]> {
    const values: Value[] = [this.#project]
    const wheres = ['project_id = $1']
    const only = (condition: string, value: string | undefined) => {
      if (value !== undefined) wheres.push(`${condition} $${values.push(value)}`)
    }
    only('status =', filter.status)
    only('slot =', filter.slot)
    only('start_time >=', filter.since)
    only('start_time <=', filter.until)
    only('session_id <', filter.before)
    const rows = await this.#sql.all(
      `SELECT ${STATE} FROM rutter.sessions AS s WHERE ${wheres.join(' AND ')}
       ORDER BY session_id DESC LIMIT $${values.push(filter.limit)}`,
      values,
    )
    return rows.map(stateOf)
  }

  /** By token, not by time: the clock may have been set back between two sessions. */
  async lastSessionIn(slot: string): Promise<SessionState | undefined> {
    const row = await this.#sql.get(
      `SELECT ${STATE} FROM rutter.sessions AS s WHERE project_id = $1 AND slot = $2
       ORDER BY token DESC, start_time DESC LIMIT 1`,
      [this.#project, slot],
    )
    return row === undefined ? undefined : stateOf(row)
  }

  /** Keeps a session as it is after its event with the number `asOf`, and what is in no row yet of what its events changed beside it. */
  async put(
    state: SessionState,
    asOf: number,
    { changes, reports }: { changes: readonly Change[]; reports: readonly TaskReport[] },
  ): Promise<void> {
    await Promise.all([
      this.#search.putAll(docsIn(this.#project, changes)),
      this.#putTaskReports(mergedReports(reports)),
      putTurnRequests(this.#sql, this.#project, state, changes),
      this.#putState(state, asOf),
    ])
  }

  async #putState(state: SessionState, asOf: number): Promise<void> {
    await this.#sql.run(
      `INSERT INTO rutter.sessions (project_id, session_id, slot, token, status, start_time, state, as_of)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (project_id, session_id) DO UPDATE SET slot = excluded.slot, token = excluded.token,
         status = excluded.status, start_time = excluded.start_time, state = excluded.state, as_of = excluded.as_of`,
      [
        this.#project,
        ...[state.session_id, state.slot, state.token, state.status, state.start_time],
        JSON.stringify(state),
        asOf,
      ],
    )
  }

  /** Everything that was projected from one stream of a session. */
  async dropSession(id: string): Promise<void> {
    await Promise.all([
      ...PROJECTED.map((table) =>
        this.#sql.run(`DELETE FROM rutter.${table} WHERE project_id = $1 AND session_id = $2`, [this.#project, id]),
      ),
      this.#search.remove(this.#project, 'session', id),
      ...(['task', 'error'] as const).map((kind) => this.#search.removeAll(this.#project, kind, `${id}/`)),
    ])
  }

  /** Everything that was projected from any stream; live state stays. */
  async dropAll(): Promise<void> {
    for (const table of PROJECTED) {
      await this.#sql.run(`DELETE FROM rutter.${table} WHERE project_id = $1`, [this.#project])
    }
  }

  /** Merged where the rows are, as `mergeReport` does it, so that nobody has to wait for what they say first. */
  async #putTaskReports(reports: readonly TaskReport[]): Promise<void> {
    const [first] = reports
    if (first === undefined) return
    await this.#sql.run(PUT_REPORTS, [this.#project, first.session_id, ...reportColumns(reports)])
  }

  async turnIsCounted(sessionId: string, requestId: string): Promise<boolean> {
    return await turnIsCounted(this.#sql, this.#project, sessionId, requestId)
  }

  async heartbeat(sessionId: string): Promise<Heartbeat | undefined> {
    const row = await this.#sql.get(
      'SELECT at, status, next_action, process_id FROM rutter.heartbeats WHERE project_id = $1 AND session_id = $2',
      [this.#project, sessionId],
    )
    return row === undefined ? undefined : beatOf(row)
  }

  async putHeartbeat(sessionId: string, beat: Heartbeat): Promise<void> {
    await this.#sql.run(
      `INSERT INTO rutter.heartbeats (project_id, session_id, at, status, next_action, process_id)
       VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (project_id, session_id) DO UPDATE SET at = excluded.at, status = excluded.status,
         next_action = excluded.next_action, process_id = excluded.process_id`,
      [this.#project, sessionId, beat.at, beat.status, beat.next_action, beat.process_id],
    )
  }
}

/** What is to be searched of some changes. */
export function docsIn(projectId: string, changes: readonly Change[]): SearchDoc[] {
  return changes.flatMap((change) => (change.table === 'search_docs' ? [{ project_id: projectId, ...change.doc }] : []))
}

const PUT_REPORTS = putReports(`SELECT $1, $2, * FROM unnest(${reportParameters(3, 'many')})`)

const PROJECTED = ['sessions', 'task_reports', 'turn_requests'] as const

export function beatOf(row: Row): Heartbeat {
  return {
    at: String(row['at']),
    status: restored(row['status']),
    next_action: restoredOrNull(row['next_action']),
    process_id: restoredOrNull(row['process_id']),
  }
}
