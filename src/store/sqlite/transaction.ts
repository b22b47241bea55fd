import type { Actor, NewEvent, StreamRef } from '../../domain/event.ts'
import type { Lease, Sighting } from '../../domain/lease.ts'
import { isSessionEvent } from '../../domain/session/events.ts'
import { type Change, project, sessionStream } from '../../domain/session/projection.ts'
import type { SessionState } from '../../domain/session/state.ts'
import type { TaskStatus } from '../../domain/task.ts'
import type { Disk, OpenFile } from '../../log/disk.ts'
import type { BookLayout } from '../../log/layout.ts'
import { encodeStep } from '../../log/record.ts'
import type { Heartbeat, LeaseStatus, LedgerReader, LedgerWriter, SessionFilter } from '../../ports/ledger.ts'
import type { Leases } from './leases.ts'
import type { Meeting } from './meeting.ts'
import type { RecentSessions } from './recent-sessions.ts'
import type { Rows } from './rows.ts'
import type { StreamRow, StreamRows } from './stream-rows.ts'

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

/** A stream that this transaction touched: where it stood, and what is to be added. */
interface TouchedStream {
  readonly stream: StreamRef
  file: OpenFile | null
  readonly before: StreamRow
  after: StreamRow
  session: SessionState | undefined
  readonly chunks: Buffer[]
  readonly lines: { seq: number; line: string }[]
  readonly changes: Change[]
}

/**
 * A write. Events are gathered while the caller decides, and reach the disk in `record`, all at once: a call that is refused
 * half-way has written nothing. Rows follow in `project`.
 */
export class WriteTransaction extends ReadTransaction implements LedgerWriter {
  readonly #touched = new Map<string, TouchedStream>()
  #onlyAppends = true

  /** True when all that this write does is in the record: then the store may follow after the answer. */
  get isAllInRecord(): boolean {
    return this.#onlyAppends && this.#written().length > 0
  }

  override async session(id: string): Promise<SessionState | undefined> {
    return this.#touch(sessionStream(id)).session
  }

  async append(stream: StreamRef, events: readonly NewEvent[], by: { actor: Actor; at: string }): Promise<void> {
    if (events.length === 0) return
    const touched = this.#touch(stream)
    const step = encodeStep(touched.after, events, { ...by, newId: this.parts.newId })
    touched.chunks.push(step.bytes)
    for (const [i, line] of step.lines.entries()) touched.lines.push({ seq: touched.after.seq + i + 1, line })
    touched.after = { ...step.head, ino: touched.after.ino, journal_seq: step.head.seq }
    if (stream.kind !== 'session') return
    const { state, changes } = project(touched.session, step.recorded.filter(isSessionEvent))
    touched.session = state
    touched.changes.push(...changes)
  }

  async grant(slot: string, sessionId: string): Promise<Lease> {
    this.judged.delete(slot)
    this.#onlyAppends = false
    return this.parts.leases.grant(slot, sessionId)
  }

  async release(slot: string): Promise<void> {
    this.judged.delete(slot)
    this.#onlyAppends = false
    this.parts.leases.release(slot)
  }

  async putHeartbeat(sessionId: string, heartbeat: Heartbeat): Promise<void> {
    this.#onlyAppends = false
    this.parts.rows.putHeartbeat(sessionId, heartbeat)
    this.parts.leases.renew(sessionId)
  }

  /** Puts what was gathered on disk, in the records. */
  record(): void {
    const { disk, layout, pausePoint } = this.parts
    const written = this.#written()
    for (const touched of written) {
      touched.file ??= disk.open(layout.record(touched.stream), true)
      touched.file?.append(touched.chunks.length === 1 ? (touched.chunks[0] as Buffer) : Buffer.concat(touched.chunks))
    }
    pausePoint('appended')
    for (const { file } of written) file?.sync()
    pausePoint('synced')
  }

  /** Lets the rows follow what was recorded. What is left to do is to commit. */
  project(): void {
    const { rows, streams, leases, pausePoint } = this.parts
    for (const { stream, file, before, after, session, lines, changes } of this.#written()) {
      // Lines that the store kept and the file lost long ago would stand in the way of the new ones.
      if (before.journal_seq !== before.seq) streams.forgetLines(stream, before.seq)
      for (const { seq, line } of lines) streams.keepLine(stream, seq, line)
      streams.put(stream, { ...after, ino: file?.ino ?? 0 })
      if (session === undefined) continue
      rows.carryOut(changes)
      rows.putSession(session)
      leases.renew(session.session_id)
    }
    pausePoint('projected')
  }

  /** Takes back what `record` appended, as long as nobody was answered. */
  undo(): void {
    for (const { stream, file, before } of this.#written()) {
      if (file === null) continue
      if (before.seq === 0) this.parts.disk.remove(this.parts.layout.record(stream))
      else file.truncate(before.end)
    }
  }

  close(): void {
    for (const { file } of this.#touched.values()) file?.close()
  }

  /** Keeps the states that were committed at hand for the next call. */
  remember(): void {
    for (const { after, session } of this.#written()) {
      if (session !== undefined) this.parts.recent.put(after.hash, session)
    }
  }

  #written(): TouchedStream[] {
    return [...this.#touched.values()].filter(({ chunks }) => chunks.length > 0)
  }

  #sessionAt(id: string, hash: string): SessionState | undefined {
    return this.parts.recent.get(id, hash) ?? this.parts.rows.session(id)
  }

  #touch(stream: StreamRef): TouchedStream {
    const key = `${stream.kind}:${stream.id}`
    const known = this.#touched.get(key)
    if (known !== undefined) return known
    const { file, row } = this.parts.meeting.meet(stream)
    const session = stream.kind === 'session' && row.seq > 0 ? this.#sessionAt(stream.id, row.hash) : undefined
    const touched: TouchedStream = {
      stream,
      file,
      before: row,
      after: row,
      session,
      chunks: [],
      lines: [],
      changes: [],
    }
    this.#touched.set(key, touched)
    return touched
  }
}
