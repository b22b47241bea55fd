import { v7 } from 'uuid'
import type { RecordedEvent, StreamRef } from '../../domain/event.ts'
import { Refusal } from '../../domain/refusal.ts'
import { nodeDisk } from '../../log/disk.ts'
import { pageOf } from '../../log/page.ts'
import { Watches } from '../../log/watches.ts'
import type {
  Cursor,
  Finding,
  Ledger,
  LedgerReader,
  LedgerWriter,
  Progress,
  VerifyReport,
  WatchNews,
  WatchOptions,
} from '../../ports/ledger.ts'
import type { Copyable, LogCopy } from '../../ports/log-copy.ts'
import { isUnreadable } from './database.ts'
import { SqliteLogCopy } from './log-copy.ts'
import { carryOutPair, finishPair } from './pair-write.ts'
import { prepareToPurge, purge } from './purge.ts'
import { ReadTransaction } from './read-transaction.ts'
import type { Store, StoreOptions } from './store.ts'
import { StoreDoor } from './store-door.ts'
import { examine, examineAgain } from './verify.ts'
import { FileMarks } from './watch.ts'
import { carryOut } from './write-path.ts'

type Defaulted = 'disk' | 'newId' | 'pausePoint' | 'recorded'
export type SqliteLedgerOptions = Omit<StoreOptions, Defaulted | 'report'> &
  Partial<Pick<StoreOptions, Defaulted>> & {
    /** The book that all projects share; without it nothing can be saved for all of them. */
    readonly global?: SqliteLedger
  }

/** How long a write waits for the global book only to finish what another one had begun there. */
const FINISHING_PATIENCE_MS = 250
/** How often a write in two books is begun anew because a database turned out to be damaged. */
const MENDS = 2

/** The embedded ledger: records in files, the projection in SQLite, one writer at a time over all processes. */
export class SqliteLedger implements Ledger, Copyable {
  readonly project_id: string
  readonly place: string
  readonly #options: StoreOptions
  readonly #findings: Finding[] = []
  readonly #global: SqliteLedger | null
  readonly #door: StoreDoor
  readonly #watches: Watches
  #hasToldOfPending = false

  constructor(options: SqliteLedgerOptions) {
    this.project_id = options.project_id
    this.place = options.place
    this.#global = options.global ?? null
    const report = (finding: Finding) => this.#findings.push(finding)
    this.#options = { disk: nodeDisk, newId: () => v7(), pausePoint: () => {}, recorded: () => {}, ...options, report }
    this.#door = new StoreDoor(this.#options, (store) => this.#finishPair(store))
    this.#watches = new Watches((nudge) => new FileMarks(this.#options, nudge))
  }

  write<T>(work: (book: LedgerWriter) => Promise<T>): Promise<T> {
    return new Promise((answer, refuse) => {
      // Once answered, a refusal goes nowhere: what kept the store from following is reported, and the record stands.
      this.#attempt(work, answer).catch(refuse)
    })
  }

  async #attempt<T>(work: (book: LedgerWriter) => Promise<T>, answer: (result: T) => void): Promise<void> {
    const { pausePoint, report, layout } = this.#options
    const outcome = await this.#door.locked((store) => carryOut(store, work, { answer, pausePoint, report, layout }))
    if (outcome === 'store is gone') await this.#attempt(work, answer)
  }

  read<T>(work: (book: LedgerReader) => Promise<T>): Promise<T> {
    const look = async (store: Store) => {
      const transaction = new ReadTransaction(store.parts)
      store.database.exec('BEGIN')
      try {
        return await work(transaction)
      } finally {
        store.database.exec('COMMIT')
        await store.keepSightings(transaction.sightings)
      }
    }
    return this.#door.reading(look, () => this.#global === null || !this.#isPending())
  }

  async writeWithGlobal<T>(work: (book: LedgerWriter, global: LedgerWriter) => Promise<T>): Promise<T> {
    const global = this.#globalBook()
    for (let mends = 0; ; ) {
      try {
        // Always in this order, so that two processes never wait for each other.
        const outcome = await this.#door.lockedOnce((own) =>
          global.#door.lockedOnce((shared) => carryOutPair(own, shared, work, this.#options)),
        )
        if (typeof outcome === 'object') return outcome.result
      } catch (error) {
        if (!isUnreadable(error instanceof Refusal ? error.cause : error) || mends++ === MENDS) throw error
        await global.#door.putAsideIfDamaged()
        await this.#door.putAsideIfDamaged()
      }
    }
  }

  readWithGlobal<T>(work: (book: LedgerReader, global: LedgerReader | null) => Promise<T>): Promise<T> {
    const global = this.#global
    if (global === null || !global.#exists()) return this.read((book) => work(book, null))
    return this.read((book) => global.read((shared) => work(book, shared)))
  }

  async openGlobal(): Promise<void> {
    await this.#globalBook().#door.locked(async () => {})
  }

  #globalBook(): SqliteLedger {
    if (this.#global === null) throw new Error('This book was opened without the one that all projects share.')
    return this.#global
  }

  /** Whether anything was ever saved here; asking creates nothing. */
  #exists(): boolean {
    const { disk, layout } = this.#options
    return disk.stat(layout.settings) !== null
  }

  renewLeases(): Promise<void> {
    return this.#door.locked(async ({ parts }) => parts.leases.renewAll())
  }

  history(stream: StreamRef, after?: Cursor): Promise<{ events: RecordedEvent[]; cursor: Cursor }> {
    return this.#door.inLine(async () => pageOf(this.#options, stream, after))
  }

  watch(streams: readonly StreamRef[], options: WatchOptions): AsyncGenerator<WatchNews> {
    return this.#watches.watch(streams, options)
  }

  /** Agents go on writing meanwhile: what looks damaged is looked at again under the lock, when nobody is in mid-write. */
  verify(onProgress?: (progress: Progress) => void): Promise<VerifyReport> {
    return this.#door.inLine(async () => {
      const { parts } = await this.#door.open()
      const report = examine(this.#options, parts.streams, onProgress)
      if (!report.findings.some(({ damage }) => damage)) return report
      // Records are not met here, as they are before a call: that would mend what is to be reported.
      return await this.#door.transaction(async (store) => examineAgain(this.#options, store.parts.streams, report), {
        meet: false,
      })
    })
  }

  rebuild(onProgress?: (progress: Progress) => void): Promise<{ streams: number; events: number }> {
    return this.#door.locked(async (store) => store.rebuild(onProgress), { meet: false })
  }

  lacking(): Promise<readonly Finding[]> {
    return this.#door.locked(async ({ parts }) => parts.meeting.kept.lacking())
  }

  writeBack(stream: StreamRef): Promise<number> {
    return this.#door.locked(async ({ parts }) => parts.meeting.writeBack(stream))
  }

  async purge(...[text, record]: Parameters<Ledger['purge']>): ReturnType<Ledger['purge']> {
    if (text.project_id === this.#global?.project_id) return await this.#global.purge(text, record)
    await this.#door.locked(async ({ parts }) => prepareToPurge(parts, text))
    await this.write(record)
    return await purge(text, (work) => this.#door.locked(work))
  }

  copyOf(book: 'own' | 'global'): LogCopy {
    return book === 'own' ? new SqliteLogCopy(this.#options, this.#door) : this.#globalBook().copyOf('own')
  }

  repairs(): readonly Finding[] {
    return this.#findings
  }

  async close(): Promise<void> {
    this.#watches.close()
    await this.#global?.close()
    await this.#door.close()
  }

  #isPending(): boolean {
    return this.#options.disk.stat(this.#options.layout.pending) !== null
  }

  /** Finishes what a process had begun to write here and in the global book; false where there is nothing to finish. */
  async #finishPair(store: Store): Promise<boolean> {
    if (this.#global === null || !this.#isPending()) return false
    const wishes = { patience_ms: FINISHING_PATIENCE_MS }
    try {
      await this.#global.#door.locked((global) => finishPair(store, global, this.#options), wishes)
      return true
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'store_unavailable') throw error
      // Nobody was answered about it, and what this project does by itself need not wait for the global book.
      if (!this.#hasToldOfPending) {
        this.#hasToldOfPending = true
        const { layout, report } = this.#options
        const message = `a write in this book and the global one waits to be finished: ${error.message}`
        report({ stream: null, where: layout.pending, line: null, kind: 'store_behind', message, damage: false })
      }
      return false
    }
  }
}
