import { GENESIS, type RecordedEvent, type StreamRef } from '../../domain/event.ts'
import { memoryStream } from '../../domain/memory/projection.ts'
import type { PurgeableText } from '../../domain/memory/purged.ts'
import { parseLine } from '../../log/line.ts'
import { Overtaken, type Row, restored, type Sql } from './sql.ts'

/** The end of a stream's chain. */
export interface StreamHead {
  readonly seq: number
  readonly hash: string
}

/** The end as it was read, with what a write must find unchanged besides. */
export interface SeenHead extends StreamHead {
  /**
   * Counts how often something changed that is decided by and is in no event: the slot or the heartbeat of a session. It also rises
   * where somebody makes sure that a write whose answer was lost can no longer happen.
   */
  readonly fence: number
}

export const NEVER_WRITTEN: SeenHead = { seq: 0, hash: GENESIS, fence: 0 }

/** No record can have such an id, so none is ever taken for a copy. */
const FORK = /^(.*)\.fork-([0-9a-f]{8})$/

/** Where the other copy of a stream that forked is kept: a stream beside it, from which nothing is computed. */
export function forkOf({ kind, id }: StreamRef, mark: string): StreamRef {
  return { kind, id: `${id}.fork-${mark}` }
}

/** The stream that a copy was kept of, and its mark; `null` for a stream that is no such copy. */
export function forked({ kind, id }: StreamRef): { stream: StreamRef; mark: string } | null {
  const [, of, mark] = FORK.exec(id) ?? []
  return of === undefined || mark === undefined ? null : { stream: { kind, id: of }, mark }
}

/** Lines that are read at once. */
const PAGE = 5000

/** The log: the lines of each stream, and where it ends. */
export class Streams {
  readonly #sql: Sql
  readonly #project: string

  constructor(sql: Sql, projectId: string) {
    this.#sql = sql
    this.#project = projectId
  }

  async head(stream: StreamRef): Promise<SeenHead> {
    return await this.#head(stream, '')
  }

  /** Where a stream ends, and nobody else adds to it until this transaction is over. */
  async lock(stream: StreamRef): Promise<SeenHead> {
    return await this.#head(stream, ' FOR UPDATE')
  }

  async #head(stream: StreamRef, locked: '' | ' FOR UPDATE'): Promise<SeenHead> {
    const row = await this.#sql.get(
      `SELECT seq, hash, fence FROM rutter.streams WHERE project_id = $1 AND kind = $2 AND id = $3${locked}`,
      [this.#project, stream.kind, stream.id],
    )
    return row === undefined ? NEVER_WRITTEN : headIn(row)
  }

  /** Adds lines behind a head. Fails as a conflict where the stream does not end there any more, or somebody else began it. */
  async append(stream: StreamRef, before: SeenHead, after: StreamHead, lines: readonly string[]): Promise<void> {
    const of = [this.#project, stream.kind, stream.id, after.seq, after.hash]
    const added = await (before.seq === 0
      ? this.#sql.run(BEGIN_STREAM, [...of, lines, before.fence])
      : this.#sql.run(ADD_TO_STREAM, [...of, lines, before.seq, before.hash, before.fence]))
    if (added === 0) throw new Overtaken(`${stream.kind} ${stream.id} has gone on`)
  }

  /** Takes a stream out, lines and all. */
  async drop({ kind, id }: StreamRef): Promise<void> {
    const tables = ['streams', 'events']
    const of = 'project_id = $1 AND kind = $2 AND id = $3'
    await Promise.all(
      tables.map((t) => this.#sql.run(`DELETE FROM rutter.${t} WHERE ${of}`, [this.#project, kind, id])),
    )
  }

  /** The lines after an event, in order. */
  async lines(stream: StreamRef, afterSeq: number, limit: number): Promise<string[]> {
    const rows = await this.#sql.all(
      `SELECT line FROM rutter.events WHERE project_id = $1 AND kind = $2 AND id = $3 AND seq > $4
       ORDER BY seq LIMIT $5`,
      [this.#project, stream.kind, stream.id, afterSeq, limit],
    )
    return rows.map((row) => restored(row['line']))
  }

  /** Time of the last event; empty where there is none, or none that can be read. */
  async lastAt(stream: StreamRef, { seq }: StreamHead): Promise<string> {
    const [line] = seq === 0 ? [] : await this.lines(stream, seq - 1, 1)
    return line === undefined ? '' : (eventOf(line)?.at ?? '')
  }

  /** All lines, in order, so many at once that a stream of any length takes the same memory. */
  async *pages(stream: StreamRef): AsyncGenerator<string[]> {
    for (let seq = 0, count = PAGE; count === PAGE; seq += count) {
      const lines = await this.lines(stream, seq, PAGE)
      count = lines.length
      yield lines
    }
  }

  /**
   * True where this very line stands in the log: a UUID is part of it. Where it does not, it never will, once this transaction is
   * committed: the write that it is of may still be on its way, and finds a stream that is not as it saw it.
   */
  async has(stream: StreamRef, seq: number, line: string): Promise<boolean> {
    const of = [this.#project, stream.kind, stream.id]
    // Each statement sees what was committed before it, and the first waits for whoever is adding to the stream, or beginning it.
    const [, row] = await Promise.all([
      this.#sql.run(FENCE, [...of, GENESIS]),
      this.#sql.get(
        'SELECT line = $5 AS same FROM rutter.events WHERE project_id = $1 AND kind = $2 AND id = $3 AND seq = $4',
        [...of, seq, line],
      ),
    ])
    return row?.['same'] === true
  }

  async all(): Promise<{ stream: StreamRef; head: SeenHead }[]> {
    return await this.#listed('')
  }

  /** Locks each, and lets whoever has decided by one of them decide anew: what they would change is about to be another row. */
  async overtakeAll(): Promise<void> {
    await this.#sql.run('UPDATE rutter.streams SET fence = fence + 1 WHERE project_id = $1', [this.#project])
  }

  /** All of them, and nobody adds to any until this transaction is over. */
  async lockAll(): Promise<{ stream: StreamRef; head: SeenHead }[]> {
    return await this.#listed('FOR UPDATE')
  }

  async #listed(locked: '' | 'FOR UPDATE'): Promise<{ stream: StreamRef; head: SeenHead }[]> {
    // A stream without an event is one that was kept from beginning.
    const rows = await this.#sql.all(
      `SELECT kind, id, seq, hash, fence FROM rutter.streams WHERE project_id = $1 AND seq > 0
       ORDER BY kind, id ${locked}`,
      [this.#project],
    )
    return rows.map((row) => ({
      stream: streamIn(row),
      head: headIn(row),
    }))
  }

  /** Streams that may have a text: an event that has it also has its id, or the hash that all copies of it share. */
  async mentioning({ id, same }: PurgeableText): Promise<StreamRef[]> {
    const rows = await this.#sql.all(
      `SELECT DISTINCT kind, id FROM rutter.events
       WHERE project_id = $1 AND (strpos(line, $2) > 0 OR strpos(line, $3) > 0) ORDER BY kind, id`,
      [this.#project, id, same?.content_hash ?? id],
    )
    return rows.map(streamIn)
  }

  /** Puts other lines in the place of a stream's own, as many as there were. */
  async replace(stream: StreamRef, lines: readonly string[], head: StreamHead): Promise<void> {
    const of = [this.#project, stream.kind, stream.id]
    await this.#sql.run(
      `UPDATE rutter.events AS e SET line = given.line
       FROM unnest($4::text[]) WITH ORDINALITY AS given (line, number)
       WHERE e.project_id = $1 AND e.kind = $2 AND e.id = $3 AND e.seq = given.number AND e.line <> given.line`,
      [...of, lines],
    )
    await this.#sql.run('UPDATE rutter.streams SET hash = $4 WHERE project_id = $1 AND kind = $2 AND id = $3', [
      ...of,
      head.hash,
    ])
  }

  /** From now on its copy of the repository adds to another stream. */
  async dropWriter(stream: StreamRef): Promise<void> {
    await this.#sql.run('DELETE FROM rutter.writers WHERE project_id = $1 AND stream_id = $2', [
      this.#project,
      stream.id,
    ])
  }

  /** The memory stream of a copy of the repository. */
  async writer(place: string): Promise<StreamRef | undefined> {
    const row = await this.#sql.get('SELECT stream_id FROM rutter.writers WHERE project_id = $1 AND place = $2', [
      this.#project,
      place,
    ])
    return row === undefined ? undefined : memoryStream(String(row['stream_id']))
  }

  /** Fails where another process of the same copy was first. */
  async putWriter(place: string, stream: StreamRef): Promise<void> {
    await this.#sql.run('INSERT INTO rutter.writers (project_id, place, stream_id) VALUES ($1, $2, $3)', [
      this.#project,
      place,
      stream.id,
    ])
  }
}

const ADDED = `
  INSERT INTO rutter.events (project_id, kind, id, seq, line)
  SELECT $1, $2, $3, $4 - cardinality($6::text[]) + number, line
  FROM unnest($6::text[]) WITH ORDINALITY AS given (line, number) WHERE EXISTS (SELECT 1 FROM head)`
const BEGIN_STREAM = `
  WITH head AS (
    INSERT INTO rutter.streams (project_id, kind, id, seq, hash) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (project_id, kind, id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
      WHERE streams.seq = 0 AND streams.fence = $7
    RETURNING 1
  ) ${ADDED}`
/** Moves the end of a stream on where it still is as it was seen: from $7, $8 and $9 to $4 and $5. */
export const MOVE_HEAD = `
  UPDATE rutter.streams SET seq = $4, hash = $5
  WHERE project_id = $1 AND kind = $2 AND id = $3 AND seq = $7 AND hash = $8 AND fence = $9 RETURNING 1`
const ADD_TO_STREAM = `WITH head AS (${MOVE_HEAD}) ${ADDED}`
/** Whoever read the stream before this can no longer add to it, nor begin it. */
const FENCE = `
  INSERT INTO rutter.streams (project_id, kind, id, seq, hash, fence) VALUES ($1, $2, $3, 0, $4, 1)
  ON CONFLICT (project_id, kind, id) DO UPDATE SET fence = streams.fence + 1`

/** Which stream a row is of. */
export function streamIn(row: Row): StreamRef {
  return { kind: row['kind'] as StreamRef['kind'], id: String(row['id']) }
}

/** The end of a stream, in columns of its row. */
export function headIn(row: Row): SeenHead {
  return { seq: Number(row['seq']), hash: String(row['hash']), fence: Number(row['fence']) }
}

/** The event of a line that this version knows; one that a later version wrote is kept and passed over, as where the log is files. */
export function understood(line: string): RecordedEvent[] {
  const parsed = parseLine(line)
  return parsed.kind === 'event' ? [parsed.event] : []
}

/** An event as its line has it. What does not parse was not written by us, and is passed over like an unknown event. */
export function eventOf(line: string): RecordedEvent | undefined {
  const parsed = parseLine(line)
  return parsed.kind === 'foreign' ? undefined : parsed.event
}
