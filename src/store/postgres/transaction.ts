import type { Actor, NewEvent, StreamRef } from '../../domain/event.ts'
import type { Lease } from '../../domain/lease.ts'
import { memoryStream } from '../../domain/memory/projection.ts'
import { project, reportsIn, sessionStream } from '../../domain/session/projection.ts'
import type { SessionState } from '../../domain/session/state.ts'
import { streamKey, toldIn } from '../../domain/stream.ts'
import { encodeStep } from '../../log/record.ts'
import type { Heartbeat, LeaseStatus, LedgerWriter } from '../../ports/ledger.ts'
import { raiseFence, untold } from './fences.ts'
import type { MemoryLocks } from './memory-locks.ts'
import { MemoryProjection } from './memory-projection.ts'
import { ReadTransaction, type TransactionParts } from './read-transaction.ts'
import { type Recalled, Recollection } from './recalled.ts'
import { sessionBefore, stepOf, writeStep } from './session-step.ts'
import type { Sql } from './sql.ts'
import { type Flushed, isUsual, type TouchedStream, untouched } from './touched.ts'

/**
 * A write. Events are gathered while the caller decides, and go out together in `flush`; each stream is added to only where it still
 * ends as it did when it was read, and else all of it is tried again. The log and what is computed from it are one transaction, or one
 * statement, so neither is ever without the other.
 */
export class WriteTransaction extends ReadTransaction implements LedgerWriter {
  readonly #opened = new Map<string, Promise<TouchedStream>>()
  /** The same once they are open; whoever has one opened awaits it. */
  readonly #touched: TouchedStream[] = []
  readonly #recollection: Recollection
  readonly #locks: MemoryLocks
  readonly #isCautious: boolean
  /** Heartbeats that go with the flush. */
  readonly #heard = new Map<string, Heartbeat>()
  /** Of the sessions that were touched, as this transaction leaves them. */
  readonly #beats = new Map<string, Heartbeat | undefined>()
  #newMemory: StreamRef | undefined
  /** Sessions whose fences it raises. */
  #disturbed: readonly string[] = []

  /** A cautious one locks what it reads, in the order slot, stream: somebody else was first the last time. */
  constructor(sql: Sql, parts: TransactionParts, { locks, isCautious }: { locks: MemoryLocks; isCautious: boolean }) {
    super(sql, parts, (projectIds) => locks.take(projectIds))
    this.#recollection = new Recollection(sql, parts.project_id, parts.recalled)
    this.#locks = locks
    this.#isCautious = isCautious
  }

  override async lease(slot: string): Promise<LeaseStatus | undefined> {
    if (this.#isCautious && !this.judged.has(slot)) await this.slots.lock(slot)
    return await super.lease(slot)
  }

  override async session(id: string): Promise<SessionState | undefined> {
    return (await this.#touch(sessionStream(id))).session
  }

  async append(stream: StreamRef, events: readonly NewEvent[], by: { actor: Actor; at: string }): Promise<void> {
    if (events.length === 0) return
    const touched = await this.#touch(stream)
    const at = stream.kind === 'memory' && touched.lastAt > by.at ? touched.lastAt : by.at
    const step = encodeStep(touched.after, events, { newId: this.parts.newId, ...by, at })
    touched.lines.push(...step.lines)
    touched.after = step.last
    touched.lastAt = at
    const { own, learned } = toldIn(stream, step.recorded)
    touched.learned.push(...learned)
    if (own.length === 0 && touched.session === undefined) return
    const { state, changes } = project(touched.session, own, at)
    touched.session = state
    touched.changes.push(...changes)
    touched.reports.push(...reportsIn(changes))
  }

  /** Each copy of the repository adds to a stream of its own, as it does where the log is files. */
  async memoryStream(): Promise<StreamRef> {
    const { place, newId, project_id } = this.parts
    await this.#locks.take([project_id])
    const known = this.#newMemory ?? (await this.streams.writer(place))
    if (known !== undefined) return known
    this.#newMemory = memoryStream(newId())
    await this.streams.putWriter(place, this.#newMemory)
    return this.#newMemory
  }

  async grant(slot: string, sessionId: string): Promise<Lease> {
    await this.#changeSlot(slot)
    return await this.slots.grant(slot, sessionId)
  }

  async release(slot: string): Promise<void> {
    await this.#changeSlot(slot)
    await this.slots.release(slot)
  }

  /** What was decided until now was by the slot as it was, so that is asked before it changes. */
  async #changeSlot(slot: string): Promise<void> {
    this.judged.delete(slot)
    if (this.#recollection.taken === 0) return
    this.sql.begin()
    await this.confirm()
  }

  override async heartbeat(sessionId: string): Promise<Heartbeat | undefined> {
    return this.#beats.has(sessionId) ? this.#beats.get(sessionId) : await this.rows.heartbeat(sessionId)
  }

  async putHeartbeat(sessionId: string, heartbeat: Heartbeat): Promise<void> {
    this.#beats.set(sessionId, heartbeat)
    // Until when a lease runs is told with a heartbeat, and what is remembered may have been renewed since.
    for (const [slot, status] of this.judged) if (status?.lease.session_id === sessionId) this.judged.delete(slot)
    this.#heard.set(sessionId, heartbeat)
  }

  get project_id(): string {
    return this.parts.project_id
  }

  /** Renews every lease that this process holds. */
  async renewAll(): Promise<void> {
    await this.slots.renewAll()
  }

  override async turnIsCounted(sessionId: string, requestId: string): Promise<boolean> {
    const touched = await this.#opened.get(streamKey(sessionStream(sessionId)))
    if (touched === undefined || touched.recalled === null) return await super.turnIsCounted(sessionId, requestId)
    this.#recollection.takeForNew(sessionId, requestId)
    return false
  }

  /**
   * Fails as a conflict where a session that was taken from memory is not as it was remembered, or a turn is no new one. To be asked
   * before anybody is told anything on the strength of it; a step that is written asks by itself.
   */
  async confirm(): Promise<void> {
    await this.#recollection.confirm()
  }

  /** Remembers what was written, once it is committed. */
  remember(): void {
    this.slots.noteRenewals()
    for (const { stream, before, recalled, after, session, asOf, reports } of this.#touched) {
      if (stream.kind !== 'session' || session === undefined) continue
      const head = { ...after, fence: before.fence + (this.#disturbed.includes(stream.id) ? 1 : 0) }
      const [lease, beat] = [this.judged.get(session.slot), this.#beats.get(stream.id)]
      const held_since = this.slots.heldSince(session.slot) ?? recalled?.held_since ?? Number.NEGATIVE_INFINITY
      const pending = asOf === after.seq ? [] : reports
      this.parts.recalled.keep(stream.id, { head, session, as_of: asOf, pending, beat, lease, held_since })
    }
  }

  /** Sends everything that was gathered. */
  async flush(): Promise<Flushed> {
    const written = this.#touched.filter(({ lines }) => lines.length > 0)
    const marks = written.map(({ stream, before, lines }) => ({
      project_id: this.project_id,
      stream,
      seq: before.seq + 1,
      line: lines[0] ?? '',
    }))
    const [only, ...others] = written
    const isStep = only !== undefined && others.length === 0 && this.#heard.size === 0 && isUsual(only)
    const isAlone =
      isStep && !this.sql.isInTransaction && this.#touched.every((one) => one === only || one.recalled === null)
    const sent = isAlone ? [this.#step(only)] : await this.#sendAll(written)
    untilAwaited(sent)
    return { marks, sent }
  }

  #step(touched: TouchedStream): Promise<void> {
    const step = stepOf(touched)
    if (step.snapshot !== null) touched.asOf = step.after.seq
    return writeStep(this.sql, this.project_id, step)
  }

  async #sendAll(written: readonly TouchedStream[]): Promise<Promise<void>[]> {
    this.#disturbed = untold([...this.#heard.keys(), ...this.slots.displaced], written)
    if (written.length === 0 && this.#disturbed.length === 0) return [this.confirm()]
    await this.#locks.take(written.flatMap(({ learned }) => learned.map(({ data }) => data.project_id)))
    this.sql.begin()
    // The slot's row, the stream's, the heartbeat's: in this order everybody has them, so nobody waits for another in a circle.
    const sent = [this.confirm(), ...[...this.#heard.keys()].map((id) => this.slots.renew(id))]
    for (const touched of written) {
      const { stream, before, after, lines, reports, changes, session } = touched
      sent.push(this.streams.append(stream, before, after, lines))
      if (session === undefined) continue
      sent.push(this.rows.put(session, after.seq, { changes, reports }))
      touched.asOf = after.seq
    }
    for (const id of this.#disturbed) {
      const looked = this.#touched.find(({ stream }) => stream.kind === 'session' && stream.id === id)
      sent.push(raiseFence(this.sql, this.project_id, id, looked?.before))
    }
    for (const [id, heartbeat] of this.#heard) sent.push(this.rows.putHeartbeat(id, heartbeat))
    untilAwaited(sent)
    const memory = new MemoryProjection(this.sql, this.project_id)
    for (const { stream, learned } of written) await memory.take(stream, learned)
    return sent
  }

  #touch(stream: StreamRef): Promise<TouchedStream> {
    const key = streamKey(stream)
    let opened = this.#opened.get(key)
    if (opened === undefined) {
      opened = this.#open(stream)
      this.#opened.set(key, opened)
    }
    return opened
  }

  async #open(stream: StreamRef): Promise<TouchedStream> {
    const touched = await this.#look(stream)
    this.#touched.push(touched)
    return touched
  }

  async #look(stream: StreamRef): Promise<TouchedStream> {
    if (this.#isCautious) await this.#lock(stream)
    if (stream.kind === 'session') {
      // Somebody else was first: what was remembered is no help the next time either, should this be refused.
      if (this.#isCautious) this.parts.recalled.forget(stream.id)
      const recalled = this.#recollection.take(stream.id)
      if (recalled !== undefined) return this.#recall(stream, recalled)
      const { head, standing, beat, row } = await sessionBefore(this.sql, this.project_id, stream.id)
      const leased = this.slots.statusIn(row)
      if (leased !== undefined && !this.judged.has(leased.slot)) this.judged.set(leased.slot, leased.status)
      if (!this.#beats.has(stream.id)) this.#beats.set(stream.id, beat)
      const { session, as_of = 0, pending = [] } = standing ?? {}
      return { ...untouched(stream, head, session), asOf: as_of, reports: [...pending] }
    }
    const before = await this.streams.head(stream)
    const lastAt = await this.streams.lastAt(stream, before)
    return { ...untouched(stream, before), lastAt }
  }

  #recall(stream: StreamRef, recalled: Recalled): TouchedStream {
    const { head, session, as_of, pending, beat, lease } = recalled
    if (!this.judged.has(session.slot)) this.judged.set(session.slot, lease)
    if (!this.#beats.has(stream.id)) this.#beats.set(stream.id, beat)
    return { ...untouched(stream, head, session), asOf: as_of, reports: [...pending], recalled }
  }

  async #lock(stream: StreamRef): Promise<void> {
    const slot = stream.kind === 'session' ? await this.rows.slotOf(stream.id) : undefined
    if (slot !== undefined) await this.slots.lock(slot)
    await this.streams.lock(stream)
  }
}

/** Whoever awaits them is told if they fail, and may have to wait for others before that. */
function untilAwaited(sent: readonly Promise<unknown>[]): void {
  for (const one of sent) one.catch(() => {})
}
