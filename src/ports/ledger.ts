import type { Actor, NewEvent, RecordedEvent, StreamRef } from '../domain/event.ts'
import type { Lease } from '../domain/lease.ts'
import type { PurgeableText } from '../domain/memory/purged.ts'
import type { SessionState, SessionStatus } from '../domain/session/state.ts'
import type { TaskSync } from '../domain/session/statistics.ts'
import type { Task, TaskStatus } from '../domain/task.ts'
import type { MemoryReader } from './memory.ts'

/** Live figures of a session that are no history: they are in the store, never in the record. */
export interface Heartbeat {
  readonly at: string
  readonly status: string
  readonly next_action: string | null
  readonly process_id: string | null
}

/** A lock on a slot, judged by the one clock or process table that the backend trusts. */
export interface LeaseStatus {
  readonly lease: Lease
  /** False once the holder is provably gone; `gone` then says how that was found. */
  readonly held: boolean
  readonly gone: 'process_gone' | 'lease_expired' | null
  /** Held by this very process. */
  readonly mine: boolean
}

export interface SessionFilter {
  readonly status?: SessionStatus | undefined
  readonly slot?: string | undefined
  /** ISO 8601, inclusive, on the session's start. */
  readonly since?: string | undefined
  /** ISO 8601, inclusive, on the session's start. */
  readonly until?: string | undefined
  readonly limit: number
  /** The last session id of the page before; ids sort by time. */
  readonly before?: string | undefined
}

/** What can be asked inside one consistent look at the book. */
export interface LedgerReader {
  /** What was learned, of every project that this book keeps. */
  readonly memory: MemoryReader
  session(id: string): Promise<SessionState | undefined>
  /** Newest first. */
  sessions(filter: SessionFilter): Promise<SessionState[]>
  /** The session that started last in the slot, whatever became of it. */
  lastSessionIn(slot: string): Promise<SessionState | undefined>
  lease(slot: string): Promise<LeaseStatus | undefined>
  /** Every slot that is taken. */
  leases(): Promise<LeaseStatus[]>
  heartbeat(sessionId: string): Promise<Heartbeat | undefined>
  turnIsCounted(sessionId: string, requestId: string): Promise<boolean>
  task(id: string): Promise<Task | undefined>
  /** Those of them that are known, by the id that was asked for. */
  tasksById(ids: readonly string[]): Promise<ReadonlyMap<string, Task>>
  /** In the order in progress, to do, done; by id within. */
  tasks(filter: { status?: TaskStatus | undefined; limit: number }): Promise<{ tasks: Task[]; total: number }>
  taskIds(): Promise<string[]>
  taskSync(sessionId: string): Promise<TaskSync>
}

/** A write: nothing of it is there until it returns, and nobody else writes meanwhile. */
export interface LedgerWriter extends LedgerReader {
  /**
   * Adds events to the end of a stream, as one step: after a crash either all of them are there or none. A stream that begins in this
   * write is there with every step that the write gives it, or not at all.
   * They are on disk when the write that they belong to returns.
   * An empty list appends nothing. `session` sees the events at once; lists, tasks, counted turns and memory do so after the write.
   */
  append(stream: StreamRef, events: readonly NewEvent[], by: { actor: Actor; at: string }): Promise<void>
  /**
   * Gives the slot to a session, with this process as the holder and a token greater than every one granted in the slot before.
   * The grant counts once it is an event too: append `lease.granted` in the same write.
   */
  grant(slot: string, sessionId: string): Promise<Lease>
  release(slot: string): Promise<void>
  /** The stream that takes what this clone learns outside any session. */
  memoryStream(): Promise<StreamRef>
  putHeartbeat(sessionId: string, heartbeat: Heartbeat): Promise<void>
}

/** Where a reader of a stream has got to. `position` means something to the adapter that gave it, and to nobody else. */
export interface Cursor {
  readonly seq: number
  readonly position: number
}

/** Why whoever watches is woken: something may have been recorded, or nothing was seen for as long as they wait at most. */
export type WatchNews = 'stirred' | 'quiet'

export interface WatchOptions {
  /** Ends it, at once. */
  readonly signal: AbortSignal
  /** The longest that may pass without a word, milliseconds. */
  readonly at_most_ms: number
}

/** Something in a record that is not as it should be. */
export interface Finding {
  /** `null` where the finding is about the store and no stream. */
  readonly stream: StreamRef | null
  /** Where to look: a file, or a table and key. */
  readonly where: string
  /** Line in that file, from 1; `null` where the finding is about the whole. */
  readonly line: number | null
  readonly kind:
    | 'torn_tail'
    | 'incomplete_step'
    | 'foreign_line'
    | 'doubled_line'
    | 'altered_line'
    | 'missing_lines'
    | 'forked'
    | 'unknown_event'
    | 'newer_version'
    | 'shortened'
    | 'missing_file'
    | 'unreadable_store'
    | 'store_behind'
  /** One sentence for a person. */
  readonly message: string
  /** False for what is worth knowing and no damage. */
  readonly damage: boolean
  /** What a person can do, where it is something else than with records in files. */
  readonly mend?: string
}

export interface VerifyReport {
  readonly streams: number
  readonly events: number
  readonly findings: readonly Finding[]
}

export interface Progress {
  readonly done: number
  readonly total: number
}

/** What was done to take a text out of a book for good. */
export interface Purged {
  /** Lines that had it, and records, or copies of records, that they were in. */
  readonly lines: number
  readonly records: number
  /** Files that had been put aside, and were removed. */
  readonly copies: number
  /** False where the store's files may still hold words of it, since somebody reads from them. */
  readonly is_scrubbed: boolean
}

/**
 * A book: the log and the store on it, behind one door. Whether they are files and SQLite or tables in PostgreSQL is not to be
 * known from here up. Every method may throw a `Refusal` with `store_unavailable`, and then nothing was changed.
 */
export interface Ledger {
  readonly project_id: string
  /** Names this copy of the book, so that the same record in another clone is not taken for a run that lives here. */
  readonly place: string
  /** One write transaction. `work` runs alone: it sees the book as it is and may be called again if the book had to be reopened. */
  write<T>(work: (book: LedgerWriter) => Promise<T>): Promise<T>
  read<T>(work: (book: LedgerReader) => Promise<T>): Promise<T>
  /** A write in this book and in the one that all projects share, as a single step: after a crash both have it or neither. */
  writeWithGlobal<T>(work: (book: LedgerWriter, global: LedgerWriter) => Promise<T>): Promise<T>
  /** `global` is `null` as long as nothing was ever saved there. */
  readWithGlobal<T>(work: (book: LedgerReader, global: LedgerReader | null) => Promise<T>): Promise<T>
  /** Makes sure that the shared book can be written; creates it where there is none. */
  openGlobal(): Promise<void>
  /** Renews every lease that this process holds, so that those who cannot see the process know that it lives. */
  renewLeases(): Promise<void>
  /** The events of a stream after a cursor, from the log itself, in pages; an empty page means that there are no more yet. */
  history(stream: StreamRef, after?: Cursor): Promise<{ events: RecordedEvent[]; cursor: Cursor }>
  /**
   * Wakes whoever follows some streams, those among them that do not exist yet: as it begins, each time that one of them may have gone
   * on, and after `at_most_ms` anyway. That is a hint; what is new is what `history` gives after a cursor, so a wake-up too many costs a
   * look, and one too few the time to the next. No write waits for it or pays for it, and any number of watches share the looks of
   * their process. It ends with `signal`, and when the ledger is closed. Of a store that is away it says nothing: whoever is woken
   * meets that where they read.
   */
  watch(streams: readonly StreamRef[], options: WatchOptions): AsyncGenerator<WatchNews>
  /** Checks every stream's chain against itself and against what the store knows of it. */
  verify(onProgress?: (progress: Progress) => void): Promise<VerifyReport>
  /** Throws the projection away and computes it again from the log. Leases and heartbeats stay. */
  rebuild(onProgress?: (progress: Progress) => void): Promise<{ streams: number; events: number }>
  /** Records of which the store has lines that the log lacks; after a switch of branches that is as it should be. */
  lacking(): Promise<readonly Finding[]>
  /** Writes such lines back to the log; gives their number, 0 where they do not fit what stands there. */
  writeBack(stream: StreamRef): Promise<number>
  /**
   * Takes a text out of the records for good: the one thing that changes what was recorded. `record` first writes that it was
   * forgotten. Refused with `session_locked`, and nothing changed, while a session runs whose record has the text. Doing it again
   * finishes what a crash cut short. For `GLOBAL_PROJECT`, in the book that all projects share.
   */
  purge(text: PurgeableText, record: (book: LedgerWriter) => Promise<void>): Promise<Purged>
  /** Repairs of records that happened since this process opened the book, for whoever reports them. */
  repairs(): readonly Finding[]
  close(): Promise<void>
}
