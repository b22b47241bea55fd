import type { TaskReport } from '../../domain/session/projection.ts'
import type { SessionState } from '../../domain/session/state.ts'
import type { Heartbeat } from '../../ports/ledger.ts'
import { beatOf } from './rows.ts'
import { isDue, type SessionStanding, STATE, standingIn } from './session-snapshot.ts'
import { LEASE } from './slots.ts'
import { Overtaken, type Row, type Sql, type Value } from './sql.ts'
import { headIn, MOVE_HEAD, NEVER_WRITTEN, type SeenHead, type StreamHead } from './streams.ts'
import { mergedReports, putReports, reportColumns, reportParameters, reportValues } from './task-reports.ts'
import type { TouchedStream } from './touched.ts'
import { requestsIn } from './turn-requests.ts'

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
  readonly standing: SessionStanding | undefined
  readonly beat: Heartbeat | undefined
  /** With the columns of its slot. */
  readonly row: Row
}

export async function sessionBefore(sql: Sql, projectId: string, id: string): Promise<SessionBefore> {
  const row = (await sql.get(BEFORE, [projectId, id])) ?? {}
  return {
    head: row['seq'] === null ? NEVER_WRITTEN : headIn(row),
    standing: row['state'] === null ? undefined : standingIn(row),
    beat: row['at'] === null ? undefined : beatOf(row),
    row,
  }
}

export interface Snapshot {
  readonly session: SessionState
  readonly reports: readonly TaskReport[]
}

export interface SessionStep {
  readonly before: SeenHead
  readonly after: StreamHead
  readonly lines: readonly string[]
  readonly session_id: string
  /** What the rows of the session are to be, where they are not to stay as they are. */
  readonly snapshot: Snapshot | null
  readonly request_ids: readonly string[]
}

/** What is to be written of a session that goes on. */
export function stepOf({
  stream,
  before,
  after,
  lines,
  reports,
  changes,
  stood,
  session,
  asOf,
}: TouchedStream): SessionStep {
  if (stood === undefined || session === undefined)
    throw new Error(`Session ${stream.id} goes on without having begun.`)
  const snapshot = isDue(stood, session, asOf, after.seq) ? { session, reports: mergedReports(reports) } : null
  return { before, after, lines, session_id: stream.id, snapshot, request_ids: requestsIn(changes) }
}

/** Fails as a conflict, with nothing changed, where the session has gone on. */
export async function writeStep(sql: Sql, projectId: string, step: SessionStep): Promise<void> {
  const added = await sql.run(textOf(shapeOf(step)), valuesOf(projectId, step))
  if (added === 0) throw new Overtaken(`session ${step.session_id} has gone on`)
}

/** Only what there is to write is in a statement: each part costs the server something, also where it writes nothing. */
interface Shape {
  readonly lines: Count
  readonly hasSnapshot: boolean
  readonly reports: Count
  readonly requests: Count
}

/** One of a thing is the rule, and spares the making and reading of an array. */
type Count = 'none' | 'one' | 'many'

function shapeOf({ lines, snapshot, request_ids }: SessionStep): Shape {
  return {
    lines: countOf(lines),
    hasSnapshot: snapshot !== null,
    reports: countOf(snapshot?.reports ?? []),
    requests: countOf(request_ids),
  }
}

function countOf({ length }: { readonly length: number }): Count {
  return length === 0 ? 'none' : length === 1 ? 'one' : 'many'
}

/** The driver and the server know a statement by its text, so each is made once. */
const texts = new Map<string, string>()

function textOf(shape: Shape): string {
  const { lines, hasSnapshot, reports, requests } = shape
  const key = `${lines} ${hasSnapshot} ${reports} ${requests}`
  const known = texts.get(key)
  if (known !== undefined) return known
  const text = statementOf(shape)
  texts.set(key, text)
  return text
}

/** With parameters in the order of `valuesOf`. */
function statementOf({ lines, hasSnapshot, reports, requests }: Shape): string {
  let next = 10
  /** Numbers so many parameters, and gives the first. */
  const taken = (count: number) => {
    next += count
    return next - count
  }
  const parts = [`head AS (${MOVE_HEAD})`]
  if (hasSnapshot) parts.push(`session AS (${putSnapshot(taken(5))})`)
  if (reports !== 'none') {
    const given = reportParameters(taken(6), reports)
    parts.push(
      reports === 'one'
        ? `report AS (${putReports(`SELECT $1, $3, ${given} FROM head`)})`
        : `report AS (${putReports(`SELECT $1, $3, given.* FROM head, unnest(${given}) AS given`)})`,
    )
  }
  if (requests !== 'none') {
    const given = requests === 'one' ? `$${taken(1)}::text` : `unnest($${taken(1)}::text[])`
    parts.push(`request AS (${PUT_REQUESTS} SELECT $1, $3, ${given} FROM head)`)
  }
  return `WITH ${parts.join(', ')} ${lines === 'one' ? PUT_LINE : PUT_LINES}`
}

function valuesOf(projectId: string, step: SessionStep): Value[] {
  const { before, after, lines, session_id, snapshot, request_ids } = step
  const { session, reports = [] } = snapshot ?? {}
  const [line = ''] = lines
  const [report] = reports
  const [requestId = ''] = request_ids
  const values: Value[] = [projectId, 'session', session_id, after.seq, after.hash]
  values.push(lines.length === 1 ? line : lines, before.seq, before.hash, before.fence)
  if (session !== undefined) {
    const { slot, token, status, start_time } = session
    values.push(slot, token, status, start_time, JSON.stringify(session))
  }
  if (report !== undefined) values.push(...(reports.length === 1 ? reportValues(report) : reportColumns(reports)))
  if (request_ids.length > 0) values.push(request_ids.length === 1 ? requestId : request_ids)
  return values
}

const PUT_LINE = `
  INSERT INTO rutter.events (project_id, kind, id, seq, line) SELECT $1, $2, $3, $4, $6::text FROM head`
const PUT_LINES = `
  INSERT INTO rutter.events (project_id, kind, id, seq, line)
  SELECT $1, $2, $3, $7 + number, line FROM head, unnest($6::text[]) WITH ORDINALITY AS given (line, number)`
const putSnapshot = (first: number) => `
  UPDATE rutter.sessions SET
    slot = $${first}, token = $${first + 1}, status = $${first + 2}, start_time = $${first + 3}, state = $${first + 4}, as_of = $4
  FROM head WHERE project_id = $1 AND session_id = $3`
// A turn may have been taken for a new one without a look: if it is none, this fails as a conflict, and somebody looks. To ask here would
// take a look into the table, which may be planned for one that is nearly empty, as it often is, and read all of it.
const PUT_REQUESTS = 'INSERT INTO rutter.turn_requests (project_id, session_id, request_id)'
