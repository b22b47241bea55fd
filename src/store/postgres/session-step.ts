import type { TaskReport } from '../../domain/session/projection.ts'
import type { SessionState } from '../../domain/session/state.ts'
import type { Heartbeat } from '../../ports/ledger.ts'
import { leaseAndBeatAsRecalled, type Recalled, recalledValues } from './recalled.ts'
import { beatOf } from './rows.ts'
import { STATE, stateOf } from './session-snapshot.ts'
import { LEASE } from './slots.ts'
import { Overtaken, type Row, type Sql, type Value } from './sql.ts'
import { headIn, headMoved, NEVER_WRITTEN, type SeenHead, type StreamHead } from './streams.ts'
import { putReports, reportColumns } from './task-reports.ts'

/*
 * The two statements of a usual call, a session that goes on by a step: one that reads all that such a call asks, and one that writes
 * all that it changes, by itself and only if the session still stands where it stood. A transaction around them would be two more
 * messages, and each message is a third of what a commit takes. Where this process left the session itself, the reading is spared too.
 */

const BEFORE = `
  SELECT l.*, st.seq, st.hash, st.fence, ${STATE}, h.at, h.status, h.next_action, h.process_id
  FROM (SELECT 1) AS always
  LEFT JOIN rutter.streams AS st ON st.project_id = $1 AND st.kind = 'session' AND st.id = $2
  LEFT JOIN rutter.sessions AS s ON s.project_id = $1 AND s.session_id = $2
  LEFT JOIN (SELECT project_id, ${LEASE} FROM rutter.slots) AS l ON l.project_id = $1 AND l.slot = s.slot
  LEFT JOIN rutter.heartbeats AS h ON h.project_id = $1 AND h.session_id = $2`

/** What is known of a session at one moment. */
export interface SessionBefore {
  readonly head: SeenHead
  readonly session: SessionState | undefined
  /** The event that the kept state is of. */
  readonly as_of: number
  readonly beat: Heartbeat | undefined
  /** With the columns of its slot. */
  readonly row: Row
}

export async function sessionBefore(sql: Sql, projectId: string, id: string): Promise<SessionBefore> {
  const row = (await sql.get(BEFORE, [projectId, id])) ?? {}
  return {
    head: row['seq'] === null ? NEVER_WRITTEN : headIn(row),
    session: row['state'] === null ? undefined : stateOf(row),
    as_of: Number(row['as_of'] ?? 0),
    beat: row['at'] === null ? undefined : beatOf(row),
    row,
  }
}

export interface SessionStep {
  readonly before: SeenHead
  readonly after: StreamHead
  readonly lines: readonly string[]
  readonly session_id: string
  /** What it was decided by, where the session was not read. */
  readonly recalled: Recalled | null
  /** The state to be kept, where the one that is kept is not to stay. */
  readonly snapshot: SessionState | null
  readonly reports: readonly TaskReport[]
  readonly request_ids: readonly string[]
}

/** Fails as a conflict, with nothing changed, where the session has gone on. */
export async function writeStep(sql: Sql, projectId: string, step: SessionStep): Promise<void> {
  const { text, values } = statementOf(projectId, step)
  const row = await sql.get(text, values)
  if (Number(row?.['moved']) !== 1) throw new Overtaken(`session ${step.session_id} has gone on`)
}

/** Only what there is to write is in it: each part costs the server something, also where it writes nothing. */
function statementOf(projectId: string, step: SessionStep): { text: string; values: Value[] } {
  const { before, after, lines, session_id, recalled, snapshot, reports, request_ids } = step
  const [line = ''] = lines
  const isOne = lines.length === 1
  const values: Value[] = [
    ...[projectId, 'session', session_id, after.seq, after.hash],
    ...[isOne ? line : lines, before.seq, before.hash, before.fence],
  ]
  /** Adds parameters, and gives the number of the first. */
  const given = (more: readonly Value[]) => values.push(...more) - more.length + 1
  const besides = recalled === null ? '' : ` AND ${leaseAndBeatAsRecalled(given(recalledValues(recalled)))}`
  const parts = [`head AS (${headMoved('$9', besides)})`, `event AS (${isOne ? PUT_LINE : PUT_LINES})`]
  if (snapshot !== null) {
    const { slot, token, status, start_time } = snapshot
    parts.push(`session AS (${putSnapshot(given([slot, token, status, start_time, JSON.stringify(snapshot)]))})`)
  }
  if (reports.length > 0) parts.push(`report AS (${putReports(given(reportColumns(reports)), IF_MOVED)})`)
  if (request_ids.length > 0) parts.push(`request AS (${putRequests(given([request_ids]))})`)
  return { text: `WITH ${parts.join(', ')} SELECT count(*) AS moved FROM head`, values }
}

const IF_MOVED = 'WHERE EXISTS (SELECT 1 FROM head)'
const PUT_LINE = `
  INSERT INTO rutter.events (project_id, kind, id, seq, line) SELECT $1, $2, $3, $4, $6::text ${IF_MOVED}`
const PUT_LINES = `
  INSERT INTO rutter.events (project_id, kind, id, seq, line)
  SELECT $1, $2, $3, $7 + number, line FROM unnest($6::text[]) WITH ORDINALITY AS given (line, number) ${IF_MOVED}`
const putSnapshot = (first: number) => `
  UPDATE rutter.sessions SET
    slot = $${first}, token = $${first + 1}, status = $${first + 2}, start_time = $${first + 3}, state = $${first + 4}, as_of = $4
  ${IF_MOVED} AND project_id = $1 AND session_id = $3`
const putRequests = (first: number) => `
  INSERT INTO rutter.turn_requests (project_id, session_id, request_id)
  SELECT $1, $3, request_id FROM unnest($${first}::text[]) AS given (request_id) ${IF_MOVED} ON CONFLICT DO NOTHING`
