import { afterEach, beforeEach, describe } from 'vitest'
import type { StreamRef } from '../../src/domain/event.ts'
import { bookLayout } from '../../src/log/layout.ts'
import type { Ledger } from '../../src/ports/ledger.ts'
import { type BookOptions, type LedgerOptions, type TestClock, type TestMachine, testBook } from './book.ts'
import { sharedServer } from './postgres.ts'
import { postgresBook } from './postgres-book.ts'
import { pull } from './pull.ts'
import { type AnyEvent, eventsOf, globalFolder, streamsOf } from './records.ts'

/** The project's own streams, or those that all projects share. */
export type Share = 'own' | 'global'

/** A book of a test, wherever it is kept; with a clock and a machine that obey the test. */
export interface AnyBook {
  /** Names where it is: a book that is opened there under another project id has this one's memory beside its own. */
  readonly root: string
  readonly clock: TestClock
  readonly machine: TestMachine
  readonly project_id: string
  /** Another instance on this book, as another process would open it; closed with the test. */
  open(options?: LedgerOptions): Ledger
  streams(kind?: StreamRef['kind'], share?: Share): Promise<string[]>
  /** Every event of every stream of a kind, stream by stream. */
  events(kind?: StreamRef['kind'], share?: Share): Promise<AnyEvent[]>
  /** Takes in what another copy of this book has learned since, as a merge of the two brings it. */
  pull(from: AnyBook, share?: Share): Promise<void>
  /** Closes all that was opened, before the test is over: for one that has very many books. */
  end(): Promise<void>
}

type Maker = (options?: BookOptions) => AnyBook

/** The embedded one. */
export function bookInFiles(options?: BookOptions): AnyBook {
  const book = testBook(options)
  const layoutOf = (share: Share = 'own', { root } = book) =>
    share === 'own' ? bookLayout(`${root}/.bot`) : bookLayout(options?.global_root ?? globalFolder({ root }))
  const ledgers: Ledger[] = []
  return {
    ...book,
    open(over) {
      const ledger = book.open(over)
      ledgers.push(ledger)
      return ledger
    },
    streams: async (kind, share) => streamsOf(layoutOf(share), kind),
    events: async (kind, share) => eventsOf(layoutOf(share), kind),
    pull: async ({ root }, share) =>
      pull(layoutOf(share).folder('memory'), layoutOf(share, { ...book, root }).folder('memory')),
    end: async () => {
      for (const ledger of ledgers) await ledger.close()
    },
  }
}

const STORES: readonly { name: string; make: Maker }[] = [
  { name: 'SQLite and files', make: bookInFiles },
  { name: 'PostgreSQL', make: postgresBook },
]

let make: Maker = bookInFiles

/** A book in the store that the tests around it are for; elsewhere in files. */
export function newBook(options?: BookOptions): AnyBook {
  return make(options)
}

/** Nothing above the ledger's port may know which backend it has: these tests run on each. To be called at the top of a file. */
export function onEachStore(tests: () => void): void {
  void sharedServer()
  describe.each(STORES)('$name', (store) => {
    beforeEach(() => {
      make = store.make
    })
    afterEach(() => {
      make = bookInFiles
    })
    tests()
  })
}
