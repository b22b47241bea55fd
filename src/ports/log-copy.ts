import type { End, StreamEnd } from '../domain/copies.ts'
import type { RecordedEvent, StreamRef } from '../domain/event.ts'

/** A line of a stream, byte for byte, and what it says. */
export interface CopiedLine {
  readonly line: string
  readonly event: RecordedEvent
  /** False for a line of a newer version: kept, and passed over. */
  readonly understood: boolean
}

/** Some lines of one stream behind each other: whole steps, since half of one would never be replayed. */
export interface Piece {
  readonly stream: StreamRef
  /** The line that they follow. */
  readonly after: End
  readonly lines: readonly CopiedLine[]
  /** Where the stream ends with them. */
  readonly end: End
}

/** The other copy of a stream that forked, kept beside it. */
export interface ForkEnd extends StreamEnd {
  /** Tells the copies of one stream apart: the beginning of the hash of the first line that is only in this one. */
  readonly mark: string
}

export interface Survey {
  readonly streams: readonly StreamEnd[]
  readonly forks: readonly ForkEnd[]
}

/** What became of a piece: it is there now, whoever brought it; or the stream does not end where it was said to. */
export type TakenIn =
  | 'taken'
  | 'moved'
  /** The stream has an id that can be none here. */
  | 'unnameable'

/** One copy of a project's log, as whoever brings it together with another one sees it. */
export interface LogCopy {
  readonly project_id: string
  /** For people: a folder, or a database without its password. */
  readonly where: string
  /** Where every stream ends. What is answered is on disk. */
  survey(): Promise<Survey>
  /** The hash of the line at a seq of each stream; `null` where the copy has no such line. */
  hashesAt(asked: readonly { readonly stream: StreamRef; readonly seq: number }[]): Promise<(string | null)[]>
  /**
   * The lines behind one up to another, in pieces of a bounded size. Ends early where the lines are not chained as they were written:
   * what is given is as it was written.
   */
  lines(stream: StreamRef, after: End, upTo: End): AsyncIterable<Piece>
  /** Adds each piece where its stream ends as the piece says, and lets everything that is computed from the log follow. */
  takeIn(pieces: readonly Piece[]): Promise<TakenIn[]>
  /** The same for the other copy of a stream that forked; nothing is computed from it. One that begins anew replaces the one that is there. */
  keepBeside(mark: string, piece: Piece): Promise<TakenIn>
  /** For people: where a stream, or the copy with that mark beside it, is. */
  placeOf(stream: StreamRef, mark?: string): string
  /** Another project in the same store that has one of these streams. */
  otherHome(streams: readonly StreamRef[]): Promise<string | null>
}

/** A ledger whose log can be brought together with another copy of it: its own, or the one that all projects share. */
export interface Copyable {
  copyOf(book: 'own' | 'global'): LogCopy
}

/** The same book in another place. Nothing is connected before it is asked something. */
export interface Remote extends Copyable {
  close(): Promise<void>
}
