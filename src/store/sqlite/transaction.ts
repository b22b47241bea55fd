import type { Actor, NewEvent, StreamRef } from '../../domain/event.ts'
import type { Lease } from '../../domain/lease.ts'
import type { MemoryEvent } from '../../domain/memory/events.ts'
import { memoryStream } from '../../domain/memory/projection.ts'
import { type Change, project, sessionStream } from '../../domain/session/projection.ts'
import type { SessionState } from '../../domain/session/state.ts'
import { streamKey, toldIn } from '../../domain/stream.ts'
import type { OpenFile } from '../../log/disk.ts'
import { encodeStep, placeStep } from '../../log/record.ts'
import type { Heartbeat, LedgerWriter } from '../../ports/ledger.ts'
import { ReadTransaction } from './read-transaction.ts'
import type { StreamRow } from './stream-rows.ts'

/** A stream that this transaction touched: where it stood, and what is to be added. */
interface TouchedStream {
  readonly stream: StreamRef
  /** True where no file was there: then this write makes it, or takes it away again. */
  readonly isNew: boolean
  file: OpenFile | null
  readonly before: StreamRow
  after: StreamRow
  session: SessionState | undefined
  readonly chunks: Buffer[]
  readonly lines: { seq: number; line: string }[]
  readonly changes: Change[]
  readonly learned: MemoryEvent[]
}

/** Who appends and when; ids of the events where they have been given already. */
interface AppendedBy {
  readonly actor: Actor
  readonly at: string
  readonly newId?: () => string
}

/**
 * A write. Events are gathered while the caller decides, and reach the disk in `record`, all at once: a call that is refused
 * half-way has written nothing. Rows follow in `project`.
 */
export class WriteTransaction extends ReadTransaction implements LedgerWriter {
  readonly #touched = new Map<string, TouchedStream>()
  #onlyAppends = true
  #othersMet = false
  #newMemory: StreamRef | undefined

  /** True when all that this write does is in the record: then the store may follow after the answer. */
  get isAllInRecord(): boolean {
    return this.#onlyAppends && this.#written().length > 0
  }

  override async session(id: string): Promise<SessionState | undefined> {
    return this.#touch(sessionStream(id)).session
  }

  async append(stream: StreamRef, events: readonly NewEvent[], by: AppendedBy): Promise<void> {
    if (events.length === 0) return
    const { newId, memory } = this.parts
    const touched = this.#touch(stream)
    const lastAt = stream.kind === 'memory' ? (touched.learned.at(-1)?.at ?? memory.lastAt(stream)) : ''
    const at = by.at > lastAt ? by.at : lastAt
    const step = encodeStep(touched.after, events, { newId, ...by, at })
    const { bytes, head } = placeStep(touched.after, step)
    touched.chunks.push(bytes)
    for (const [i, line] of step.lines.entries()) touched.lines.push({ seq: touched.after.seq + i + 1, line })
    touched.after = { ...head, ino: touched.after.ino, journal_seq: head.seq }
    const { own, learned } = toldIn(stream, step.recorded)
    touched.learned.push(...learned)
    if (own.length === 0 && touched.session === undefined) return
    const { state, changes } = project(touched.session, own, at)
    touched.session = state
    touched.changes.push(...changes)
  }

  /**
   * A clone never adds to a stream whose end it does not know: after a switch of branches the file may stop earlier than it did, and
   * two ends of one chain would be a fork. It begins another stream then, and a merge simply has both.
   */
  async memoryStream(): Promise<StreamRef> {
    const { streams, newId } = this.parts
    const writer = streams.writer()
    if (writer !== undefined) {
      const { before } = this.#touch(writer.stream)
      if (before.seq > writer.seq || before.hash === writer.hash) return writer.stream
    }
    this.#newMemory ??= memoryStream(newId())
    return this.#newMemory
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
    this.judged.clear()
    this.#onlyAppends = false
    this.parts.rows.putHeartbeat(sessionId, heartbeat)
    this.parts.leases.renew(sessionId)
  }

  /**
   * Appends those of some events that the stream's book does not have yet, with the ids, times and authors that they were given. What
   * is older than the end of the stream, as what was imported is, gets a stream of its own: in that one it would lose its time.
   */
  async addMissing(stream: StreamRef, events: readonly MemoryEvent[]): Promise<void> {
    this.#touch(stream)
    const { memory, newId } = this.parts
    const missing = events.filter((event) => !memory.has(event))
    const [first] = missing
    if (first === undefined) return
    const fits = stream.kind === 'session' || first.at >= memory.lastAt(stream)
    const target = fits ? stream : memoryStream(newId())
    for (const step of Map.groupBy(missing, ({ at, actor }) => JSON.stringify([at, actor])).values()) {
      const { actor, at } = step[0] ?? first
      const ids = step.map(({ id }) => id).values()
      await this.append(target, step, { actor, at, newId: () => ids.next().value ?? newId() })
    }
  }

  /** What was learned in this write, stream by stream. */
  learned(): { stream: StreamRef; events: readonly MemoryEvent[] }[] {
    return this.#written()
      .filter(({ learned }) => learned.length > 0)
      .map(({ stream, learned }) => ({ stream, events: learned }))
  }

  /** Puts what was gathered on disk, in the records. */
  record(): void {
    const { disk, layout, pausePoint, recorded } = this.parts
    const written = this.#written()
    for (const [index, touched] of written.entries()) {
      const { chunks, isNew, stream } = touched
      const path = layout.record(stream)
      const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
      // A step is whole by itself. The first ones of a stream are so together, since its file comes into being with all of them.
      const isPutInPlace = isNew && chunks.length > 1
      if (isPutInPlace) disk.replace(path, bytes)
      touched.file ??= disk.open(path, !isPutInPlace)
      if (!isPutInPlace) touched.file?.append(bytes)
      if (index === written.length - 1) {
        recorded()
        pausePoint('appended')
      }
      // One after the other: a power cut may not leave a session in a slot without the end of the one before it.
      touched.file?.sync()
    }
    pausePoint('synced')
  }

  /** Lets the rows follow what was recorded. What is left to do is to commit. */
  project(): void {
    const { rows, memory, streams, leases, pausePoint } = this.parts
    for (const { stream, file, before, after, session, lines, changes, learned } of this.#written()) {
      // Where the store's copy does not end with the file's, as when a session goes on from an older state, it is made anew.
      if (before.journal_seq === before.seq) for (const { seq, line } of lines) streams.keepLine(stream, seq, line)
      else this.parts.meeting.kept.renew(stream, before.seq)
      streams.put(stream, { ...after, ino: file?.ino ?? 0 })
      if (stream.kind === 'memory') streams.putWriter({ stream, seq: after.seq, hash: after.hash })
      memory.take(stream, learned)
      if (session === undefined) continue
      rows.carryOut(changes)
      rows.putSession(session)
      leases.renew(session.session_id)
    }
    pausePoint('projected')
  }

  /** True once the store knows what `record` appended: another process took it in. Asked under the write lock. */
  wasTakenIn(): boolean {
    return this.#written().some(({ stream, before }) => (this.parts.streams.get(stream)?.seq ?? 0) > before.seq)
  }

  /** Takes back what `record` appended, as long as nobody was answered; for good, since it may have been synced. */
  undo(): void {
    for (const { stream, file, before, isNew } of this.#written()) {
      if (isNew) this.parts.disk.remove(this.parts.layout.record(stream))
      if (isNew || file === null) continue
      file.truncate(before.end)
      try {
        file.sync()
      } catch {
        // A disk that cannot sync is the likely reason to be here; the refusal that is on its way says so.
      }
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

  /** What is read must hold what others answered, also one that died before the store could follow. */
  protected override catchUp(sessionId?: string): void {
    if (sessionId !== undefined) this.#touch(sessionStream(sessionId))
    else this.#meetOthers()
  }

  #meetOthers(): void {
    if (this.#othersMet) return
    this.#othersMet = true
    for (const { stream } of this.parts.streams.open()) {
      if (!this.#touched.has(streamKey(stream))) this.parts.meeting.meet(stream).file?.close()
    }
  }

  #touch(stream: StreamRef): TouchedStream {
    const key = streamKey(stream)
    const known = this.#touched.get(key)
    if (known !== undefined) return known
    const { file, row } = this.parts.meeting.meet(stream)
    const session = stream.kind === 'session' && row.seq > 0 ? this.#sessionAt(stream.id, row.hash) : undefined
    const touched: TouchedStream = {
      stream,
      isNew: file === null,
      file,
      before: row,
      after: row,
      session,
      chunks: [],
      lines: [],
      changes: [],
      learned: [],
    }
    this.#touched.set(key, touched)
    return touched
  }
}
