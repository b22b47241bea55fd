import { v7 as uuidv7 } from 'uuid'
import type { RecordedEvent, StreamRef } from '../../domain/event.ts'
import { EMPTY_HEAD } from '../../log/chain.ts'
import { type Disk, nodeDisk, type OpenFile } from '../../log/disk.ts'
import type { BookLayout } from '../../log/layout.ts'
import { STOP, walkRecord } from '../../log/record.ts'
import { asUnavailable } from '../../log/unavailable.ts'
import { verifyBook } from '../../log/verify.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Cursor, Finding, Ledger, LedgerReader, LedgerWriter, Progress, VerifyReport } from '../../ports/ledger.ts'
import type { Processes } from '../../ports/processes.ts'
import { retryWhileBusy } from './busy.ts'
import { Database } from './database.ts'
import { Leases } from './leases.ts'
import { Meeting } from './meeting.ts'
import { Rows } from './rows.ts'
import { StreamRows } from './stream-rows.ts'
import { type PausePoint, ReadTransaction, type TransactionParts, WriteTransaction } from './transaction.ts'

/** How long the store keeps its own copy of the lines of sessions that are over. */
const JOURNAL_DAYS = 30

/** Events in one page of `history`. */
const PAGE = 1000

export interface SqliteLedgerOptions {
  readonly project_id: string
  readonly place: string
  readonly layout: BookLayout
  readonly clock: Clock
  readonly processes: Processes
  /** How long a lease outlives its last renewal, where the holder itself cannot be looked at. */
  readonly lease_ttl_ms: number
  /** Makes sure that the book's folders and git files are there, before the store is opened in them. */
  readonly prepare: () => void
  readonly disk?: Disk
  readonly pausePoint?: (point: PausePoint) => void
}

/** Everything that hangs on one open database. */
interface OpenStore {
  readonly database: Database
  readonly parts: TransactionParts
  /** The record folders as they were when all records were last met. */
  met: string | null
}

/** The embedded ledger: records in files, the projection in SQLite, one writer at a time over all processes. */
export class SqliteLedger implements Ledger {
  readonly project_id: string
  readonly place: string
  readonly #options: SqliteLedgerOptions
  readonly #disk: Disk
  readonly #findings: Finding[] = []
  #store: OpenStore | null = null
  /** One connection serves one transaction at a time; callers of the same process wait in line here. */
  #line: Promise<unknown> = Promise.resolve()

  constructor(options: SqliteLedgerOptions) {
    this.#options = options
    this.#disk = options.disk ?? nodeDisk
    this.project_id = options.project_id
    this.place = options.place
  }

  write<T>(work: (book: LedgerWriter) => Promise<T>): Promise<T> {
    return this.#inLine(async () => {
      const store = await this.#begin()
      const transaction = new WriteTransaction(store.parts)
      const { pausePoint } = store.parts
      const metBefore = store.met
      try {
        pausePoint('locked')
        this.#meetWhatChanged(store)
        const result = await work(transaction)
        pausePoint('decided')
        this.#commit(store, transaction)
        pausePoint('committed')
        return result
      } catch (error) {
        // What was met inside went with the transaction: it is met again.
        store.met = metBefore
        await this.#rollBack(store, transaction)
        throw error
      } finally {
        transaction.close()
      }
    })
  }

  read<T>(work: (book: LedgerReader) => Promise<T>): Promise<T> {
    return this.#inLine(async () => {
      const store = await this.#upToDate()
      store.database.exec('BEGIN')
      try {
        return await work(new ReadTransaction(store.parts))
      } finally {
        store.database.exec('COMMIT')
      }
    })
  }

  renewLeases(): Promise<void> {
    return this.#inLine(async () => {
      const store = await this.#begin()
      store.parts.leases.renewAll()
      store.database.exec('COMMIT')
    })
  }

  history(stream: StreamRef, after: Cursor = { seq: 0, position: 0 }): Promise<{ events: RecordedEvent[]; cursor: Cursor }> {
    return this.#inLine(async () => {
      const file = this.#disk.open(this.#options.layout.record(stream), false)
      if (file === null) return { events: [], cursor: after }
      try {
        return readPage(file, after)
      } finally {
        file.close()
      }
    })
  }

  verify(onProgress?: (progress: Progress) => void): Promise<VerifyReport> {
    return this.#inLine(async () => {
      const store = await this.#begin()
      try {
        const heads = (stream: StreamRef) => store.parts.streams.get(stream)
        return verifyBook(this.#disk, this.#options.layout, heads, onProgress)
      } finally {
        store.database.exec('ROLLBACK')
      }
    })
  }

  rebuild(onProgress?: (progress: Progress) => void): Promise<{ streams: number; events: number }> {
    return this.#inLine(async () => {
      const store = await this.#begin()
      try {
        store.parts.streams.dropAll()
        store.parts.rows.dropAll()
        store.parts.meeting.meetAll(onProgress)
        const heads = [...store.parts.streams.all('session').values(), ...store.parts.streams.all('memory').values()]
        store.database.exec('COMMIT')
        return { streams: heads.length, events: heads.reduce((sum, { seq }) => sum + seq, 0) }
      } catch (error) {
        if (store.database.inTransaction) store.database.exec('ROLLBACK')
        throw error
      }
    })
  }

  repairs(): readonly Finding[] {
    return this.#findings
  }

  close(): Promise<void> {
    return this.#inLine(async () => {
      this.#store?.database.close()
      this.#store = null
    })
  }

  #inLine<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#line.then(work).catch((error: unknown) => {
      throw asUnavailable(error, this.#options.layout)
    })
    this.#line = done.catch(() => {})
    return done
  }

  /** Takes the write lock over all processes, on the store that stands at the path now. */
  async #begin(): Promise<OpenStore> {
    for (;;) {
      const store = this.#store ?? (await this.#open())
      await retryWhileBusy(() => store.database.exec('BEGIN IMMEDIATE'))
      // Asked under the lock: somebody may have deleted or replaced the store while this process waited.
      if (store.database.isCurrent()) return store
      store.database.close()
      this.#store = null
    }
  }

  /** The store as the records stand now, for a reader. */
  async #upToDate(): Promise<OpenStore> {
    const store = this.#store
    if (store?.database.isCurrent() && store.met === this.#stamp()) return store
    const locked = await this.#begin()
    try {
      this.#meetWhatChanged(locked)
      locked.database.exec('COMMIT')
      return locked
    } catch (error) {
      if (locked.database.inTransaction) locked.database.exec('ROLLBACK')
      locked.met = null
      throw error
    }
  }

  /** A file that git adds, removes or replaces changes its folder; one that a process appends to has told the store itself. */
  #meetWhatChanged(store: OpenStore): void {
    const stamp = this.#stamp()
    if (store.met === stamp) return
    const isFirst = store.met === null
    store.parts.meeting.meetAll()
    if (isFirst) this.#forgetOldLines(store)
    store.met = stamp
  }

  #commit(store: OpenStore, transaction: WriteTransaction): void {
    try {
      transaction.flush()
      store.database.exec('COMMIT')
    } catch (error) {
      transaction.undo()
      throw error
    }
  }

  async #rollBack(store: OpenStore, transaction: WriteTransaction): Promise<void> {
    if (store.database.inTransaction) store.database.exec('ROLLBACK')
    if (transaction.sightings.size === 0) return
    await retryWhileBusy(() => store.database.exec('BEGIN IMMEDIATE'))
    for (const [slot, sighting] of transaction.sightings) store.parts.leases.putSighting(slot, sighting)
    store.database.exec('COMMIT')
  }

  async #open(): Promise<OpenStore> {
    const { layout, project_id, clock, processes, place, lease_ttl_ms } = this.#options
    this.#options.prepare()
    const { database, putAside } = await Database.open(layout.database, layout.torn)
    if (putAside !== null) {
      this.#findings.push({
        stream: null,
        where: layout.database,
        line: null,
        kind: 'unreadable_store',
        message: `the database could not be read; it was moved to ${putAside} and computed again from the records`,
        damage: false,
      })
    }
    const rows = new Rows(database, project_id)
    const streams = new StreamRows(database, project_id)
    const leases = new Leases(database, project_id, { clock, processes, ttlMs: lease_ttl_ms })
    const report = (finding: Finding) => this.#findings.push(finding)
    const now = () => clock.now()
    const meeting = new Meeting({ disk: this.#disk, layout, streams, rows, leases, place, now, report })
    const parts: TransactionParts = {
      disk: this.#disk,
      layout,
      rows,
      leases,
      streams,
      meeting,
      newId: () => uuidv7(),
      pausePoint: this.#options.pausePoint ?? (() => {}),
    }
    this.#store = { database, parts, met: null }
    return this.#store
  }

  #stamp(): string {
    const { layout } = this.#options
    return `${this.#disk.folderStamp(layout.folder('session'))} ${this.#disk.folderStamp(layout.folder('memory'))}`
  }

  #forgetOldLines(store: OpenStore): void {
    const cutoff = new Date(Date.parse(this.#options.clock.now()) - JOURNAL_DAYS * 86_400_000)
    store.parts.streams.forgetSessionsBefore(cutoff.toISOString().slice(0, 10))
  }
}

function readPage(file: OpenFile, after: Cursor): { events: RecordedEvent[]; cursor: Cursor } {
  const events: RecordedEvent[] = []
  let cursor = after
  const from = { ...EMPTY_HEAD, seq: after.seq, end: after.position }
  walkRecord(file, from, (links) => {
    for (const { event, head } of links) {
      events.push(event)
      cursor = { seq: head.seq, position: head.end }
    }
    return events.length >= PAGE ? STOP : undefined
  })
  return { events, cursor }
}
