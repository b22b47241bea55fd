import { asUnavailable } from '../../log/unavailable.ts'
import { isUnreadable } from './database.ts'
import { Store, type StoreOptions } from './store.ts'

/** What a piece of work wants of the store that it is given. */
export interface Wishes {
  /** False for work that meets records itself, or wants them as they are. */
  readonly meet?: boolean
  /** How long to wait for another process that writes; half a minute by default. */
  readonly patience_ms?: number
}

/**
 * The one way to a book's store: opens it, locks it, and gives it up when another stands in its place or when it turns out to be
 * damaged. Callers of one process wait in line, since one connection serves one transaction at a time.
 */
export class StoreDoor {
  readonly #options: StoreOptions
  /** Called under the lock before any work that wants records met; true when it has ended the transaction, and it is to be begun again. */
  readonly #beforeWork: (store: Store) => Promise<boolean>
  #store: Store | null = null
  #line: Promise<unknown> = Promise.resolve()

  constructor(options: StoreOptions, beforeWork: (store: Store) => Promise<boolean>) {
    this.#options = options
    this.#beforeWork = beforeWork
  }

  /**
   * Runs `work` under the write lock. What it did is committed when it returns and rolled back when it throws; a write that answers
   * before or after its commit commits by itself.
   */
  locked<T>(work: (store: Store) => Promise<T>, wishes: Wishes = {}): Promise<T> {
    return this.inLine(() => this.transaction(work, wishes))
  }

  /** The same without another try on a new store, for work on two stores at once: neither may be begun again by itself. */
  lockedOnce<T>(work: (store: Store) => Promise<T>): Promise<T> {
    return this.#queued(() => this.transaction(work))
  }

  /** Runs `work` on a store with all records met; it takes no lock where there is nothing to meet. */
  reading<T>(work: (store: Store) => Promise<T>, isReady: () => boolean): Promise<T> {
    return this.inLine(async () => {
      const isFresh = this.#store?.isUpToDate() === true && !this.#store.isBehind() && isReady()
      return await work(isFresh && this.#store !== null ? this.#store : await this.transaction(met))
    })
  }

  inLine<T>(work: () => Promise<T>): Promise<T> {
    return this.#queued(() => this.#mending(work))
  }

  #queued<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#line.then(work).catch((error: unknown) => {
      throw asUnavailable(error, this.#options.layout)
    })
    this.#line = done.catch(() => {})
    return done
  }

  /** For whoever stands in line already. */
  async transaction<T>(work: (store: Store) => Promise<T>, wishes: Wishes = {}): Promise<T> {
    const store = await this.#begin(wishes)
    try {
      const result = await work(store)
      if (store.database.inTransaction) store.database.commit()
      return result
    } finally {
      store.database.rollBack()
    }
  }

  /** The store as it is, for whoever stands in line already and takes no lock. */
  async open(): Promise<Store> {
    this.#store ??= await Store.open(this.#options)
    return this.#store
  }

  /** Puts the database aside if it cannot be read, so that the next one is computed from the records. */
  putAsideIfDamaged(): Promise<void> {
    return this.inLine(async () => {
      if (this.#store === null || this.#store.database.isSound()) return
      await this.#store.putAside()
      this.#store = null
    })
  }

  close(): Promise<void> {
    return this.inLine(async () => {
      this.#store?.close()
      this.#store = null
    })
  }

  /** A database that turns out to be damaged in mid-use is put aside, and what was asked is done on a new one. */
  async #mending<T>(work: () => Promise<T>): Promise<T> {
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
  async #begin({ meet = true, patience_ms }: Wishes): Promise<Store> {
    for (;;) {
      const store = await this.open()
      try {
        if (await store.begin(patience_ms)) {
          if (!meet) return store
          if (store.meetWhatChanged() || (await this.#beforeWork(store))) continue
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
}

async function met(store: Store): Promise<Store> {
  store.meetOpen()
  return store
}
