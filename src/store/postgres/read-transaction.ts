import type { SessionState } from '../../domain/session/state.ts'
import type { TaskStatus } from '../../domain/task.ts'
import type { LeaseStatus, LedgerReader, SessionFilter } from '../../ports/ledger.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import { PostgresMemory } from './memory-reader.ts'
import type { RecalledSessions } from './recalled.ts'
import { Rows } from './rows.ts'
import { Slots, type SlotsOn } from './slots.ts'
import type { Sql } from './sql.ts'
import { Streams } from './streams.ts'
import { Tasks } from './tasks.ts'

/** What every transaction on one book needs. */
export interface TransactionParts {
  readonly project_id: string
  /** Names this copy of the repository. */
  readonly place: string
  readonly slots: SlotsOn
  readonly recalled: RecalledSessions
  readonly newId: () => string
}

/** One consistent look at a book. */
export class ReadTransaction implements LedgerReader {
  readonly memory: MemoryReader
  protected readonly parts: TransactionParts
  protected readonly sql: Sql
  protected readonly rows: Rows
  protected readonly streams: Streams
  protected readonly slots: Slots
  readonly #tasks: Tasks
  /** A verdict holds for the transaction: it must not change between the check and the write. */
  protected readonly judged = new Map<string, LeaseStatus | undefined>()

  constructor(
    sql: Sql,
    parts: TransactionParts,
    beforeMemory: (projectIds: readonly string[]) => Promise<void> = async () => {},
  ) {
    this.sql = sql
    this.parts = parts
    this.rows = new Rows(sql, parts.project_id)
    this.#tasks = new Tasks(sql, parts.project_id, this.rows)
    this.streams = new Streams(sql, parts.project_id)
    this.slots = new Slots(sql, parts.project_id, parts.slots)
    this.memory = new PostgresMemory(sql, parts.project_id, beforeMemory)
  }

  async session(id: string): Promise<SessionState | undefined> {
    return await this.rows.session(id)
  }

  async sessions(filter: SessionFilter) {
    return await this.rows.sessions(filter)
  }

  async lastSessionIn(slot: string) {
    return await this.rows.lastSessionIn(slot)
  }

  async lease(slot: string): Promise<LeaseStatus | undefined> {
    if (!this.judged.has(slot)) this.judged.set(slot, await this.slots.status(slot))
    return this.judged.get(slot)
  }

  async leases() {
    return await this.slots.all()
  }

  async heartbeat(sessionId: string) {
    return await this.rows.heartbeat(sessionId)
  }

  async turnIsCounted(sessionId: string, requestId: string) {
    return await this.rows.turnIsCounted(sessionId, requestId)
  }

  async task(id: string) {
    return await this.#tasks.task(id)
  }

  async tasksById(ids: readonly string[]) {
    return await this.#tasks.tasksById(ids)
  }

  async tasks(filter: { status?: TaskStatus | undefined; limit: number }) {
    return await this.#tasks.tasks(filter)
  }

  async taskIds() {
    return await this.#tasks.taskIds()
  }

  async taskSync(sessionId: string) {
    return await this.#tasks.taskSync(sessionId)
  }
}
