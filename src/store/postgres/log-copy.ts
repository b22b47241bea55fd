import type { End } from '../../domain/copies.ts'
import type { StreamRef } from '../../domain/event.ts'
import { isSessionEvent, type SessionEvent } from '../../domain/session/events.ts'
import { project, reportsIn } from '../../domain/session/projection.ts'
import { byStream, toldIn } from '../../domain/stream.ts'
import { pieces } from '../../log/copying.ts'
import { lineHash } from '../../log/line.ts'
import type { LogCopy, Piece, Survey, TakenIn } from '../../ports/log-copy.ts'
import { MemoryLocks } from './memory-locks.ts'
import { MemoryProjection } from './memory-projection.ts'
import { type NewSession, putNew } from './new-rows.ts'
import type { TransactionParts } from './read-transaction.ts'
import { Rows } from './rows.ts'
import type { SessionStanding } from './session-snapshot.ts'
import { Slots } from './slots.ts'
import { Overtaken, restored, type Sql } from './sql.ts'
import { forked, forkOf, NEVER_WRITTEN, type StreamHead, Streams } from './streams.ts'

/** Lines that are read at once. */
const PAGE = 2000

/** The ways to a database. What writes may be done twice without harm. */
export interface Door {
  readonly where: string
  /** A look at a single moment. */
  read<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** A transaction. */
  write<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** A single statement, which needs none around it. */
  writeAlone<T>(work: (sql: Sql) => Promise<T>): Promise<T>
}

/** A project's table of lines as one copy of a log. */
export class PostgresLogCopy implements LogCopy {
  readonly project_id: string
  readonly where: string
  readonly #parts: TransactionParts
  readonly #door: Door

  constructor(parts: TransactionParts, door: Door) {
    this.project_id = parts.project_id
    this.where = door.where
    this.#parts = parts
    this.#door = door
  }

  async survey(): Promise<Survey> {
    const all = await this.#door.read((sql) => new Streams(sql, this.project_id).all())
    const ends = all.map(({ stream, head }) => ({ stream, ...head, fork: forked(stream) }))
    return {
      streams: ends.filter(({ fork }) => fork === null).map(({ stream, seq, hash }) => ({ stream, seq, hash })),
      forks: ends.flatMap(({ fork, seq, hash }) => (fork === null ? [] : [{ ...fork, seq, hash }])),
    }
  }

  async hashesAt(asked: readonly { readonly stream: StreamRef; readonly seq: number }[]): Promise<(string | null)[]> {
    const rows = await this.#door.read((sql) =>
      sql.all(LINES_AT, [
        this.project_id,
        asked.map(({ stream }) => stream.kind),
        asked.map(({ stream }) => stream.id),
        asked.map(({ seq }) => seq),
      ]),
    )
    const hashes = new Map(rows.map((row) => [Number(row['nth']) - 1, lineHash(restored(row['line']))]))
    return asked.map((_, i) => hashes.get(i) ?? null)
  }

  async *lines(stream: StreamRef, after: End, upTo: End): AsyncGenerator<Piece> {
    let from = after
    for (let size = PAGE; from.seq < upTo.seq; ) {
      const { seq } = from
      const lines = await this.#door.read((sql) => new Streams(sql, this.project_id).lines(stream, seq, size))
      const placed = lines.map((line) => ({ line, behind: 0 }))
      for (const piece of pieces(stream, placed, from, upTo)) {
        yield piece
        from = piece.end
      }
      // A step that is longer than a page is read again with more; lines that are not chained end it.
      if (from.seq === seq && lines.length < size) return
      size = from.seq === seq ? size * 2 : PAGE
    }
  }

  async takeIn(given: readonly Piece[]): Promise<TakenIn[]> {
    const wanted = new Set<string>()
    await this.#raiseTokens(given)
    // Of what begins here nothing is known to the database as a rule; who finds it otherwise is overtaken, and looks the next time.
    let isExpected = given.every(({ after }) => after.seq === 0)
    return await this.#door.write(async (sql) => {
      const find = isExpected ? () => NOTHING_YET : finder(sql, this.project_id)
      isExpected = false
      return await takeIn(sql, this.project_id, given, { find, wanted })
    })
  }

  /**
   * By itself and ahead: a token that is passed over does no harm, and in the transaction whoever else brings lines of the same slot
   * would wait for its end.
   */
  async #raiseTokens(given: readonly Piece[]): Promise<void> {
    const tokens = tokensIn(given)
    if (tokens.size === 0) return
    await this.#door.writeAlone((sql) => new Slots(sql, this.project_id, this.#parts.slots).raiseTokens(tokens))
  }

  async keepBeside(mark: string, { stream, after, lines, end }: Piece): Promise<TakenIn> {
    const fork = forkOf(stream, mark)
    return await this.#door.write(async (sql) => {
      const streams = new Streams(sql, this.project_id)
      const head = await streams.lock(fork)
      if (head.hash === end.hash) return 'taken'
      if (after.seq === 0) await streams.drop(fork)
      else if (head.hash !== after.hash) return 'moved'
      await append(sql, this.project_id, { stream: fork, after, lines, end })
      return 'taken'
    })
  }

  placeOf(stream: StreamRef, mark?: string): string {
    const { kind, id } = mark === undefined ? stream : forkOf(stream, mark)
    return `${kind} ${id} of project ${this.project_id} at ${this.where}`
  }

  async otherHome(streams: readonly StreamRef[]): Promise<string | null> {
    const rows = await this.#door.read((sql) =>
      sql.all('SELECT project_id FROM rutter.streams WHERE project_id <> $1 AND id = ANY ($2::text[]) LIMIT 1', [
        this.project_id,
        streams.map(({ id }) => id),
      ]),
    )
    return rows[0] === undefined ? null : restored(rows[0]['project_id'])
  }
}

// OFFSET 0 keeps each lookup a lookup; planned as a join, it may become one that reads the whole table.
const LINES_AT = `
  SELECT asked.nth, e.line FROM unnest($2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY AS asked (kind, id, seq, nth)
  CROSS JOIN LATERAL (
    SELECT line FROM rutter.events
    WHERE project_id = $1 AND kind = asked.kind AND id = asked.id AND seq = asked.seq OFFSET 0
  ) AS e`

/** What the database has of a stream that lines are to follow. */
interface Found {
  readonly head: StreamHead
  readonly standing: SessionStanding | undefined
}

const NOTHING_YET: Found = { head: NEVER_WRITTEN, standing: undefined }

/** Looks, and lets nobody else add to what it finds. */
function finder(sql: Sql, projectId: string): (piece: Piece) => Promise<Found> {
  const [streams, rows] = [new Streams(sql, projectId), new Rows(sql, projectId)]
  return async ({ stream, after }) => {
    const isGoingOn = stream.kind === 'session' && after.seq > 0
    const [head, standing] = await Promise.all([streams.lock(stream), isGoingOn ? rows.standing(stream.id) : undefined])
    return { head, standing }
  }
}

/** Log and projection in one transaction, as where a call writes; here of many streams at once. */
async function takeIn(
  sql: Sql,
  projectId: string,
  given: readonly Piece[],
  { find, wanted }: { find: (piece: Piece) => Found | Promise<Found>; wanted: Set<string> },
): Promise<TakenIn[]> {
  const rows = new Rows(sql, projectId)
  // Locked in one order, so that two who bring the same streams never wait for each other in a circle.
  const ordered = given.map((piece, nth) => ({ piece, nth })).sort((a, b) => byStream(a.piece.stream, b.piece.stream))
  const found = await Promise.all(ordered.map(async ({ piece, nth }) => ({ nth, ...(await find(piece)) })))
  const outcomes: TakenIn[] = given.map(() => 'moved')
  const sent: Promise<unknown>[] = []
  const learned: { stream: StreamRef; events: Parameters<MemoryProjection['take']>[1] }[] = []
  const begun: NewSession[] = []
  for (const { nth, head, standing } of found) {
    const piece = given[nth]
    if (piece === undefined) continue
    const { stream, after, end } = piece
    if (head.hash === end.hash) outcomes[nth] = 'taken'
    if (head.hash !== after.hash) continue
    outcomes[nth] = 'taken'
    const said = projected(piece, standing)
    if (said.learned.length > 0) learned.push({ stream, events: said.learned })
    sent.push(append(sql, projectId, piece))
    const { session, changes, reports } = said
    if (session === undefined) continue
    if (after.seq === 0) begun.push({ session, seq: end.seq, changes, reports })
    else sent.push(rows.put(session, end.seq, { changes, reports }))
  }
  sent.push(putNew(sql, projectId, begun))
  const locks = new MemoryLocks(sql, wanted)
  sent.push(locks.take(learned.flatMap(({ events }) => events.map(({ data }) => data.project_id))))
  await Promise.all(sent)
  const memory = new MemoryProjection(sql, projectId)
  for (const { stream, events } of learned) await memory.take(stream, events)
  return outcomes
}

/** What the rows must have of a piece, behind what they have of the stream already. */
function projected({ stream, lines }: Piece, before: SessionStanding | undefined) {
  const events = lines.filter(({ understood }) => understood).map(({ event }) => event)
  const { own: asWritten, learned } = toldIn(stream, events)
  const own = asWritten.map((event) => ofStream(event, stream))
  if (own.length === 0 && before === undefined) return { session: undefined, changes: [], reports: [], learned }
  const { state, changes } = project(before?.session, own, events.at(-1)?.at)
  // A record whose first line is of a newer version is still the record of the session that its stream is named after.
  const reports = [...(before?.pending ?? []), ...reportsIn(changes)]
  return { session: { ...state, session_id: stream.id }, changes, reports, learned }
}

/** The highest token of each slot that some lines tell of. */
function tokensIn(pieces: readonly Piece[]): Map<string, number> {
  const tokens = new Map<string, number>()
  const grants = pieces.flatMap(({ lines }) => lines.filter(({ event }) => event.type === 'lease.granted'))
  for (const { event, understood } of grants) {
    if (!understood || !isSessionEvent(event) || event.type !== 'lease.granted') continue
    const { slot, token } = event.data
    tokens.set(slot, Math.max(token, tokens.get(slot) ?? 0))
  }
  return tokens
}

/** A copy of a record under another name is not the session that it says it is of. */
function ofStream(event: SessionEvent, { id }: StreamRef): SessionEvent {
  if (event.type !== 'session.started' || event.data.session_id === id) return event
  return { ...event, data: { ...event.data, session_id: id } }
}

/**
 * As `Streams.append`, for many lines: as one text they need not be quoted one by one, which took as long as all that is computed from
 * them. No line has a line feed in it.
 */
async function append(sql: Sql, projectId: string, { stream, after, lines, end }: Piece): Promise<void> {
  const text = lines.map(({ line }) => line).join('\n')
  const of = [projectId, stream.kind, stream.id]
  const added = await sql.run(APPEND, [...of, end.seq, end.hash, text, after.seq, after.hash])
  if (added !== lines.length) throw new Overtaken(`${stream.kind} ${stream.id} has gone on`)
}

const APPEND = `
  WITH head AS (
    INSERT INTO rutter.streams (project_id, kind, id, seq, hash) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (project_id, kind, id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
      WHERE streams.seq = $7 AND streams.hash = $8
    RETURNING 1
  )
  INSERT INTO rutter.events (project_id, kind, id, seq, line)
  SELECT $1, $2, $3, $7 + number, line FROM unnest(string_to_array($6, E'\n')) WITH ORDINALITY AS given (line, number)
  WHERE EXISTS (SELECT 1 FROM head)`
