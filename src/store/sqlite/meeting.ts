import { basename, join } from 'node:path'
import { GENESIS, type StreamRef } from '../../domain/event.ts'
import { EMPTY_HEAD, endsAt, type Link } from '../../log/chain.ts'
import type { OpenFile } from '../../log/disk.ts'
import { isStreamId, streamOfFile } from '../../log/layout.ts'
import { lineHash } from '../../log/line.ts'
import { type MenderParts, RecordMender } from '../../log/mender.ts'
import { type Reading, walkRecord } from '../../log/record.ts'
import { asText, linesBefore, prevOf } from '../../log/text.ts'
import type { Progress } from '../../ports/ledger.ts'
import type { Leases } from './leases.ts'
import { Projector } from './projector.ts'
import type { Rows } from './rows.ts'
import type { KeptLine, StreamRow, StreamRows } from './stream-rows.ts'

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
  readonly leases: Leases
  /** Names this copy of the book. */
  readonly place: string
}

/** The store's copy of a record: all of it where it was kept from the start, what parts from the file, and whether that joins it. */
interface KeptCopy {
  readonly whole: readonly KeptLine[] | null
  readonly ours: readonly KeptLine[]
  readonly joins: boolean
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
  readonly #parts: MeetingParts
  readonly #mender: RecordMender

  constructor(parts: MeetingParts) {
    this.#parts = parts
    this.#mender = new RecordMender(parts)
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

  /**
   * The file goes on where the store stopped: a crash came between append and commit, or git brought more. False when something
   * in it does not fit: what that is can only be told from the record's beginning, and nothing was taken in.
   */
  #takeIn(stream: StreamRef, file: OpenFile, row: StreamRow): boolean {
    const { rows, streams, place } = this.#parts
    const links: Link[] = []
    const reading = walkRecord(file, row, (step) => links.push(...step))
    if (reading.observations.some(({ damage }) => damage)) return false
    const live = this.#isLiveHere(stream)
    const projector = new Projector(stream, this.#parts, rows.session(stream.id))
    projector.take(links)
    projector.finish()
    projector.settleLease(place)
    if (live) for (const { event, line } of links) streams.keepLine(stream, event.seq, line)
    this.#settle(stream, file, reading, live ? reading.head.seq : row.journal_seq)
    return true
  }

  /** Reads a record from its first line and puts what it says in place of what the store said. */
  #readWhole(stream: StreamRef): void {
    const { rows, streams, place } = this.#parts
    const file = this.#mender.open(stream)
    if (file === null) throw new Error(`The record of ${stream.kind} ${stream.id} vanished while it was read.`)
    try {
      rows.dropStream(stream)
      const projector = new Projector(stream, this.#parts)
      const reading = walkRecord(file, EMPTY_HEAD, (links) => projector.take(links))
      projector.finish()
      projector.settleLease(place)
      const live = this.#isLiveHere(stream)
      this.#settle(stream, file, reading, live ? reading.head.seq : streams.lastKeptSeq(stream))
      if (live) this.keepWhole(stream, reading.head.seq)
    } finally {
      file.close()
    }
  }

  /**
   * Makes the store's copy of a record anew. Kept lines behind `seq` that the record does not have are another copy's: they are put
   * beside it first, since somebody was answered about them.
   */
  keepWhole(stream: StreamRef, seq: number): void {
    const { disk, layout, streams } = this.#parts
    const file = this.#mender.open(stream)
    if (file === null) return
    try {
      const whole = new Map<number, string>()
      walkRecord(file, EMPTY_HEAD, (links) => {
        for (const { event, line } of links) whole.set(event.seq, line)
      })
      const kept = streams.keptLines(stream, 0)
      const parted = kept.find((k) => k.seq > seq && whole.get(k.seq) !== k.line)
      if (parted !== undefined) {
        const beside = layout.fork(stream, lineHash(kept.at(-1)?.line ?? ''))
        disk.replace(beside, asText(kept))
        const message = `the record went on from an older state at event ${parted.seq}; what stood there before is kept as ${basename(beside)}`
        this.#mender.tell(stream, { kind: 'forked', message, line: null, damage: true })
      }
      streams.forgetLines(stream)
      for (const [at, line] of whole) streams.keepLine(stream, at, line)
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
    const { disk, layout, streams, rows } = this.#parts
    const kept = streams.keptLines(stream, 0)
    if (kept[0]?.seq === 1 && this.#isLiveHere(stream)) {
      disk.replace(layout.record(stream), asText(kept))
      const message = 'the record was deleted while its session runs; it was written again from the store'
      this.#mender.tell(stream, { kind: 'missing_file', message, line: null, damage: false })
      this.#readWhole(stream)
      return this.meet(stream)
    }
    rows.dropStream(stream)
    streams.drop(stream)
    return { file: null, row: NEVER_WRITTEN }
  }

  /** The file does not hold what the store knows of it: compares it with the store's own lines and puts it right. */
  #reconcile(stream: StreamRef, file: OpenFile): void {
    const kept = this.#parts.streams.keptLines(stream, 0)
    if (kept.length === 0) return
    const hashes = new Map([[0, GENESIS]])
    const reading = walkRecord(file, EMPTY_HEAD, (links) => {
      for (const { head } of links) hashes.set(head.seq, head.hash)
    })
    const whole = kept[0]?.seq === 1 ? kept : null
    const parting = kept.findIndex(({ seq, line }) => hashes.get(seq) !== lineHash(line))
    const first = kept[parting]
    if (first === undefined) {
      // All that was written here is there, and something follows that does not fit it: that was not written here.
      const isBroken = reading.observations.some(({ kind }) => kind === 'altered_line' || kind === 'missing_lines')
      if (isBroken && whole !== null && this.#isLiveHere(stream)) {
        this.#keepBoth(stream, file, { whole, ours: [], joins: true })
      }
      return
    }
    const ours = kept.slice(parting)
    const joins = hashes.get(first.seq - 1) === prevOf(first.line)
    const isAlone = reading.observations.every(({ kind }) => kind !== 'forked')
    if (joins && isAlone && first.seq === reading.head.seq + 1) this.#lengthen(stream, file, reading, ours)
    else this.#keepBoth(stream, file, { whole, ours, joins })
  }

  /** The file is the beginning of what the store knows. */
  #lengthen(stream: StreamRef, file: OpenFile, reading: Reading, ours: readonly KeptLine[]): void {
    const upTo = ours.at(-1)?.seq
    const found = `the record ends at event ${reading.head.seq}, the store knows it up to event ${upTo}`
    if (this.#isLiveHere(stream)) {
      this.#mender.mendTail(stream, file, reading)
      this.#mender.append(stream, asText(ours))
      const message = `${found}; it was cut back while its session runs, and the missing events were written again`
      this.#mender.tell(stream, { kind: 'shortened', message, line: null, damage: false })
    } else {
      const message = `${found}. After a switch of branches that is as it should be; otherwise: rutter doctor --restore`
      this.#mender.tell(stream, { kind: 'shortened', message, line: null, damage: false })
    }
  }

  /** A fork: the copy of a session that lives here stays in place, else the one that git brought; the other is put beside it. */
  #keepBoth(stream: StreamRef, file: OpenFile, kept: KeptCopy): void {
    const { disk, layout, streams } = this.#parts
    const theirs = file.read(0, file.size)
    const ourText = kept.whole === null ? linesBefore(theirs, kept.ours) + asText(kept.ours) : asText(kept.whole)
    const oursStays = this.#isLiveHere(stream) && (kept.whole !== null || kept.joins)
    const other = oursStays ? theirs : Buffer.from(ourText)
    const beside = layout.fork(stream, lineHash(other))
    disk.replace(beside, other)
    if (oursStays) disk.replace(layout.record(stream), ourText)
    else streams.forgetLines(stream)
    const stayed = oursStays ? 'the copy of the running session' : 'the copy in the working tree'
    const at = kept.ours[0] === undefined ? '' : ` at event ${kept.ours[0].seq}`
    const message = `two copies of this record parted${at}; ${stayed} stays, the other is kept as ${basename(beside)}`
    this.#mender.tell(stream, { kind: 'forked', message, line: null, damage: true })
  }

  #isLiveHere(stream: StreamRef): boolean {
    return stream.kind === 'session' && this.#parts.leases.isLeased(stream.id)
  }
}
