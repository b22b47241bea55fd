import type { End } from '../domain/copies.ts'
import { type Actor, LINE_VERSION, type NewEvent, type RecordedEvent } from '../domain/event.ts'
import { ChainWalker, type Head, type Link, type Observation, type RawLine } from './chain.ts'
import type { OpenFile } from './disk.ts'
import { encodeLine, lineHash } from './line.ts'

const CHUNK = 1 << 20
const LINE_FEED = 0x0a

/** What a step's receiver returns when it has seen enough. */
export const STOP = Symbol('stop')

/** What a walk over a record, or over its end, came to. */
export interface Reading {
  /** The end of the last whole step. */
  readonly head: Head
  readonly lines: number
  readonly events: number
  readonly observations: readonly Observation[]
  /** What follows the last whole step: nothing, a line whose line feed is missing, or the rest of a write that never finished. */
  readonly tail: 'clean' | 'unsealed' | 'torn' | 'incomplete_step'
  /** Where the rest of such a write stands; lines of another copy may stand between, and stay. `head.end` is without it. */
  readonly cut: readonly ByteRange[]
}

/** From the first byte to behind the last. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/**
 * Walks a record from `from` to its end and hands over the events step by step: those of one step together, and only when the
 * step is whole, since the rest of a write that was cut short was never answered.
 */
export function walkRecord(
  file: OpenFile,
  from: Head,
  onStep: (links: readonly Link[]) => unknown,
  options: { remember?: boolean; lineNumber?: number } = {},
): Reading {
  const walker = new ChainWalker(from, options)
  const observations: Observation[] = []
  let head = from
  let step: Link[] = []
  let events = 0
  let tail: Reading['tail'] = 'clean'
  let cut: ByteRange[] = []
  let end = from.end

  for (const line of readLines(file, from.end)) {
    const { link, observation } = walker.next(line)
    if (!line.terminated) tail = observation?.kind === 'foreign_line' ? 'torn' : 'unsealed'
    if (tail === 'torn') {
      cut.push({ from: line.offset, to: file.size })
      break
    }
    end = line.offset + line.bytes.length + 1
    if (observation !== undefined) observations.push(observation)
    if (link === undefined) continue
    step.push(link)
    cut.push({ from: line.offset, to: Math.min(end, file.size) })
    if (link.event.more !== undefined) continue
    const links = step
    events += links.length
    head = link.head
    step = []
    cut = []
    if (onStep(links) === STOP) return { head, lines: walker.lineNumber, events, observations, tail: 'clean', cut }
  }
  if (step.length > 0) tail = 'incomplete_step'
  // Lines that are no links still belong to the file: the next line goes behind them.
  const removed = cut.reduce((sum, range) => sum + range.to - range.from, 0)
  const behind = tail === 'unsealed' ? end : file.size - removed
  return { head: { ...head, end: behind }, lines: walker.lineNumber, events, observations, tail, cut }
}

/** Events as one step behind the end of a chain, and the end of the chain then. */
export interface Step {
  readonly lines: readonly string[]
  readonly recorded: readonly RecordedEvent[]
  readonly last: End
}

export function encodeStep(
  after: End,
  events: readonly NewEvent[],
  by: { actor: Actor; at: string; newId: () => string },
): Step {
  const lines: string[] = []
  const recorded: RecordedEvent[] = []
  let { seq, hash: prev } = after
  for (const [index, { type, data }] of events.entries()) {
    seq++
    const following = events.length - 1 - index
    const event: RecordedEvent = {
      v: LINE_VERSION,
      seq,
      id: by.newId(),
      at: by.at,
      type,
      actor: by.actor,
      data,
      ...(following === 0 ? {} : { more: following }),
      prev,
    }
    const line = encodeLine(event)
    lines.push(line)
    recorded.push(event)
    prev = lineHash(line)
  }
  return { lines, recorded, last: { seq, hash: prev } }
}

/** A step as it goes into a file behind `before`, and the head behind it. */
export function placeStep(before: Head, { lines, last }: Step): { bytes: Buffer; head: Head } {
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
  return {
    bytes,
    head: {
      ...last,
      offset: before.end + bytes.length - Buffer.byteLength(`${lines.at(-1)}\n`),
      end: before.end + bytes.length,
    },
  }
}

/** The lines from a byte offset on, in chunks, so that a record of any length takes the same memory. */
export function* readLines(file: OpenFile, from: number): Generator<RawLine> {
  let offset = from
  let rest: Buffer = Buffer.alloc(0)
  let position = from
  while (position < file.size) {
    const chunk = file.read(position, Math.min(CHUNK, file.size - position))
    if (chunk.length === 0) break
    position += chunk.length
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    for (let feed = bytes.indexOf(LINE_FEED); feed !== -1; feed = bytes.indexOf(LINE_FEED, start)) {
      yield { bytes: bytes.subarray(start, feed), offset, terminated: true }
      offset += feed + 1 - start
      start = feed + 1
    }
    rest = bytes.subarray(start)
  }
  if (rest.length > 0) yield { bytes: rest, offset, terminated: false }
}
