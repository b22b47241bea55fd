import type { End } from '../domain/copies.ts'
import type { StreamRef } from '../domain/event.ts'
import type { CopiedLine, Piece } from '../ports/log-copy.ts'
import type { OpenFile } from './disk.ts'
import { lineHash, parseLine } from './line.ts'
import { readLines } from './record.ts'

/** Lines, and characters, from which on a piece is full. More at once gain nothing, and a sync holds a few of them in memory. */
const PIECE_LINES = 5000
const PIECE_CHARACTERS = 1 << 22

const CARRIAGE_RETURN = 0x0d

/** A line, and where the next one is to be looked for. */
export interface PlacedLine {
  readonly line: string
  readonly behind: number
}

/** A line that follows the one before it. */
export interface ChainedLine {
  readonly copied: CopiedLine
  readonly end: End
  readonly behind: number
}

/**
 * The lines that follow each other without a flaw from one on. What does not fit is passed over, so where a line was changed or is
 * missing nothing comes any more: a copy may only be given what is as it was written.
 */
export function* chained(lines: Iterable<PlacedLine>, after: End): Generator<ChainedLine> {
  let { seq, hash } = after
  for (const { line, behind } of lines) {
    const parsed = parseLine(line)
    if (parsed.kind === 'foreign') continue
    const { event } = parsed
    if (event.prev !== hash || event.seq !== seq + 1) continue
    seq = event.seq
    hash = lineHash(line)
    yield { copied: { line, event, understood: parsed.kind === 'event' }, end: { seq, hash }, behind }
  }
}

/**
 * The same in pieces of whole steps, up to a line whose hash is known. A line is proved by the one that follows it, so the last
 * step is held back until that one, or the end that was named, has come.
 */
export function* pieces(stream: StreamRef, lines: Iterable<PlacedLine>, after: End, upTo: End): Generator<Piece> {
  let proved: CopiedLine[] = []
  let [from, provedEnd] = [after, after]
  let step: CopiedLine[] = []
  let held: { lines: CopiedLine[]; end: End } | null = null
  let characters = 0
  for (const { copied, end } of chained(lines, after)) {
    step.push(copied)
    if (copied.event.more !== undefined) continue
    if (held !== null) {
      for (const line of held.lines) {
        proved.push(line)
        characters += line.line.length
      }
      provedEnd = held.end
      if (proved.length >= PIECE_LINES || characters >= PIECE_CHARACTERS) {
        yield { stream, after: from, lines: proved, end: provedEnd }
        from = provedEnd
        proved = []
        characters = 0
      }
    }
    held = { lines: step, end }
    step = []
    if (end.seq >= upTo.seq) break
  }
  if (held !== null && held.end.seq === upTo.seq && held.end.hash === upTo.hash) {
    for (const line of held.lines) proved.push(line)
    provedEnd = held.end
  }
  if (proved.length > 0) yield { stream, after: from, lines: proved, end: provedEnd }
}

/** As lines stand in a file. */
export function bytesOf(lines: readonly CopiedLine[]): Buffer {
  return Buffer.from(lines.map(({ line }) => `${line}\n`).join(''))
}

/** The lines of a record. Bytes that are no UTF-8 become another text: its hash is another too, so nothing follows it. */
export function* placedLines(file: OpenFile, from = 0): Generator<PlacedLine> {
  for (const { bytes, offset } of readLines(file, from)) {
    const end = bytes.at(-1) === CARRIAGE_RETURN ? bytes.length - 1 : bytes.length
    yield { line: bytes.toString('utf8', 0, end), behind: offset + bytes.length + 1 }
  }
}
