import type { Sighting } from '../../domain/lease.ts'
import type { SessionState } from '../../domain/session/state.ts'
import type { TaskStatus } from '../../domain/task.ts'
import type { Disk } from '../../log/disk.ts'
import type { BookLayout } from '../../log/layout.ts'
import type { LeaseStatus, LedgerReader, SessionFilter } from '../../ports/ledger.ts'
import type { Leases } from './leases.ts'
import type { Meeting } from './meeting.ts'
import type { RecentSessions } from './recent-sessions.ts'
import type { Rows } from './rows.ts'
import type { StreamRows } from './stream-rows.ts'

export interface TransactionParts {
  readonly disk: Disk
  readonly layout: BookLayout
  readonly rows: Rows
  readonly leases: Leases
  readonly streams: StreamRows
  readonly meeting: Meeting
  readonly recent: RecentSessions
  readonly newId: () => string
  /** Called in each gap of the write path; tests stop or kill the process there. */
  readonly pausePoint: (point: PausePoint) => void
}

export type PausePoint = 'locked' | 'decided' | 'appended' | 'synced' | 'projected' | 'committed'

/** One consistent look at the store. */
export class ReadTransaction implements LedgerReader {
  protected readonly parts: TransactionParts
  /** Leases watched from now on, to be kept even if the transaction is rolled back. */
  readonly sightings = new Map<string, Sighting>()
  /** A verdict holds for the transaction: it must not change between the check and the write. */
  protected readonly judged = new Map<string, LeaseStatus | undefined>()

  constructor(parts: TransactionParts) {
    this.parts = parts
  }

  async session(id: string): Promise<SessionState | undefined> {
    return this.parts.rows.session(id)
  }

  async sessions(filter: SessionFilter) {
    return this.parts.rows.sessions(filter)
  }

  async lastSessionIn(slot: string) {
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
    return this.parts.rows.turnIsCounted(sessionId, requestId)
  }

  async task(taskId: string) {
    return this.parts.rows.task(taskId)
  }

  async tasks(filter: { status?: TaskStatus | undefined; limit: number }) {
    return this.parts.rows.tasks(filter)
  }

  async taskIds() {
    return this.parts.rows.taskIds()
  }

  async taskSync(sessionId: string) {
    return this.parts.rows.taskSync(sessionId)
  }
}
