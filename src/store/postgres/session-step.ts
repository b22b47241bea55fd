import type { SessionState } from '../../domain/session/state.ts'
import type { Heartbeat } from '../../ports/ledger.ts'
import { beatOf, stateOf } from './rows.ts'
import { LEASE } from './slots.ts'
import { Overtaken, type Row, type Sql } from './sql.ts'
import { headIn, headMoved, NEVER_WRITTEN, type SeenHead, type StreamHead } from './streams.ts'
import { putReports, type ReportColumns } from './task-reports.ts'

/*
 * The two statements of a usual call, a session that goes on by a step: one that reads all that such a call asks, and one that writes
 * all that it changes, by itself and only if the session still stands where it stood. A transaction around them would be two more
 * messages, and each message is a third of what a commit takes.
 */

const BEFORE = `
  SELECT l.*, st.seq, st.hash, st.fence, s.state, h.at, h.status, h.next_action, h.process_id
  FROM (SELECT 1) AS always
  LEFT JOIN rutter.streams AS st ON st.project_id = $1 AND st.kind = 'session' AND st.id = $2
  LEFT JOIN rutter.sessions AS s ON s.project_id = $1 AND s.session_id = $2
  LEFT JOIN (SELECT project_id, ${LEASE} FROM rutter.slots) AS l ON l.project_id = $1 AND l.slot = s.slot
  LEFT JOIN rutter.heartbeats AS h ON h.project_id = $1 AND h.session_id = $2`

/** What is known of a session at one moment. */
export interface SessionBefore {
  readonly head: SeenHead
  readonly session: SessionState | undefined
  readonly beat: Heartbeat | undefined
  /** With the columns of its slot. */
  readonly row: Row
}

export async function sessionBefore(sql: Sql, projectId: string, id: string): Promise<SessionBefore> {
  const row = (await sql.get(BEFORE, [projectId, id])) ?? {}
  return {
    head: row['seq'] === null ? NEVER_WRITTEN : headIn(row),
    session: row['state'] === null ? undefined : stateOf(row),
    beat: row['at'] === null ? undefined : beatOf(row),
    row,
  }
}

const IF_MOVED = 'WHERE EXISTS (SELECT 1 FROM head)'
const STEP = `
  WITH head AS (${headMoved('$21')}), event AS (
    INSERT INTO rutter.events (project_id, kind, id, seq, line)
    SELECT $1, $2, $3, $7 + number, line FROM unnest($6::text[]) WITH ORDINALITY AS given (line, number) ${IF_MOVED}
  ), session AS (
    UPDATE rutter.sessions SET slot = $9, token = $10, status = $11, start_time = $12, state = $13
    ${IF_MOVED} AND project_id = $1 AND session_id = $3
  ), report AS (
    ${putReports(14, IF_MOVED)}
  ), request AS (
    INSERT INTO rutter.turn_requests (project_id, session_id, request_id)
    SELECT $1, $3, request_id FROM unnest($20::text[]) AS given (request_id) ${IF_MOVED} ON CONFLICT DO NOTHING
  )
  SELECT count(*) AS moved FROM head`

export interface SessionStep {
  readonly before: SeenHead
  readonly after: StreamHead
  readonly lines: readonly string[]
  readonly state: SessionState
  readonly reports: ReportColumns
  readonly request_ids: readonly string[]
}

/** Fails as a conflict, with nothing changed, where the session has gone on. */
export async function writeStep(sql: Sql, projectId: string, step: SessionStep): Promise<void> {
  const { before, after, lines, state, reports, request_ids } = step
  const row = await sql.get(STEP, [
    ...[projectId, 'session', state.session_id],
    ...[after.seq, after.hash, lines, before.seq, before.hash],
    ...[state.slot, state.token, state.status, state.start_time, JSON.stringify(state)],
    ...reports,
    request_ids,
    before.fence,
  ])
  if (Number(row?.['moved']) !== 1) throw new Overtaken(`session ${state.session_id} has gone on`)
}
