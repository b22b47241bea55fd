import { basename, join } from 'node:path'
import { GENESIS, type StreamRef } from '../../domain/event.ts'
import { EMPTY_HEAD, endsAt, type Link, type Observation } from '../../log/chain.ts'
import type { Disk, OpenFile } from '../../log/disk.ts'
import { type BookLayout, isStreamId, streamOfFile } from '../../log/layout.ts'
import { lineHash } from '../../log/line.ts'
import { type Reading, walkRecord } from '../../log/record.ts'
import { asText, linesUpTo, prevOf, without } from '../../log/text.ts'
import type { Finding, Progress } from '../../ports/ledger.ts'
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

export interface MeetingParts {
  readonly disk: Disk
  readonly layout: BookLayout
  readonly streams: StreamRows
  readonly rows: Rows
  readonly leases: Leases
  /** Names this copy of the book. */
  readonly place: string
  readonly now: () => string
  /** Told of everything that was mended or is not as it should be. */
  readonly report: (finding: Finding) => void
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
  /** While all records are read into a store that has never granted a lock: it was lost, or there never was one. */
  #storeWasLost = false

  constructor(parts: MeetingParts) {
    this.#parts = parts
  }

  /** Brings the store up to date with every record that was added, removed or replaced. */
  meetAll(onProgress?: (progress: Progress) => void): void {
    const { disk, layout, streams, leases } = this.#parts
    this.#storeWasLost = leases.neverGranted()
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
    this.#storeWasLost = false
  }

  /** Makes file and store agree on one stream. */
  meet(stream: StreamRef): MetStream {
    if (!isStreamId(stream.id)) return { file: null, row: NEVER_WRITTEN }
    const row = this.#parts.streams.get(stream)
    const file = this.#open(stream)
    if (file === null) return this.#withoutFile(stream)
    try {
      if (row !== undefined && endsAt(file, row)) {
        if (file.size === row.end && file.ino === row.ino) return { file, row }
        if (!this.#takeIn(stream, file, row)) this.#readWhole(stream)
      } else {
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
    return { file: this.#open(stream), row: met }
  }

  /**
   * The file goes on where the store stopped: a crash came between append and commit, or git brought more. False when something
   * in it does not fit: what that is can only be told from the record's beginning, and nothing was taken in.
   */
  #takeIn(stream: StreamRef, file: OpenFile, row: StreamRow): boolean {
    const { rows, streams } = this.#parts
    const links: Link[] = []
    const reading = walkRecord(file, row, (step) => links.push(...step))
    if (reading.observations.some(({ damage }) => damage)) return false
    const live = this.#isLiveHere(stream)
    const projector = new Projector(stream, this.#parts, rows.session(stream.id))
    projector.take(links)
    projector.finish()
    if (live) for (const { event, line } of links) streams.keepLine(stream, event.seq, line)
    this.#settle(stream, file, reading, live ? reading.head.seq : row.journal_seq)
    return true
  }

  /** Reads a record from its first line and puts what it says in place of what the store said. */
  #readWhole(stream: StreamRef): void {
    const { rows, streams, place } = this.#parts
    const file = this.#open(stream)
    if (file === null) throw new Error(`The record of ${stream.kind} ${stream.id} vanished while it was read.`)
    try {
      rows.dropStream(stream)
      const projector = new Projector(stream, this.#parts)
      const reading = walkRecord(file, EMPTY_HEAD, (links) => projector.take(links))
      projector.finish()
      if (this.#storeWasLost) projector.recoverLease(place)
      this.#settle(stream, file, reading, Math.min(streams.lastKeptSeq(stream), reading.head.seq))
    } finally {
      file.close()
    }
  }

  /** Mends the end of a file that was read, and notes how far it was read. */
  #settle(stream: StreamRef, file: OpenFile, reading: Reading, journalSeq: number): void {
    this.#mendTail(stream, file, reading)
    for (const observation of reading.observations) this.#tell(stream, observation)
    this.#parts.streams.put(stream, { ...reading.head, ino: file.ino, journal_seq: journalSeq })
  }

  /** No file: never written, or deleted. A running session's record is written again, any other is taken as gone. */
  #withoutFile(stream: StreamRef): MetStream {
    const { disk, layout, streams, rows } = this.#parts
    const kept = streams.keptLines(stream, 0)
    if (kept[0]?.seq === 1 && this.#isLiveHere(stream)) {
      disk.replace(layout.record(stream), asText(kept))
      const message = 'the record was deleted while its session runs; it was written again from the store'
      this.#tell(stream, { kind: 'missing_file', message, line: null, damage: false })
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
    const hashes = new Map([[0, GENESIS]])
    const reading = walkRecord(file, EMPTY_HEAD, (links) => {
      for (const { head } of links) hashes.set(head.seq, head.hash)
    })
    const parting = kept.findIndex(({ seq, line }) => hashes.get(seq) !== lineHash(line))
    const first = kept[parting]
    if (first === undefined) return
    const ours = kept.slice(parting)
    const joins = hashes.get(first.seq - 1) === prevOf(first.line)
    if (joins && first.seq === reading.head.seq + 1) this.#lengthen(stream, file, reading, ours)
    else this.#keepBoth(stream, file, ours, joins)
  }

  /** The file is the beginning of what the store knows. */
  #lengthen(stream: StreamRef, file: OpenFile, reading: Reading, ours: readonly KeptLine[]): void {
    const upTo = ours.at(-1)?.seq
    const found = `the record ends at event ${reading.head.seq}, the store knows it up to event ${upTo}`
    if (this.#isLiveHere(stream)) {
      this.#mendTail(stream, file, reading)
      file.append(Buffer.from(asText(ours)))
      file.sync()
      const message = `${found}; it was cut back while its session runs, and the missing events were written again`
      this.#tell(stream, { kind: 'shortened', message, line: null, damage: false })
    } else {
      const message = `${found}. After a switch of branches that is as it should be; otherwise: rutter doctor --restore`
      this.#tell(stream, { kind: 'shortened', message, line: null, damage: false })
    }
  }

  /** A fork: the copy of a session that lives here stays in place, else the one that git brought; the other is put beside it. */
  #keepBoth(stream: StreamRef, file: OpenFile, ours: readonly KeptLine[], joins: boolean): void {
    const { disk, layout, streams } = this.#parts
    const firstSeq = ours[0]?.seq ?? 1
    const theirs = file.read(0, file.size)
    const ourText = (joins ? linesUpTo(theirs, firstSeq - 1) : '') + asText(ours)
    const oursStays = this.#isLiveHere(stream) && (joins || firstSeq === 1)
    const other = oursStays ? theirs : Buffer.from(ourText)
    const beside = layout.fork(stream, lineHash(other))
    disk.replace(beside, other)
    if (oursStays) disk.replace(layout.record(stream), ourText)
    else streams.forgetLines(stream)
    const stayed = oursStays ? 'the copy of the running session' : 'the copy in the working tree'
    const message = `two copies of this record parted at event ${firstSeq}; ${stayed} stays, the other is kept as ${basename(beside)}`
    this.#tell(stream, { kind: 'forked', message, line: null, damage: true })
  }

  /** What stands behind the last whole step was never answered: it is put aside. A missing line feed is added. */
  #mendTail(stream: StreamRef, file: OpenFile, { head, tail, lines, cut }: Reading): void {
    if (tail === 'clean') return
    if (tail === 'unsealed') {
      file.append(Buffer.from('\n'))
      file.sync()
      const message = 'the last line had lost its line feed; it was added'
      this.#tell(stream, { kind: 'torn_tail', message, line: lines, damage: false })
      return
    }
    const { disk, layout, now } = this.#parts
    const rest = Buffer.concat(cut.map(({ from, to }) => file.read(from, to - from)))
    const aside = join(layout.torn, `${stream.id}-${head.end}-${now().replaceAll(':', '-')}.txt`)
    disk.replace(aside, rest)
    if (cut[0]?.from === head.end) {
      file.truncate(head.end)
      file.sync()
    } else {
      disk.replace(layout.record(stream), without(file, cut))
    }
    const kind = tail === 'torn' ? 'torn_tail' : 'incomplete_step'
    const what = tail === 'torn' ? 'the last line was cut short' : 'the last step was cut short'
    const message = `${what}, so it was never answered; its ${rest.length} bytes were moved to ${aside}`
    this.#tell(stream, { kind, message, line: lines, damage: false })
  }

  #open(stream: StreamRef): OpenFile | null {
    return this.#parts.disk.open(this.#parts.layout.record(stream), false)
  }

  #isLiveHere(stream: StreamRef): boolean {
    return stream.kind === 'session' && this.#parts.leases.isLeased(stream.id)
  }

  #tell(stream: StreamRef, observation: Observation): void {
    this.#parts.report({ stream, where: this.#parts.layout.record(stream), ...observation })
  }
}
