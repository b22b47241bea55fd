import { isSessionEvent } from '../../domain/session/events.ts'
import { project } from '../../domain/session/projection.ts'
import type { SessionState } from '../../domain/session/state.ts'
import { type Row, restored } from './sql.ts'
import { understood } from './streams.ts'

/*
 * A session's state is ten times as long as an event, and to write it with every call was the half of what a call cost the server. So
 * its row has a snapshot, the state as of one of its events, and whoever reads it adds the few events behind that. The two are read in
 * one statement, so nobody sees one without the other. What rows are found by is always the latest.
 */

/** Events that a snapshot may be behind. Reading each takes some microseconds; twice as many spare hardly anything more. */
const BEHIND = 16

/** The columns of `rutter.sessions AS s` that `stateOf` reads. */
export const STATE = `s.state, s.as_of, ARRAY(
    SELECT line FROM rutter.events AS e
    WHERE e.project_id = s.project_id AND e.kind = 'session' AND e.id = s.session_id AND e.seq > s.as_of ORDER BY e.seq
  ) AS since`

export function stateOf(row: Row): SessionState {
  const snapshot = JSON.parse(restored(row['state'])) as SessionState
  const since = row['since'] as readonly string[]
  if (since.length === 0) return snapshot
  const events = since.flatMap((line) => understood(restored(line)))
  return project(snapshot, events.filter(isSessionEvent), events.at(-1)?.at).state
}

/** True where a step must bring a new snapshot: the last one is too far behind, or rows are found by what has changed. */
export function isDue(before: SessionState, after: SessionState, asOf: number, seq: number): boolean {
  return seq - asOf > BEHIND || FOUND_BY.some((field) => before[field] !== after[field])
}

const FOUND_BY = ['slot', 'token', 'status', 'start_time'] as const satisfies readonly (keyof SessionState)[]
