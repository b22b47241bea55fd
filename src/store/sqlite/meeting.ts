import { join } from 'node:path'
import type { StreamRef } from '../../domain/event.ts'
import { EMPTY_HEAD, endsAt, type Link } from '../../log/chain.ts'
import type { OpenFile } from '../../log/disk.ts'
import { isStreamId, streamOfFile } from '../../log/layout.ts'
import { type MenderParts, RecordMender } from '../../log/mender.ts'
import { type Reading, walkRecord } from '../../log/record.ts'
import type { Progress } from '../../ports/ledger.ts'
import { type Comparison, KeptLines, recordOf } from './kept-lines.ts'
import type { Leases } from './leases.ts'
import type { MemoryProjection } from './memory-projection.ts'
import { Projector } from './projector.ts'
import type { Rows } from './rows.ts'
import type { StreamRow, StreamRows } from './stream-rows.ts'

const KINDS: readonly StreamRef['kind'][] = ['session', 'memory']

const NEVER_WRITTEN: StreamRow = { ...EMPTY_HEAD, ino: 0, journal_seq: 0 }

/** A stream on which file and store agree, ready to be appended to. */
export interface MetStream {
  /** `null` while nothing was ever written. Whoever asked closes it. */
  readonly file: OpenFile | null
  readonly row: StreamRow
}

export interface MeetingParts extends MenderParts {
  readonly streams: StreamRows
  readonly rows: Rows
  readonly memory: MemoryProjection
  readonly leases: Leases
  /** Names this copy of the book. */
  readonly place: string
}

/**
 * Where record and store meet. Two copies of a stream are equal, or one is the beginning of the other, or they forked:
 * equal needs nothing, the shorter takes what it lacks, and of a fork both are kept and told about.
 *
 * The file is the truth, with one exception: while a session is live here, what its agent was answered may not vanish with a
 * `git checkout`, `git stash` or `rm`; then the store's copy of the lines puts the file right.
 *
 * Every method runs inside a write transaction, so no process appends meanwhile.
 */
export class Meeting {
  readonly kept: KeptLines
  readonly #parts: MeetingParts
  readonly #mender: RecordMender

  constructor(parts: MeetingParts) {
    this.#parts = parts
    this.#mender = new RecordMender(parts)
    this.kept = new KeptLines(parts, this.#mender)
  }

  /** Brings the store up to date with every record that was added, removed or replaced. */
  meetAll(onProgress?: (progress: Progress) => void): void {
    const { disk, layout, streams } = this.#parts
    for (const kind of KINDS) {
      const unseen = streams.all(kind)
      const folder = layout.folder(kind)
      const names = disk.list(folder)
      for (const [index, name] of names.entries()) {
        const stream = streamOfFile(kind, name)
        if (stream === null) continue
        const row = unseen.get(stream.id)
        unseen.delete(stream.id)
        const stat = disk.stat(join(folder, name))
        if (row === undefined || stat?.size !== row.end || stat.ino !== row.ino) this.meet(stream).file?.close()
        onProgress?.({ done: index + 1, total: names.length })
      }
      for (const id of unseen.keys()) this.meet({ kind, id }).file?.close()
    }
  }

  /** Makes file and store agree on one stream. */
  meet(stream: StreamRef): MetStream {
    if (!isStreamId(stream.id)) return { file: null, row: NEVER_WRITTEN }
    const row = this.#parts.streams.get(stream)
    const file = this.#mender.open(stream)
    if (file === null) return this.#withoutFile(stream)
    try {
      const known = row !== undefined && endsAt(file, row) ? row : undefined
      if (known !== undefined && file.size === known.end && file.ino === known.ino) return { file, row: known }
      if (known === undefined || !this.#takeIn(stream, file, known)) {
        this.#reconcile(stream, file)
        this.#readWhole(stream)
      }
    } catch (error) {
      file.close()
      throw error
    }
    file.close()
    const met = this.#parts.streams.get(stream)
    if (met === undefined) throw new Error(`${stream.kind} ${stream.id} was read and is not known.`)
    return { file: this.#mender.open(stream), row: met }
  }

  /** Gives a record back the lines that the store kept and it lacks; returns their number, 0 where they do not join it. */
  writeBack(stream: StreamRef): number {
    const { file, row } = this.meet(stream)
    file?.close()
    const lacking = this.kept.following(stream, row)
    if (lacking.length === 0) return 0
    this.kept.writeBack(stream, lacking)
    this.meet(stream).file?.close()
    return lacking.length
  }

  /**
   * The file goes on where the store stopped: a crash came between append and commit, or git brought more. False when something
   * in it does not fit: what that is can only be told from the record's beginning, and nothing was taken in.
   */
  #takeIn(stream: StreamRef, file: OpenFile, row: StreamRow): boolean {
    const { rows, streams, place } = this.#parts
    const links: Link[] = []
    const reading = walkRecord(file, row, (step) => links.push(...step))
    if (reading.observations.some(({ damage }) => damage)) return false
    const isKept = this.#isLiveHere(stream) || streams.writer()?.stream.id === stream.id
    const projector = new Projector(
      stream,
      this.#parts,
      stream.kind === 'session' ? rows.session(stream.id) : undefined,
    )
    projector.take(links)
    projector.finish()
    projector.settleLease(place)
    if (isKept) for (const { event, line } of links) streams.keepLine(stream, event.seq, line)
    this.#settle(stream, file, reading, isKept ? reading.head.seq : row.journal_seq)
    return true
  }

  /** Reads a record from its first line and puts what it says in place of what the store said. */
  #readWhole(stream: StreamRef): void {
    const { rows, memory, streams, place } = this.#parts
    const file = this.#mender.open(stream)
    if (file === null) throw new Error(`The record of ${stream.kind} ${stream.id} vanished while it was read.`)
    try {
      rows.dropStream(stream)
      memory.dropStream(stream)
      const projector = new Projector(stream, this.#parts)
      const reading = walkRecord(file, EMPTY_HEAD, (links) => projector.take(links))
      projector.finish()
      projector.settleLease(place)
      const live = this.#isLiveHere(stream)
      this.#settle(stream, file, reading, live ? reading.head.seq : streams.lastKeptSeq(stream))
      if (live) this.kept.renew(stream, reading.head.seq)
    } finally {
      file.close()
    }
  }

  /** Mends the end of a file that was read, and notes how far it was read. */
  #settle(stream: StreamRef, file: OpenFile, reading: Reading, journalSeq: number): void {
    // Whoever wrote it may have died before the sync, and a call that finds its work done already writes nothing itself.
    file.sync(true)
    this.#mender.mendTail(stream, file, reading)
    for (const observation of reading.observations) this.#mender.tell(stream, observation)
    this.#parts.streams.put(stream, { ...reading.head, ino: file.ino, journal_seq: journalSeq })
  }

  /** No file: never written, or deleted. A running session's record is written again, any other is taken as gone. */
  #withoutFile(stream: StreamRef): MetStream {
    const { streams, rows, memory } = this.#parts
    const kept = this.kept.following(stream, EMPTY_HEAD)
    if (kept.length > 0 && this.#isLiveHere(stream)) {
      this.kept.writeBack(stream, kept)
      const message = 'the record was deleted while its session runs; it was written again from the store'
      this.#mender.tell(stream, { kind: 'missing_file', message, line: null, damage: false })
      this.#readWhole(stream)
      return this.meet(stream)
    }
    rows.dropStream(stream)
    memory.dropStream(stream)
    streams.drop(stream)
    return { file: null, row: NEVER_WRITTEN }
  }

  /** The file does not hold what the store knows of it: compares it with the store's own lines and puts it right. */
  #reconcile(stream: StreamRef, file: OpenFile): void {
    const held = this.kept.compare(stream, file)
    if (held?.file === 'beginning') this.#lengthen(stream, file, held)
    if (held?.file === 'parted') this.#keepBoth(stream, file, held)
    if (held?.file === 'spoiled' && this.#isLiveHere(stream)) this.#keepBoth(stream, file, held)
  }

  /** The file is the beginning of what the store knows. */
  #lengthen(stream: StreamRef, file: OpenFile, { reading, lacking }: Comparison): void {
    const upTo = lacking.at(-1)?.seq
    const found = `the record ends at event ${reading.head.seq}, the store knows it up to event ${upTo}`
    const isLive = this.#isLiveHere(stream)
    if (isLive) {
      this.#mender.mendTail(stream, file, reading)
      this.kept.writeBack(stream, lacking)
    }
    const message = isLive
      ? `${found}; it was cut back while its session runs, and the missing events were written again`
      : `${found}. After a switch of branches that is as it should be; otherwise: rutter doctor --restore`
    this.#mender.tell(stream, { kind: 'shortened', message, line: null, damage: false })
  }

  /** A fork: the copy of a session that lives here stays in place, else the one that git brought; the other is put beside it. */
  #keepBoth(stream: StreamRef, file: OpenFile, held: Comparison): void {
    const { disk, layout, streams } = this.#parts
    const theirs = file.read(0, file.size)
    const ours = recordOf(held, theirs)
    const oursStays = held.isRecord && this.#isLiveHere(stream)
    const beside = this.#mender.putBeside(stream, oursStays ? theirs : ours)
    if (oursStays) disk.replace(layout.record(stream), ours)
    else streams.forgetLines(stream)
    const stayed = oursStays ? 'the copy of the running session' : 'the copy in the working tree'
    const at = held.lacking[0] === undefined ? '' : ` at event ${held.lacking[0].seq}`
    const message = `two copies of this record parted${at}; ${stayed} stays, the other is kept as ${beside}`
    this.#mender.tell(stream, { kind: 'forked', message, line: null, damage: true })
  }

  #isLiveHere(stream: StreamRef): boolean {
    return stream.kind === 'session' && this.#parts.leases.isLeased(stream.id)
  }
}
