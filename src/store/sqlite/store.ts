import type { Sighting } from '../../domain/lease.ts'
import type { Disk } from '../../log/disk.ts'
import type { BookLayout } from '../../log/layout.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Finding, Progress } from '../../ports/ledger.ts'
import type { Processes } from '../../ports/processes.ts'
import { retryWhileBusy } from './busy.ts'
import { Database } from './database.ts'
import { Leases } from './leases.ts'
import { Meeting } from './meeting.ts'
import { MemoryProjection } from './memory-projection.ts'
import type { PausePoint, TransactionParts } from './read-transaction.ts'
import { RecentSessions } from './recent-sessions.ts'
import { Rows } from './rows.ts'
import { StreamRows } from './stream-rows.ts'
import type { WriteTransaction } from './transaction.ts'

/** How long the store keeps its own copy of the lines of sessions that are over. */
const JOURNAL_DAYS = 30

export interface StoreOptions {
  readonly project_id: string
  readonly place: string
  readonly layout: BookLayout
  readonly clock: Clock
  readonly processes: Processes
  /** How long a lease outlives its last renewal, where the holder itself cannot be looked at. */
  readonly lease_ttl_ms: number
  /** Makes sure that the book's folders and git files are there, before the store is opened in them. */
  readonly prepare: () => void
  readonly disk: Disk
  readonly report: (finding: Finding) => void
  /** Makes the id of an event, a UUIDv7. */
  readonly newId: () => string
  /** Called in each gap of the write path; tests stop or kill the process there. */
  readonly pausePoint: (point: PausePoint) => void
  /** Called in the midst of each write that adds something to this book's records. */
  readonly recorded: () => void
}

/** One opened database and everything that hangs on it. */
export class Store {
  readonly database: Database
  readonly parts: TransactionParts
  readonly #options: StoreOptions
  readonly #folders: readonly string[]
  /** The record folders as they were when all records were last met. */
  #met: string | null = null

  private constructor(database: Database, options: StoreOptions) {
    this.database = database
    this.#options = options
    const { layout, project_id, clock, processes, place, lease_ttl_ms, disk, newId, report, pausePoint, recorded } =
      options
    this.#folders = [layout.folder('session'), layout.folder('memory')]
    const rows = new Rows(database, project_id)
    const streams = new StreamRows(database, project_id, place)
    const memory = new MemoryProjection(database)
    const leases = new Leases(database, project_id, { clock, processes, ttlMs: lease_ttl_ms })
    const now = () => clock.now()
    const meeting = new Meeting({ disk, layout, streams, rows, memory, leases, place, now, report })
    const recent = new RecentSessions()
    this.parts = { database, disk, layout, rows, memory, leases, streams, meeting, recent, newId, pausePoint, recorded }
  }

  static async open(options: StoreOptions): Promise<Store> {
    options.prepare()
    const { layout } = options
    const { database, putAside } = await Database.open(layout.database, layout.torn)
    if (putAside !== null) reportPutAside(options, putAside)
    return new Store(database, options)
  }

  /** Gives up a database that turned out to be unreadable in use; the next one is computed from the records. */
  async putAside(): Promise<void> {
    const putAside = await this.database.putAside(this.#options.layout.torn)
    if (putAside !== null) reportPutAside(this.#options, putAside)
  }

  /** Takes the write lock over all processes. False when another store stands at the path by now: this one is of no use. */
  async begin(patienceMs?: number): Promise<boolean> {
    await retryWhileBusy(() => this.database.begin(), patienceMs)
    // Asked under the lock: somebody may have deleted or replaced the store while this process waited.
    return this.database.isCurrent()
  }

  /** True when neither the store nor the record folders were replaced or changed since all records were met. */
  isUpToDate(): boolean {
    return this.database.isCurrent() && this.#met === this.#stamp()
  }

  /**
   * Takes in what git did to the records, inside a write transaction that it commits. A file that git adds, removes or replaces
   * changes its folder; one that a process appends to has told the store itself. False when there was nothing to do, and the
   * transaction goes on.
   */
  meetWhatChanged(): boolean {
    const stamp = this.#stamp()
    if (this.#met === stamp) return false
    const { memory, meeting } = this.parts
    memory.together(() => meeting.meetAll())
    if (this.#met === null) this.#forgetOldLines()
    this.database.commit()
    this.#met = stamp
    return true
  }

  /** Forgets the projection and reads every record anew; inside a write transaction. */
  rebuild(onProgress?: (progress: Progress) => void): { streams: number; events: number } {
    const { streams, rows, memory, meeting } = this.parts
    const live = streams.live()
    streams.dropAll()
    rows.dropAll()
    memory.dropAll()
    memory.together(() => {
      meeting.meetAll(onProgress)
      // A running session's record may be gone from its folder; then it is written again.
      for (const { stream } of live) meeting.meet(stream).file?.close()
    })
    const heads = [...streams.all('session').values(), ...streams.all('memory').values()]
    return { streams: heads.length, events: heads.reduce((sum, { seq }) => sum + seq, 0) }
  }

  /**
   * True while a record that is added to here is longer than the store knows: another process is between answer and commit, or died
   * there. A reader who was told of that answer must not see less than it said.
   */
  isBehind(): boolean {
    const { disk, layout } = this.#options
    return this.parts.streams.open().some(({ stream, end }) => (disk.stat(layout.record(stream))?.size ?? end) !== end)
  }

  /** Takes in what the records that are added to here have and the store does not; inside a write transaction. */
  meetOpen(): void {
    for (const { stream } of this.parts.streams.open()) this.parts.meeting.meet(stream).file?.close()
  }

  /** Takes back what a write that was not answered had appended; false where it stands. */
  async takeBack(transaction: WriteTransaction): Promise<boolean> {
    if (!this.database.inTransaction) {
      // A COMMIT that fails lets go of the lock as well. Whoever had it since may have taken in what was appended, and answered on
      // the strength of it: then it stands.
      await retryWhileBusy(() => this.database.begin())
      if (transaction.wasTakenIn()) return false
    }
    transaction.undo()
    return true
  }

  /** Notes since when leases are watched whose holder cannot be looked at, whatever became of the transaction that looked. */
  async keepSightings(sightings: ReadonlyMap<string, Sighting>): Promise<void> {
    if (sightings.size === 0) return
    await retryWhileBusy(() => this.database.begin())
    try {
      for (const [slot, sighting] of sightings) this.parts.leases.putSighting(slot, sighting)
      this.database.commit()
    } finally {
      this.database.rollBack()
    }
  }

  close(): void {
    this.database.close()
  }

  #stamp(): string {
    return this.#folders.map((folder) => this.#options.disk.folderStamp(folder)).join(' ')
  }

  #forgetOldLines(): void {
    const cutoff = new Date(Date.parse(this.#options.clock.now()) - JOURNAL_DAYS * 86_400_000)
    this.parts.streams.forgetSessionsBefore(cutoff.toISOString().slice(0, 10))
  }
}

function reportPutAside({ report, layout }: StoreOptions, to: string): void {
  const message = `the database could not be read; it was moved to ${to} and computed again from the records`
  report({ stream: null, where: layout.database, line: null, kind: 'unreadable_store', message, damage: false })
}
