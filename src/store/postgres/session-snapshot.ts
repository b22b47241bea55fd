import type { RecordedEvent } from '../../domain/event.ts'
import { isSessionEvent } from '../../domain/session/events.ts'
import { type Change, project } from '../../domain/session/projection.ts'
import type { SessionState } from '../../domain/session/state.ts'
import { type Row, restored } from './sql.ts'
import { understood } from './streams.ts'

/*
 * A session's state is ten times as long as an event, and to write it with every call was the half of what a call cost the server; to
 * write what the call says of a task, with its two indexes, was a third of what was left. So the rows of a session are as of one of its
 * events, and whoever reads them adds the few events behind that. Rows and events are read in one statement, or the events first, so
 * nobody sees the one without the other. What rows are found by is always the latest.
 */

/** Events that the rows may be behind. Reading each takes some microseconds; twice as many spare hardly anything more. */
const BEHIND = 16

/** A session as its rows and the events behind them make it. */
export interface Standing {
  readonly session: SessionState
  /** The number of the event that the rows are of. */
  readonly as_of: number
  /** What is in no row yet. */
  readonly pending: readonly Change[]
}

/** The columns of `rutter.sessions AS s` that `standingOf` reads. */
export const STATE = `s.state, s.as_of, ${linesSince()} AS since`

/** The lines of a session behind those that its rows are of. As one text, since the driver reads an array sign by sign. */
export function linesSince(which = ''): string {
  return `(SELECT string_agg(line, E'\\n') FROM (
    SELECT line FROM rutter.events AS e
    WHERE e.project_id = s.project_id AND e.kind = 'session' AND e.id = s.session_id AND e.seq > s.as_of ${which} ORDER BY e.seq
  ) AS behind)`
}

/** The events in what `linesSince` gave. */
export function eventsIn(since: unknown): RecordedEvent[] {
  return since === null ? [] : restored(since).split('\n').flatMap(understood)
}

export function standingOf(row: Row): Standing {
  const kept = JSON.parse(restored(row['state'])) as SessionState
  const events = eventsIn(row['since'])
  const { state, changes } = project(kept, events.filter(isSessionEvent), events.at(-1)?.at)
  return { session: state, as_of: Number(row['as_of']), pending: stillPending(changes) }
}

export function stateOf(row: Row): SessionState {
  return standingOf(row).session
}

/** Of what a step changed that which waits for the next snapshot: what it says of tasks. */
export function stillPending(changes: readonly Change[]): Change[] {
  return changes.filter(({ table }) => table === 'task_reports')
}

/** True where a step must bring the rows up to itself: they are too far behind, or found by what has changed. */
export function isDue(before: SessionState, after: SessionState, asOf: number, seq: number): boolean {
  return seq - asOf > BEHIND || FOUND_BY.some((field) => before[field] !== after[field])
}

const FOUND_BY = ['slot', 'token', 'status', 'start_time'] as const satisfies readonly (keyof SessionState)[]
