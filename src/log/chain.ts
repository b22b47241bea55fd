import { GENESIS, type RecordedEvent } from '../domain/event.ts'
import type { Finding } from '../ports/ledger.ts'
import { lineHash, parseLine } from './line.ts'

/** The end of a chain: what the next line must follow. */
export interface Head {
  readonly seq: number
  readonly hash: string
  /** Byte offset of the last chained line. */
  readonly offset: number
  /** Byte offset behind it, where the next line goes. */
  readonly end: number
}

export const EMPTY_HEAD: Head = { seq: 0, hash: GENESIS, offset: 0, end: 0 }

/** A line of a record that takes part in its chain. */
export interface Link {
  readonly line: string
  readonly event: RecordedEvent
  /** False for an event of a newer version: chained, not understood. */
  readonly understood: boolean
  readonly head: Head
}

/** A finding before it knows in which stream and file it was made. */
export type Observation = Pick<Finding, 'kind' | 'line' | 'message' | 'damage'>

/** Bytes of one line, where they stand, and whether a line feed follows. */
export interface RawLine {
  readonly bytes: Buffer
  readonly offset: number
  readonly terminated: boolean
}

/**
 * Walks the lines of one stream and says of each what it is. The same walk serves reading, verifying and rebuilding, so they
 * cannot disagree. Nothing is thrown away: what does not fit is observed, and left where it stands.
 */
export class ChainWalker {
  #head: Head
  #lineNumber: number
  #headLine: number
  /** Hashes of the chain so far, where the caller can afford them. */
  readonly #seen: Set<string> | null
  /** Hashes of lines that belong to another copy of the record: what follows them does too. */
  readonly #strays = new Set<string>()

  /** `remember` keeps every hash (64 bytes a line), by which a doubled line and a fork are told from a gap. */
  constructor(from: Head = EMPTY_HEAD, options: { remember?: boolean; lineNumber?: number } = {}) {
    this.#head = from
    this.#lineNumber = options.lineNumber ?? 0
    this.#headLine = this.#lineNumber
    this.#seen = options.remember === true ? new Set() : null
  }

  get head(): Head {
    return this.#head
  }

  get lineNumber(): number {
    return this.#lineNumber
  }

  /** The next line: a link of the chain, or an observation, or both (a link that shows damage before it). */
  next(line: RawLine): { link?: Link; observation?: Observation } {
    this.#lineNumber++
    const bytes = withoutCarriageReturn(line.bytes)
    if (bytes.length === 0) return this.#observe('foreign_line', 'an empty line')
    const text = bytes.toString('utf8')
    const parsed = parseLine(text)
    if (parsed.kind === 'foreign')
      return this.#observe('foreign_line', `a line that Rutter did not write: ${parsed.why}`)

    const { event } = parsed
    const ownHash = lineHash(bytes)
    const follows = event.prev === this.#head.hash
    const misfit = follows && event.seq === this.#head.seq + 1 ? undefined : this.#misfit(event, ownHash, follows)
    if (misfit !== undefined && !misfit.continues) return { observation: misfit.observation }
    // A line that follows by its hash stands where it stands, whatever number was written into it afterwards.
    const seq = follows ? this.#head.seq + 1 : event.seq

    this.#headLine = this.#lineNumber
    this.#head = { seq, hash: ownHash, offset: line.offset, end: line.offset + line.bytes.length + 1 }
    this.#seen?.add(ownHash)
    const link: Link = { line: text, event, understood: parsed.kind === 'event', head: this.#head }
    if (misfit !== undefined) return { link, observation: misfit.observation }
    if (parsed.kind === 'newer') {
      return {
        link,
        ...this.#observe(
          'newer_version',
          `written by a newer Rutter (line version ${event.v}); kept and passed over`,
          false,
        ),
      }
    }
    return { link }
  }

  /** A line that does not follow the one before it: what that means, and whether the chain goes on from it all the same. */
  #misfit(event: RecordedEvent, ownHash: string, follows: boolean) {
    const { seq, hash } = this.#head
    if (follows) {
      const message = `event ${seq + 1} calls itself event ${event.seq}: the line was changed after it was written`
      return { continues: true, ...this.#observe('altered_line', message) }
    }
    if (ownHash === hash || this.#seen?.has(ownHash)) {
      return { continues: false, ...this.#observe('doubled_line', `event ${event.seq} stands here a second time`) }
    }
    if (event.seq <= seq || this.#strays.has(event.prev)) {
      this.#strays.add(ownHash)
      const message = `event ${event.seq} belongs to another copy of this record, which parted from this one`
      return { continues: false, ...this.#observe('forked', message) }
    }
    if (event.seq > seq + 1) {
      const missing = event.seq === seq + 2 ? `event ${seq + 1} is` : `events ${seq + 1} to ${event.seq - 1} are`
      return { continues: true, ...this.#observe('missing_lines', `${missing} missing before this line`) }
    }
    const message = `event ${seq} was changed after it was written: the next line expects SHA-256 ${event.prev.slice(0, 12)}…, it has ${hash.slice(0, 12)}…`
    return { continues: true, ...this.#observe('altered_line', message, true, this.#headLine) }
  }

  #observe(
    kind: Finding['kind'],
    message: string,
    damage = true,
    line = this.#lineNumber,
  ): { observation: Observation } {
    return { observation: { kind, line, message, damage } }
  }
}

/** A checkout with CRLF conversion must not make every line a stranger. */
function withoutCarriageReturn(bytes: Buffer): Buffer {
  return bytes.length > 0 && bytes[bytes.length - 1] === 0x0d ? bytes.subarray(0, -1) : bytes
}

/** True when a file still ends a chain where `head` says: the last line's bytes are the ones that were chained. */
export function endsAt(file: { size: number; read(offset: number, length: number): Buffer }, head: Head): boolean {
  if (file.size < head.end) return false
  if (head.seq === 0) return true
  const tail = file.read(head.offset, head.end - head.offset)
  const feed = tail.indexOf(0x0a)
  return feed !== -1 && lineHash(withoutCarriageReturn(tail.subarray(0, feed))) === head.hash
}
