import { isSessionEvent } from '../../domain/session/events.ts'
import type { Change } from '../../domain/session/projection.ts'
import { ENDED_STATUSES, hasEnded, type SessionState } from '../../domain/session/state.ts'
import { literals, restored, type Sql } from './sql.ts'
import { understood } from './streams.ts'

/*
 * Which requests a session has counted a turn for. There is a row for each while the session runs, and none once it is over, since it
 * counts nothing any more; who asks all the same is answered from its record. They were a seventh of a database.
 */

/** Those that some changes tell of, each once. */
export function requestsIn(changes: readonly Change[]): string[] {
  return [...new Set(changes.flatMap((change) => (change.table === 'turn_requests' ? [change.request_id] : [])))]
}

/** Makes the rows of a session what they must be after some changes. */
export async function putTurnRequests(
  sql: Sql,
  projectId: string,
  session: SessionState,
  changes: readonly Change[],
): Promise<void> {
  const of = [projectId, session.session_id]
  const requests = requestsIn(changes)
  if (hasEnded(session)) await sql.run(DROP, of)
  else if (requests.length > 0) await sql.run(PUT, [...of, requests])
}

const DROP = 'DELETE FROM rutter.turn_requests WHERE project_id = $1 AND session_id = $2'
const PUT = `
  INSERT INTO rutter.turn_requests (project_id, session_id, request_id)
  SELECT $1, $2, unnest($3::text[]) ON CONFLICT DO NOTHING`

export async function turnIsCounted(sql: Sql, projectId: string, sessionId: string, requestId: string) {
  const rows = await sql.all(COUNTED, [projectId, sessionId, requestId, JSON.stringify(requestId)])
  return rows.some(({ line }) => line === null || counts(restored(line), requestId))
}

/** A row without a line where the session runs; where it is over, the lines that may tell. */
const COUNTED = `
  SELECT NULL AS line FROM rutter.turn_requests WHERE project_id = $1 AND session_id = $2 AND request_id = $3
  UNION ALL
  SELECT e.line FROM rutter.sessions AS s
  JOIN rutter.events AS e ON e.project_id = s.project_id AND e.kind = 'session' AND e.id = s.session_id
  WHERE s.project_id = $1 AND s.session_id = $2 AND s.status IN (${literals(ENDED_STATUSES)})
    AND strpos(e.line, $4) > 0`

function counts(line: string, requestId: string): boolean {
  return understood(line).some(
    (event) => isSessionEvent(event) && event.type === 'turn.recorded' && event.data.request_id === requestId,
  )
}
