import type { StreamRef } from '../../domain/event.ts'
import { memoryStream } from '../../domain/memory/projection.ts'
import type { Head } from '../../log/chain.ts'
import type { Database } from './database.ts'

/** How far the store has read a stream, and in which file. */
export interface StreamRow extends Head {
  readonly ino: number
  /** Last event of which the store has a copy of the line. */
  readonly journal_seq: number
}

/** The store's own copy of a line. */
export interface KeptLine {
  readonly seq: number
  readonly line: string
}

export interface Writer {
  readonly stream: StreamRef
  readonly seq: number
  readonly hash: string
}

/** The store's bookkeeping of the log: heads, and copies of recent lines. */
export class StreamRows {
  readonly #db: Database
  readonly #project: string
  readonly #place: string

  /** `place` names this copy of the book: a copy of the folder is another clone, and has no stream yet. */
  constructor(db: Database, projectId: string, place: string) {
    this.#db = db
    this.#project = projectId
    this.#place = place
  }

  get(stream: StreamRef): StreamRow | undefined {
    const row = this.#db
      .sql(`SELECT seq, hash, line_offset, line_end, ino, journal_seq FROM streams
            WHERE project_id = ? AND kind = ? AND id = ?`)
      .get(this.#project, stream.kind, stream.id)
    return row === undefined ? undefined : streamRowOf(row)
  }

  /** The streams of sessions that have a slot, and where each ends. */
  live(): { stream: StreamRef; end: number }[] {
    return this.#db
      .sql(`SELECT streams.id AS id, streams.line_end AS line_end FROM leases JOIN streams
            ON streams.project_id = leases.project_id AND streams.kind = 'session' AND streams.id = leases.session_id
            WHERE leases.project_id = ?`)
      .all(this.#project)
      .map((row) => ({ stream: { kind: 'session', id: String(row['id']) }, end: Number(row['line_end']) }))
  }

  /** Every stream that this clone adds to: those of its sessions that have a slot, and its own memory. */
  open(): { stream: StreamRef; end: number }[] {
    const writer = this.writer()
    const row = writer === undefined ? undefined : this.get(writer.stream)
    return writer === undefined || row === undefined
      ? this.live()
      : [...this.live(), { stream: writer.stream, end: row.end }]
  }

  /** This clone's own memory stream, and where it ended when something was last added to it. */
  writer(): Writer | undefined {
    const row = this.#db
      .sql('SELECT stream_id, seq, hash FROM writers WHERE project_id = ? AND place = ?')
      .get(this.#project, this.#place)
    if (row === undefined) return undefined
    return { stream: memoryStream(String(row['stream_id'])), seq: Number(row['seq']), hash: String(row['hash']) }
  }

  putWriter({ stream, seq, hash }: Writer): void {
    this.#db
      .sql('INSERT OR REPLACE INTO writers (project_id, stream_id, seq, hash, place) VALUES (?, ?, ?, ?, ?)')
      .run(this.#project, stream.id, seq, hash, this.#place)
  }

  /** From now on this clone adds to another memory stream. */
  dropWriter(): void {
    this.#db.sql('DELETE FROM writers WHERE project_id = ?').run(this.#project)
  }

  all(kind: StreamRef['kind']): Map<string, StreamRow> {
    const rows = this.#db
      .sql(
        'SELECT id, seq, hash, line_offset, line_end, ino, journal_seq FROM streams WHERE project_id = ? AND kind = ?',
      )
      .all(this.#project, kind)
    return new Map(rows.map((row) => [String(row['id']), streamRowOf(row)]))
  }

  put(stream: StreamRef, row: StreamRow): void {
    this.#db
      .sql(`INSERT INTO streams (project_id, kind, id, seq, hash, line_offset, line_end, ino, journal_seq)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET seq = excluded.seq, hash = excluded.hash, line_offset = excluded.line_offset,
              line_end = excluded.line_end, ino = excluded.ino, journal_seq = excluded.journal_seq`)
      .run(this.#project, stream.kind, stream.id, row.seq, row.hash, row.offset, row.end, row.ino, row.journal_seq)
  }

  drop(stream: StreamRef): void {
    this.#db
      .sql('DELETE FROM streams WHERE project_id = ? AND kind = ? AND id = ?')
      .run(this.#project, stream.kind, stream.id)
  }

  dropAll(): void {
    this.#db.sql('DELETE FROM streams WHERE project_id = ?').run(this.#project)
  }

  keepLine(stream: StreamRef, seq: number, line: string): void {
    this.#db
      .sql('INSERT OR REPLACE INTO journal (project_id, kind, id, seq, line) VALUES (?, ?, ?, ?, ?)')
      .run(this.#project, stream.kind, stream.id, seq, line)
  }

  /** Copies of the lines after an event, in order. */
  keptLines(stream: StreamRef, afterSeq: number): KeptLine[] {
    return this.#db
      .sql('SELECT seq, line FROM journal WHERE project_id = ? AND kind = ? AND id = ? AND seq > ? ORDER BY seq')
      .all(this.#project, stream.kind, stream.id, afterSeq)
      .map((row) => ({ seq: Number(row['seq']), line: String(row['line']) }))
  }

  lastKeptSeq(stream: StreamRef): number {
    const row = this.#db
      .sql('SELECT max(seq) AS seq FROM journal WHERE project_id = ? AND kind = ? AND id = ?')
      .get(this.#project, stream.kind, stream.id)
    return Number(row?.['seq'] ?? 0)
  }

  forgetLines(stream: StreamRef, afterSeq = 0): void {
    this.#db
      .sql('DELETE FROM journal WHERE project_id = ? AND kind = ? AND id = ? AND seq > ?')
      .run(this.#project, stream.kind, stream.id, afterSeq)
  }

  /** Drops the copies of sessions that began before a session id, as ids sort by time; those that still run keep theirs. */
  forgetSessionsBefore(sessionId: string): void {
    this.#db
      .sql(`DELETE FROM journal WHERE project_id = ? AND kind = 'session' AND id < ?
            AND id NOT IN (SELECT session_id FROM leases WHERE project_id = ?)`)
      .run(this.#project, sessionId, this.#project)
  }

  /** Streams of which the store has lines that the working tree may lack. */
  keptStreams(): StreamRef[] {
    return this.#db
      .sql('SELECT DISTINCT kind, id FROM journal WHERE project_id = ?')
      .all(this.#project)
      .map((row) => ({ kind: row['kind'] as StreamRef['kind'], id: String(row['id']) }))
  }
}

function streamRowOf(row: Record<string, unknown>): StreamRow {
  return {
    seq: Number(row['seq']),
    hash: String(row['hash']),
    offset: Number(row['line_offset']),
    end: Number(row['line_end']),
    ino: Number(row['ino']),
    journal_seq: Number(row['journal_seq']),
  }
}
