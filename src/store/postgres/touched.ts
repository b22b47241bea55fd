import type { StreamRef } from '../../domain/event.ts'
import type { MemoryEvent } from '../../domain/memory/events.ts'
import type { Change, TaskReport } from '../../domain/session/projection.ts'
import { hasEnded, type SessionState } from '../../domain/session/state.ts'
import type { Recalled } from './recalled.ts'
import type { SeenHead, StreamHead } from './streams.ts'

/** A stream that this transaction touched: where it stood, and what is to be added. */
export interface TouchedStream {
  readonly stream: StreamRef
  readonly before: SeenHead
  /** What it was taken from where it was not read. */
  readonly recalled: Recalled | null
  after: StreamHead
  session: SessionState | undefined
  /** The session as it stood before, and the event that its rows are of. */
  readonly stood: SessionState | undefined
  asOf: number
  /** Time of the last event; empty where none is known. */
  lastAt: string
  readonly lines: string[]
  readonly changes: Change[]
  /** What is said of tasks and is in no row yet: what was pending before, and of the changes that which is of tasks. */
  readonly reports: TaskReport[]
  readonly learned: MemoryEvent[]
}

/** One to which nothing was added yet. */
export function untouched(stream: StreamRef, before: SeenHead, session?: SessionState): TouchedStream {
  const nothing = { recalled: null, asOf: 0, lastAt: '', lines: [], changes: [], reports: [], learned: [] }
  return { stream, before, after: before, session, stood: session, ...nothing }
}

/** A line by which a write is known again: it has a UUID in it. */
export interface Mark {
  readonly project_id: string
  readonly stream: StreamRef
  readonly seq: number
  readonly line: string
}

/** What a write sent at its end: marks of what is new, and the answers that are still to come. */
export interface Flushed {
  readonly marks: readonly Mark[]
  readonly sent: readonly Promise<unknown>[]
}

/** A session that has begun and goes on, without anything that others compare or search. */
export function isUsual({ stream, before, session, changes, learned }: TouchedStream): boolean {
  const goesOn = stream.kind === 'session' && before.seq > 0 && session !== undefined && !hasEnded(session)
  return goesOn && learned.length === 0 && changes.every(({ table }) => table !== 'search_docs')
}
