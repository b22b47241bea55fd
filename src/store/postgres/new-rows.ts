import type { Change, TaskReport } from '../../domain/session/projection.ts'
import { hasEnded, type SessionState } from '../../domain/session/state.ts'
import { docsIn } from './rows.ts'
import { SearchIndex } from './search-index.ts'
import type { Sql } from './sql.ts'
import { mergedReports, reportColumns, reportParameters } from './task-reports.ts'
import { requestsIn } from './turn-requests.ts'

/** What the tables must have of a session. */
export interface NewSession {
  readonly session: SessionState
  /** The number of the last event. */
  readonly seq: number
  readonly changes: readonly Change[]
  readonly reports: readonly TaskReport[]
}

/**
 * Puts in the rows of sessions of which the tables have nothing yet, many at once. `Rows` does the same for one that may be there;
 * to look for each row whether it is takes as long as to put it in.
 */
export async function putNew(sql: Sql, projectId: string, sessions: readonly NewSession[]): Promise<void> {
  if (sessions.length === 0) return
  const states = sessions.map(({ session }) => session)
  const reports = sessions.flatMap((one) => mergedReports(one.reports))
  const running = sessions.filter(({ session }) => !hasEnded(session))
  const requests = running.map(({ session, changes }) => ({ of: session.session_id, ids: requestsIn(changes) }))
  await Promise.all([
    sql.run(PUT_SESSIONS, [
      projectId,
      states.map(({ session_id }) => session_id),
      states.map(({ slot }) => slot),
      states.map(({ token }) => token),
      states.map(({ status }) => status),
      states.map(({ start_time }) => start_time),
      states.map((state) => JSON.stringify(state)),
      sessions.map(({ seq }) => seq),
    ]),
    sql.run(PUT_REPORTS, [projectId, reports.map(({ session_id }) => session_id), ...reportColumns(reports)]),
    sql.run(PUT_REQUESTS, [
      projectId,
      requests.flatMap(({ of, ids }) => ids.map(() => of)),
      requests.flatMap(({ ids }) => ids),
    ]),
    new SearchIndex(sql).putAll(sessions.flatMap(({ changes }) => docsIn(projectId, changes))),
  ])
}

const PUT_SESSIONS = `
  INSERT INTO rutter.sessions (project_id, session_id, slot, token, status, start_time, state, as_of)
  SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[])`
const PUT_REPORTS = `
  INSERT INTO rutter.task_reports
    (project_id, session_id, task_id, title, status, updated_at, completed, marked_done)
  SELECT $1, * FROM unnest($2::text[], ${reportParameters(3, 'many')})`
const PUT_REQUESTS = `
  INSERT INTO rutter.turn_requests (project_id, session_id, request_id)
  SELECT $1, * FROM unnest($2::text[], $3::text[])`
