import { v7 } from 'uuid'
import type { RecordedEvent, StreamRef } from '../../domain/event.ts'
import { Refusal } from '../../domain/refusal.ts'
import { nodeDisk } from '../../log/disk.ts'
import { pageOf } from '../../log/page.ts'
import { asUnavailable } from '../../log/unavailable.ts'
import type { Cursor, Finding, Ledger, LedgerReader, LedgerWriter, Progress, VerifyReport } from '../../ports/ledger.ts'
import { isUnreadable } from './database.ts'
import { carryOutPair, finishPair } from './pair-write.ts'
import { prepareToPurge, purge } from './purge.ts'
import { ReadTransaction } from './read-transaction.ts'
import { Store, type StoreOptions } from './store.ts'
import { examine, examineAgain } from './verify.ts'
import { carryOut } from './write-path.ts'

type Defaulted = 'disk' | 'newId' | 'pausePoint'
export type SqliteLedgerOptions = Omit<StoreOptions, Defaulted | 'report'> &
  Partial<Pick<StoreOptions, Defaulted>> & {
    /** The book that all projects share; without it nothing can be saved for all of them. */
    readonly global?: SqliteLedger
  }

/** For work that meets records itself, or wants them as they are. */
const UNMET = { meet: false }

/** The embedded ledger: records in files, the projection in SQLite, one writer at a time over all processes. */
export class SqliteLedger implements Ledger {
  readonly project_id: string
  readonly place: string
  readonly #options: StoreOptions
  readonly #findings: Finding[] = []
  readonly #global: SqliteLedger | null
  #store: Store | null = null
  /** One connection serves one transaction at a time; callers of the same process wait in line here. */
  #line: Promise<unknown> = Promise.resolve()

  constructor(options: SqliteLedgerOptions) {
    this.project_id = options.project_id
    this.place = options.place
    this.#global = options.global ?? null
    const report = (finding: Finding) => this.#findings.push(finding)
    this.#options = { disk: nodeDisk, newId: () => v7(), pausePoint: () => {}, ...options, report }
  }

  write<T>(work: (book: LedgerWriter) => Promise<T>): Promise<T> {
    return new Promise((answer, refuse) => {
      // Once answered, a refusal goes nowhere: what kept the store from following is reported, and the record stands.
      this.#attempt(work, answer).catch(refuse)
    })
  }

  async #attempt<T>(work: (book: LedgerWriter) => Promise<T>, answer: (result: T) => void): Promise<void> {
    const { pausePoint, report, layout } = this.#options
    const outcome = await this.#locked((store) => carryOut(store, work, { answer, pausePoint, report, layout }))
    if (outcome === 'store is gone') await this.#attempt(work, answer)
  }

  read<T>(work: (book: LedgerReader) => Promise<T>): Promise<T> {
    return this.#inLine(async () => {
      const store = await this.#upToDate()
      const transaction = new ReadTransaction(store.parts)
      store.database.exec('BEGIN')
      try {
        return await work(transaction)
      } finally {
        store.database.exec('COMMIT')
        await store.keepSightings(transaction.sightings)
      }
    })
  }

  async writeWithGlobal<T>(work: (book: LedgerWriter, global: LedgerWriter) => Promise<T>): Promise<T> {
    const global = this.#globalBook()
    // Always in this order, so that two processes never wait for each other.
    const outcome = await this.#locked((own) =>
      global.#locked((shared) => carryOutPair(own, shared, work, this.#options)),
    )
    return outcome === 'store is gone' ? await this.writeWithGlobal(work) : outcome.result
  }

  readWithGlobal<T>(work: (book: LedgerReader, global: LedgerReader | null) => Promise<T>): Promise<T> {
    const global = this.#global
    if (global === null || !global.#exists()) return this.read((book) => work(book, null))
    return this.read((book) => global.read((shared) => work(book, shared)))
  }

  async openGlobal(): Promise<void> {
    await this.#globalBook().#locked(async () => {})
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
    return this.#locked(async ({ parts }) => parts.leases.renewAll())
  }

  history(stream: StreamRef, after?: Cursor): Promise<{ events: RecordedEvent[]; cursor: Cursor }> {
    return this.#inLine(async () => pageOf(this.#options, stream, after))
  }

  /** Agents go on writing meanwhile: what looks damaged is looked at again under the lock, when nobody is in mid-write. */
  verify(onProgress?: (progress: Progress) => void): Promise<VerifyReport> {
    return this.#inLine(async () => {
      const { parts } = this.#store ?? (await this.#open())
      const report = examine(this.#options, parts.streams, onProgress)
      if (!report.findings.some(({ damage }) => damage)) return report
      // Records are not met here, as they are before a call: that would mend what is to be reported.
      return await this.#transaction(async (store) => examineAgain(this.#options, store.parts.streams, report), UNMET)
    })
  }

  rebuild(onProgress?: (progress: Progress) => void): Promise<{ streams: number; events: number }> {
    return this.#locked(async (store) => store.rebuild(onProgress), UNMET)
  }

  lacking(): Promise<readonly Finding[]> {
    return this.#locked(async ({ parts }) => parts.meeting.kept.lacking())
  }

  writeBack(stream: StreamRef): Promise<number> {
    return this.#locked(async ({ parts }) => parts.meeting.writeBack(stream))
  }

  async purge(...[text, record]: Parameters<Ledger['purge']>): ReturnType<Ledger['purge']> {
    if (text.project_id === this.#global?.project_id) return await this.#global.purge(text, record)
    await this.#locked(async ({ parts }) => prepareToPurge(parts, text))
    await this.write(record)
    return await purge(text, (work) => this.#locked(work))
  }

  repairs(): readonly Finding[] {
    return this.#findings
  }

  async close(): Promise<void> {
    await this.#global?.close()
    await this.#inLine(async () => {
      this.#store?.close()
      this.#store = null
    })
  }

  #locked<T>(work: (store: Store) => Promise<T>, options?: { meet: boolean }): Promise<T> {
    return this.#inLine(() => this.#transaction(work, options))
  }

  /**
   * Runs `work` under the write lock, with all records met. What it did is committed when it returns and rolled back when it
   * throws; a write that answers before or after its commit commits by itself.
   */
  async #transaction<T>(work: (store: Store) => Promise<T>, { meet } = { meet: true }): Promise<T> {
    const store = await this.#begin(meet)
    try {
      const result = await work(store)
      if (store.database.inTransaction) store.database.commit()
      return result
    } finally {
      store.database.rollBack()
    }
  }

  #inLine<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#line
      .then(() => this.#withReadableStore(work))
      .catch((error: unknown) => {
        throw asUnavailable(error, this.#options.layout)
      })
    this.#line = done.catch(() => {})
    return done
  }

  /** A database that turns out to be damaged in mid-use is put aside, and what was asked is done on a new one. */
  async #withReadableStore<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isUnreadable(error) || this.#store === null) throw error
      await this.#store.putAside()
      this.#store = null
      return await work()
    }
  }

  /**
   * The write lock over all processes, on the store that stands at the path now. What git did to the records is taken in and
   * committed by itself before, so that it stays taken in when the call that came upon it is refused.
   */
  async #begin(meet: boolean): Promise<Store> {
    for (;;) {
      const store = this.#store ?? (await this.#open())
      try {
        if (await store.begin()) {
          if (!meet) return store
          if (store.meetWhatChanged() || (await this.#finishPair(store))) continue
          return store
        }
      } catch (error) {
        store.database.rollBack()
        throw error
      }
      store.close()
      this.#store = null
    }
  }

  /** Finishes what a process had begun to write here and in the global book; false where there is nothing to finish. */
  async #finishPair(store: Store): Promise<boolean> {
    const { disk, layout, report } = this.#options
    if (this.#global === null || disk.stat(layout.pending) === null) return false
    try {
      await this.#global.#locked((global) => finishPair(store, global, this.#options))
      return true
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'store_unavailable') throw error
      // Nobody was answered about it, and what this project does by itself need not wait for the global book.
      const message = `a write in this book and the global one waits to be finished: ${error.message}`
      report({ stream: null, where: layout.pending, line: null, kind: 'store_behind', message, damage: false })
      return false
    }
  }

  /** The store with all records met, for a reader; it takes no lock where there is nothing to meet. */
  async #upToDate(): Promise<Store> {
    if (this.#store?.isUpToDate() === true && !this.#store.isBehind()) return this.#store
    return await this.#transaction(async (store) => {
      store.meetOpen()
      return store
    })
  }

  async #open(): Promise<Store> {
    this.#store = await Store.open(this.#options)
    return this.#store
  }
}
