import { v7 } from 'uuid'
import type { StreamRef } from '../../domain/event.ts'
import { GLOBAL_PROJECT } from '../../domain/memory/room.ts'
import { Refusal } from '../../domain/refusal.ts'
import { Watches } from '../../log/watches.ts'
import type {
  Cursor,
  Finding,
  Ledger,
  LedgerReader,
  LedgerWriter,
  Progress,
  Purged,
  VerifyReport,
  WatchNews,
  WatchOptions,
} from '../../ports/ledger.ts'
import type { Copyable, LogCopy } from '../../ports/log-copy.ts'
import type { Processes } from '../../ports/processes.ts'
import { PostgresLogCopy } from './log-copy.ts'
import { Opening } from './opening.ts'
import { type Pace, Pool, type PoolOptions } from './pool.ts'
import { prepareToPurge, purge, SCRUBBED } from './purge.ts'
import { ReadTransaction, type TransactionParts } from './read-transaction.ts'
import { rebuild } from './rebuild.ts'
import { RecalledSessions } from './recalled.ts'
import { Renewals, Slots } from './slots.ts'
import type { Sql } from './sql.ts'
import { eventOf, Streams } from './streams.ts'
import type { WriteTransaction } from './transaction.ts'
import { verify } from './verify.ts'
import { TableMarks } from './watch.ts'
import { carryOut } from './write-path.ts'

export interface PostgresLedgerOptions extends PoolOptions {
  readonly project_id: string
  readonly place: string
  readonly processes: Processes
  readonly lease_ttl_ms: number
  /** How long it works on before it asks again whether the tables are still those that it knows. */
  readonly version_ms?: number
  readonly newId?: () => string
}

/** Events in one page; a step that begins in it is in it whole. */
const PAGE = 1000

/** The team's ledger: log and projection in one PostgreSQL database, one transaction for both. */
export class PostgresLedger implements Ledger, Copyable {
  readonly project_id: string
  readonly place: string
  readonly #pool: Pool
  readonly #own: TransactionParts
  readonly #global: TransactionParts
  readonly #renewals = new Renewals()
  readonly #watches: Watches
  readonly #calls = new Set<Promise<unknown>>()
  readonly #opening: Opening

  constructor(options: PostgresLedgerOptions) {
    const { project_id, place, processes, lease_ttl_ms, newId = () => v7() } = options
    this.project_id = project_id
    this.place = place
    this.#pool = new Pool(options)
    const visitor = { where: this.#pool.where, project_id, projects: options.projects }
    this.#opening = new Opening(this.#pool, visitor, options.version_ms)
    const slots = { processes, ttlMs: lease_ttl_ms, renewals: this.#renewals }
    this.#own = { project_id, place, slots, recalled: new RecalledSessions(this.#renewals), newId }
    this.#global = { ...this.#own, project_id: GLOBAL_PROJECT, recalled: new RecalledSessions(this.#renewals) }
    this.#watches = new Watches(() => new TableMarks(project_id, (work) => this.#ask(work)))
  }

  write<T>(work: (book: LedgerWriter) => Promise<T>): Promise<T> {
    return this.#write([this.#own], ([book]) => work(book))
  }

  async read<T>(work: (book: LedgerReader) => Promise<T>): Promise<T> {
    return await this.#call(() => this.#pool.read((sql) => work(new ReadTransaction(sql, this.#own))))
  }

  writeWithGlobal<T>(work: (book: LedgerWriter, global: LedgerWriter) => Promise<T>): Promise<T> {
    return this.#write([this.#own, this.#global], ([book, global]) => work(book, global))
  }

  async readWithGlobal<T>(work: (book: LedgerReader, global: LedgerReader | null) => Promise<T>): Promise<T> {
    return await this.#call(() =>
      this.#pool.read((sql) => work(new ReadTransaction(sql, this.#own), new ReadTransaction(sql, this.#global))),
    )
  }

  async openGlobal(): Promise<void> {
    await this.#call(async () => {})
  }

  async renewLeases(): Promise<void> {
    await this.#write([this.#own], ([book]) => book.renewAll())
  }

  async history(stream: StreamRef, after: Cursor = { seq: 0, position: 0 }) {
    return await this.#ask(async (sql) => {
      const streams = new Streams(sql, this.project_id)
      const lines = await streams.lines(stream, after.seq, PAGE)
      const rest = eventOf(lines.at(-1) ?? '')?.more ?? 0
      if (rest > 0) lines.push(...(await streams.lines(stream, after.seq + lines.length, rest)))
      const events = lines.map(eventOf).filter((event) => event !== undefined)
      const seq = after.seq + lines.length
      const cursor = { seq, position: seq }
      return { events, cursor }
    })
  }

  watch(streams: readonly StreamRef[], options: WatchOptions): AsyncGenerator<WatchNews> {
    return this.#watches.watch(streams, options)
  }

  async verify(onProgress?: (progress: Progress) => void): Promise<VerifyReport> {
    return await this.#call(() => this.#pool.read((sql) => verify(sql, this.project_id, onProgress), 'long'))
  }

  async rebuild(onProgress?: (progress: Progress) => void): Promise<{ streams: number; events: number }> {
    return await this.#inTransaction((sql) => rebuild(sql, this.project_id, onProgress))
  }

  /** Log and projection are one transaction here: neither ever has what the other lacks. */
  async lacking(): Promise<readonly Finding[]> {
    return []
  }

  async writeBack(): Promise<number> {
    return 0
  }

  async purge(...[text, record]: Parameters<Ledger['purge']>): Promise<Purged> {
    const parts = text.project_id === GLOBAL_PROJECT ? this.#global : this.#own
    const { project_id } = parts
    await this.#inTransaction((sql) => prepareToPurge(sql, project_id, new Slots(sql, project_id, parts.slots), text))
    await this.#write([parts], ([book]) => record(book))
    const purged = await this.#inTransaction((sql) => purge(sql, project_id, text))
    return { ...purged, copies: 0, is_scrubbed: await this.#scrub() }
  }

  /** Only a table's owner may vacuum it; for any other role the server does it some day by itself. */
  async #scrub(): Promise<boolean> {
    try {
      for (const table of SCRUBBED) await this.#ask((sql) => sql.all(`VACUUM rutter.${table}`), 'long')
      return true
    } catch (error) {
      if (error instanceof Refusal && error.code === 'store_unavailable') return false
      throw error
    }
  }

  copyOf(book: 'own' | 'global'): LogCopy {
    return new PostgresLogCopy(book === 'own' ? this.#own : this.#global, {
      where: this.#pool.where,
      read: (work) => this.#call(() => this.#pool.read(work, 'long')),
      write: (work) => this.#inTransaction(work),
      writeAlone: (work) => this.#repeatable(work, 'when needed'),
    })
  }

  repairs(): readonly Finding[] {
    return []
  }

  /** Lets what was asked before come to its end. */
  async close(): Promise<void> {
    this.#watches.close()
    while (this.#calls.size > 0) await Promise.allSettled(this.#calls)
    await this.#pool.close()
  }

  #write<const Parts extends readonly TransactionParts[], T>(
    parts: Parts,
    work: (books: { readonly [Index in keyof Parts]: WriteTransaction }) => Promise<T>,
  ): Promise<T> {
    return this.#call(() => carryOut(this.#pool, parts, work))
  }

  async #inTransaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return await this.#repeatable(work, 'at once')
  }

  /** What can be done twice without harm. */
  async #repeatable<T>(work: (sql: Sql) => Promise<T>, begins: 'at once' | 'when needed'): Promise<T> {
    const attempt = async (sql: Sql) => ({ result: await work(sql), happened: null })
    return await this.#call(() => this.#pool.write(attempt, { begins, pace: 'long' }))
  }

  async #ask<T>(work: (sql: Sql) => Promise<T>, pace: Pace = 'brief'): Promise<T> {
    return await this.#call(() => this.#pool.ask(work, pace))
  }

  /** One call from outside, which `close` waits for. */
  async #call<T>(work: () => Promise<T>): Promise<T> {
    const call = this.#opening.done().then(work)
    this.#calls.add(call)
    try {
      return await call
    } finally {
      this.#calls.delete(call)
    }
  }
}
