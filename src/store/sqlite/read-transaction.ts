import type { Sighting } from '../../domain/lease.ts'
import type { SessionState } from '../../domain/session/state.ts'
import type { TaskStatus } from '../../domain/task.ts'
import type { Disk } from '../../log/disk.ts'
import type { BookLayout } from '../../log/layout.ts'
import type { LeaseStatus, LedgerReader, SessionFilter } from '../../ports/ledger.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { Database } from './database.ts'
import type { Leases } from './leases.ts'
import type { Meeting } from './meeting.ts'
import type { MemoryProjection } from './memory-projection.ts'
import { SqliteMemory } from './memory-reader.ts'
import type { RecentSessions } from './recent-sessions.ts'
import type { Rows } from './rows.ts'
import type { StreamRows } from './stream-rows.ts'

export interface TransactionParts {
  readonly database: Database
  readonly disk: Disk
  readonly layout: BookLayout
  readonly rows: Rows
  readonly memory: MemoryProjection
  readonly leases: Leases
  readonly streams: StreamRows
  readonly meeting: Meeting
  readonly recent: RecentSessions
  readonly newId: () => string
  /** Called in each gap of the write path; tests stop or kill the process there. */
  readonly pausePoint: (point: PausePoint) => void
  /** Called in the midst of each write that adds something to this book's records. */
  readonly recorded: () => void
}

export type PausePoint = 'locked' | 'decided' | 'prepared' | 'appended' | 'synced' | 'projected' | 'committed'

/** One consistent look at the store. */
export class ReadTransaction implements LedgerReader {
  readonly memory: MemoryReader
  protected readonly parts: TransactionParts
  /** Leases watched from now on, to be kept even if the transaction is rolled back. */
  readonly sightings = new Map<string, Sighting>()
  /** A verdict holds for the transaction: it must not change between the check and the write. */
  protected readonly judged = new Map<string, LeaseStatus | undefined>()

  constructor(parts: TransactionParts) {
    this.parts = parts
    this.memory = new SqliteMemory(parts.database, () => this.catchUp())
  }

  /**
   * Called before every look at what is computed from records: those of one session, or of all where none is named. A reader's
   * store was brought up to date before it began, so there is nothing to do. Leases and heartbeats are in no record, and are
   * committed before anybody is answered about them.
   */
  protected catchUp(_sessionId?: string): void {}

  async session(id: string): Promise<SessionState | undefined> {
    this.catchUp(id)
    return this.parts.rows.session(id)
  }

  async sessions(filter: SessionFilter) {
    this.catchUp()
    return this.parts.rows.sessions(filter)
  }

  async lastSessionIn(slot: string) {
    this.catchUp()
    return this.parts.rows.lastSessionIn(slot)
  }

  async lease(slot: string): Promise<LeaseStatus | undefined> {
    if (this.judged.has(slot)) return this.judged.get(slot)
    const status = this.parts.leases.status(slot, (s, sighting) => this.sightings.set(s, sighting))
    this.judged.set(slot, status)
    return status
  }

  async leases(): Promise<LeaseStatus[]> {
    return this.parts.leases.all((s, sighting) => this.sightings.set(s, sighting))
  }

  async heartbeat(sessionId: string) {
    return this.parts.rows.heartbeat(sessionId)
  }

  async turnIsCounted(sessionId: string, requestId: string) {
    this.catchUp(sessionId)
    return this.parts.rows.turnIsCounted(sessionId, requestId)
  }

  async task(id: string) {
    this.catchUp()
    return this.parts.rows.task(id)
  }

  async tasksById(ids: readonly string[]) {
    this.catchUp()
    return new Map(
      ids.flatMap((id) => {
        const task = this.parts.rows.task(id)
        return task === undefined ? [] : [[id, task]]
      }),
    )
  }

  async tasks(filter: { status?: TaskStatus | undefined; limit: number }) {
    this.catchUp()
    return this.parts.rows.tasks(filter)
  }

  async taskIds() {
    this.catchUp()
    return this.parts.rows.taskIds()
  }

  async taskSync(sessionId: string) {
    this.catchUp(sessionId)
    return this.parts.rows.taskSync(sessionId)
  }
}
