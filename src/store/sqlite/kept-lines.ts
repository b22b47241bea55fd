import { GENESIS, type StreamRef } from '../../domain/event.ts'
import { EMPTY_HEAD, type Head } from '../../log/chain.ts'
import type { Disk, OpenFile } from '../../log/disk.ts'
import type { BookLayout } from '../../log/layout.ts'
import { lineHash } from '../../log/line.ts'
import type { RecordMender } from '../../log/mender.ts'
import { type Reading, walkRecord } from '../../log/record.ts'
import { asText, linesBefore, prevOf } from '../../log/text.ts'
import type { Finding } from '../../ports/ledger.ts'
import type { KeptLine, StreamRows } from './stream-rows.ts'

export interface KeptLinesParts {
  readonly disk: Disk
  readonly layout: BookLayout
  readonly streams: StreamRows
}

/** A record's file held against the lines that the store kept of it. */
export interface Comparison {
  /**
   * What the file is to the kept lines: it has all of them, or it is their beginning; it is `spoiled` where it has all of them and
   * damage that was not written here, `parted` where something else stands in their place.
   */
  readonly file: 'complete' | 'beginning' | 'spoiled' | 'parted'
  readonly reading: Reading
  readonly kept: readonly KeptLine[]
  /** Kept lines from the first one on that the file does not have. */
  readonly lacking: readonly KeptLine[]
  /** True where the kept lines, behind what the file has before them, are a record from its first line on. */
  readonly isRecord: boolean
}

/**
 * The store's copy of the lines that were written here, and the way from it back into a record. Agents run `git checkout` and
 * `git clean` while their own session's record is open; without a copy, what they were answered would be gone.
 *
 * Every method runs inside a write transaction, so no process appends meanwhile.
 */
export class KeptLines {
  readonly #parts: KeptLinesParts
  readonly #mender: RecordMender

  constructor(parts: KeptLinesParts, mender: RecordMender) {
    this.#parts = parts
    this.#mender = mender
  }

  /** The lines that go on where a record ends; empty where there are none, or they do not join it. */
  following(stream: StreamRef, end: Pick<Head, 'seq' | 'hash'>): readonly KeptLine[] {
    const lines = this.#parts.streams.keptLines(stream, end.seq)
    const [first] = lines
    if (first === undefined) return []
    const joins = end.seq === 0 ? first.seq === 1 : prevOf(first.line) === end.hash
    return joins ? lines : []
  }

  /** Records that lack lines of which there is a copy: after a switch of branches, a `git clean`, a deletion. */
  lacking(): Finding[] {
    const { layout, streams } = this.#parts
    return streams.keptStreams().flatMap((stream) => {
      const lines = this.following(stream, streams.get(stream) ?? EMPTY_HEAD)
      const from = lines.at(0)?.seq
      const to = lines.at(-1)?.seq
      if (from === undefined || to === undefined) return []
      const isGone = from === 1
      const message = isGone
        ? `the record is not in the working tree; the store has a copy of its ${to} events`
        : `the record ends at event ${from - 1}; the store has a copy up to event ${to}`
      const kind = isGone ? 'missing_file' : 'shortened'
      return [{ stream, where: layout.record(stream), line: null, kind, message, damage: false } as const]
    })
  }

  /** Puts lines at the end of a record, or in its place where it is gone. Whether they belong there was asked before. */
  writeBack(stream: StreamRef, lines: readonly KeptLine[]): void {
    const { disk, layout } = this.#parts
    // By name and not by an open file: mending may have put another in its place.
    const file = this.#mender.open(stream)
    if (file === null) {
      disk.replace(layout.record(stream), asText(lines))
      return
    }
    try {
      file.append(Buffer.from(asText(lines)))
      file.sync()
    } finally {
      file.close()
    }
  }

  /** Holds a record's file against the kept lines; `null` where none are kept. */
  compare(stream: StreamRef, file: OpenFile): Comparison | null {
    const kept = this.#parts.streams.keptLines(stream, 0)
    if (kept.length === 0) return null
    const hashes = new Map([[0, GENESIS]])
    const reading = walkRecord(file, EMPTY_HEAD, (links) => {
      for (const { head } of links) hashes.set(head.seq, head.hash)
    })
    const shows = (...kinds: Finding['kind'][]) => reading.observations.some(({ kind }) => kinds.includes(kind))
    const isWhole = kept[0]?.seq === 1
    const parting = kept.findIndex(({ seq, line }) => hashes.get(seq) !== lineHash(line))
    const first = kept[parting]
    if (first === undefined) {
      const isSpoiled = isWhole && shows('altered_line', 'missing_lines')
      return { file: isSpoiled ? 'spoiled' : 'complete', reading, kept, lacking: [], isRecord: isWhole }
    }
    const joins = hashes.get(first.seq - 1) === prevOf(first.line)
    const isBeginning = joins && first.seq === reading.head.seq + 1 && !shows('forked')
    const lacking = kept.slice(parting)
    return { file: isBeginning ? 'beginning' : 'parted', reading, kept, lacking, isRecord: isWhole || joins }
  }

  /**
   * Makes the copy of a record anew. Kept lines behind `seq` that the record does not have are another copy's: they are put
   * beside it first, since somebody was answered about them.
   */
  renew(stream: StreamRef, seq: number): void {
    const { streams } = this.#parts
    const file = this.#mender.open(stream)
    if (file === null) return
    try {
      const lines = new Map<number, string>()
      walkRecord(file, EMPTY_HEAD, (links) => {
        for (const { event, line } of links) lines.set(event.seq, line)
      })
      const kept = streams.keptLines(stream, 0)
      const parted = kept.find((k) => k.seq > seq && lines.get(k.seq) !== k.line)
      if (parted !== undefined) {
        const name = this.#mender.putBeside(stream, asText(kept))
        const message = `the record went on from an older state at event ${parted.seq}; what stood there before is kept as ${name}`
        this.#mender.tell(stream, { kind: 'forked', message, line: null, damage: true })
      }
      streams.forgetLines(stream)
      for (const [at, line] of lines) streams.keepLine(stream, at, line)
    } finally {
      file.close()
    }
  }
}

/** A whole record as the kept lines have it; what they do not reach back to is taken from the bytes of its file. */
export function recordOf({ kept, lacking }: Comparison, theirs: Buffer): Buffer {
  return Buffer.from(kept[0]?.seq === 1 ? asText(kept) : linesBefore(theirs, lacking) + asText(lacking))
}
