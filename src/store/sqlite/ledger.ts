import { v7 } from 'uuid'
import type { RecordedEvent, StreamRef } from '../../domain/event.ts'
import { nodeDisk } from '../../log/disk.ts'
import { isStreamId } from '../../log/layout.ts'
import { readPage } from '../../log/page.ts'
import { asUnavailable } from '../../log/unavailable.ts'
import type { Cursor, Finding, Ledger, LedgerReader, LedgerWriter, Progress, VerifyReport } from '../../ports/ledger.ts'
import { isUnreadable } from './database.ts'
import { ReadTransaction } from './read-transaction.ts'
import { Store, type StoreOptions } from './store.ts'
import { examine, examineAgain } from './verify.ts'
import { lackingRecords, writeBack } from './write-back.ts'
import { carryOut } from './write-path.ts'

type Defaulted = 'disk' | 'newId' | 'pausePoint'
export type SqliteLedgerOptions = Omit<StoreOptions, Defaulted | 'report'> & Partial<Pick<StoreOptions, Defaulted>>

/** The embedded ledger: records in files, the projection in SQLite, one writer at a time over all processes. */
export class SqliteLedger implements Ledger {
  readonly project_id: string
  readonly place: string
  readonly #options: StoreOptions
  readonly #findings: Finding[] = []
  #store: Store | null = null
  /** One connection serves one transaction at a time; callers of the same process wait in line here. */
  #line: Promise<unknown> = Promise.resolve()

  constructor(options: SqliteLedgerOptions) {
    this.project_id = options.project_id
    this.place = options.place
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
      const ready = this.#store?.isUpToDate() === true && !this.#store.isBehind()
      const store = ready && this.#store !== null ? this.#store : await this.#brought()
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

  renewLeases(): Promise<void> {
    return this.#locked(async ({ database, parts }) => {
      parts.leases.renewAll()
      database.commit()
    })
  }

  history(
    stream: StreamRef,
    after: Cursor = { seq: 0, position: 0 },
  ): Promise<{ events: RecordedEvent[]; cursor: Cursor }> {
    return this.#inLine(async () => {
      if (!isStreamId(stream.id)) return { events: [], cursor: after }
      const file = this.#options.disk.open(this.#options.layout.record(stream), false)
      if (file === null) return { events: [], cursor: after }
      try {
        return readPage(file, after)
      } finally {
        file.close()
      }
    })
  }

  /** Agents go on writing meanwhile: what looks damaged is looked at again under the lock, when nobody is in mid-write. */
  verify(onProgress?: (progress: Progress) => void): Promise<VerifyReport> {
    return this.#inLine(async () => {
      const { parts } = this.#store ?? (await this.#open())
      const report = examine(this.#options, parts.streams, onProgress)
      if (!report.findings.some(({ damage }) => damage)) return report
      // Records are not met here, as they are before a call: that would mend what is to be reported.
      return await this.#transaction(async (store) => examineAgain(this.#options, store.parts.streams, report), {
        meet: false,
      })
    })
  }

  rebuild(onProgress?: (progress: Progress) => void): Promise<{ streams: number; events: number }> {
    const anew = async (store: Store) => {
      const rebuilt = store.rebuild(onProgress)
      store.database.commit()
      return rebuilt
    }
    return this.#inLine(() => this.#transaction(anew, { meet: false }))
  }

  lacking(): Promise<readonly Finding[]> {
    return this.#locked(async ({ database, meeting }) => {
      const found = lackingRecords(meeting)
      database.commit()
      return found
    })
  }

  writeBack(stream: StreamRef): Promise<number> {
    return this.#locked(async ({ database, meeting, parts }) => {
      const written = writeBack(meeting, stream)
      parts.meeting.meet(stream).file?.close()
      database.commit()
      return written
    })
  }

  repairs(): readonly Finding[] {
    return this.#findings
  }

  close(): Promise<void> {
    return this.#inLine(async () => {
      this.#store?.close()
      this.#store = null
    })
  }

  /** Runs `work` under the write lock, with all records met. `work` commits; what it has not committed is rolled back. */
  #locked<T>(work: (store: Store) => Promise<T>): Promise<T> {
    return this.#inLine(() => this.#transaction(work))
  }

  async #transaction<T>(work: (store: Store) => Promise<T>, { meet } = { meet: true }): Promise<T> {
    const store = await this.#begin(meet)
    try {
      return await work(store)
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
          if (!meet || !store.meetWhatChanged()) return store
          continue
        }
      } catch (error) {
        store.database.rollBack()
        throw error
      }
      store.close()
      this.#store = null
    }
  }

  /** The store with all records met, for a reader. */
  #brought(): Promise<Store> {
    return this.#transaction(async (store) => {
      store.meetLive()
      store.database.commit()
      return store
    })
  }

  async #open(): Promise<Store> {
    this.#store = await Store.open(this.#options)
    return this.#store
  }
}
