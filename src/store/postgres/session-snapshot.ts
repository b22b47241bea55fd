import type { RecordedEvent } from '../../domain/event.ts'
import { isSessionEvent, type SessionEvent } from '../../domain/session/events.ts'
import { project, reportsIn, type TaskReport } from '../../domain/session/projection.ts'
import type { SessionState } from '../../domain/session/state.ts'
import { type Row, restored } from './sql.ts'
import { understood } from './streams.ts'

/*
 * A session's state is ten times as long as an event, and to write it with every call was the half of what a call cost the server; to
 * write what the call says of a task, with its two indexes, was a third of what was left. So the rows of a session are as of one of its
 * events, and whoever reads them adds the few events behind that. Rows and events are read in one statement, or the events first, so
 * nobody sees the one without the other. What rows are found by is always the latest.
 */

/** Events from one snapshot to the next. Reading each takes some microseconds; twice as many spare hardly anything more. */
export const SNAPSHOT_EVERY = 16

/** A session as its rows and the events behind them make it. */
export interface SessionStanding {
  readonly session: SessionState
  /** The number of the event that the rows are of. */
  readonly as_of: number
  /** What the events behind that say of tasks: it is in no row yet. */
  readonly pending: readonly TaskReport[]
}

/** The columns of `rutter.sessions AS s` that `standingIn` reads. */
export const STATE = `s.state, s.as_of, ${linesSince()} AS since`

/** The lines of a session behind those that its rows are of. As one text, since the driver reads an array sign by sign. */
export function linesSince(which = ''): string {
  return `(
    SELECT string_agg(e.line, E'\\n' ORDER BY e.seq) FROM rutter.events AS e
    WHERE e.project_id = s.project_id AND e.kind = 'session' AND e.id = s.session_id AND e.seq > s.as_of ${which}
  )`
}

/** The events in what `linesSince` gave. One of a later version is passed over, as everywhere. */
export function eventsIn(since: unknown): SessionEvent[] {
  return recordedIn(since).filter(isSessionEvent)
}

function recordedIn(since: unknown): RecordedEvent[] {
  return since === null ? [] : restored(since).split('\n').flatMap(understood)
}

export function standingIn(row: Row): SessionStanding {
  const kept = JSON.parse(restored(row['state'])) as SessionState
  const events = recordedIn(row['since'])
  const { state, changes } = project(kept, events.filter(isSessionEvent), events.at(-1)?.at)
  return { session: state, as_of: Number(row['as_of']), pending: reportsIn(changes) }
}

export function stateOf(row: Row): SessionState {
  return standingIn(row).session
}

/** True where a step must bring the rows up to itself: they are too far behind, or found by what has changed. */
export function isDue(before: SessionState, after: SessionState, asOf: number, seq: number): boolean {
  return seq - asOf >= SNAPSHOT_EVERY || FOUND_BY.some((field) => before[field] !== after[field])
}

const FOUND_BY = ['slot', 'token', 'status', 'start_time'] as const satisfies readonly (keyof SessionState)[]
