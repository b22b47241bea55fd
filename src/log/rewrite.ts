import { lineHash, parseLine } from './line.ts'

/** A record, or a copy of one, as it is to stand from now on. */
export interface Rewritten {
  readonly bytes: Buffer
  /** Lines whose data were changed; those that only follow another hash by now are not counted. */
  readonly changed: number
  /** What each line that is another by now was called by those that follow it, and what it is called. */
  readonly hashes: ReadonlyMap<string, string>
}

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/**
 * Writes a record anew with the data of some events changed, and every line behind them chained again. `change` gives an event's new
 * data, or `null`. What does not fit stays as it is and as damaged as it was: a line is chained again to the line that it named, so
 * one that named none still names none. Of two copies that parted and are the same now, one stays.
 */
export function rewritten(
  bytes: Buffer,
  change: (event: { type: string; data: unknown }) => Record<string, unknown> | null,
): Rewritten {
  const hashes = new Map<string, string>()
  /** Hash of each line that is kept, and whether it is another than it was. */
  const kept = new Map<string, boolean>()
  const chunks: Buffer[] = []
  let changed = 0
  for (let start = 0; start < bytes.length; ) {
    const feed = bytes.indexOf(LINE_FEED, start)
    const end = feed === -1 ? bytes.length : feed + 1
    const whole = bytes.subarray(start, end)
    start = end
    const line = withoutEnding(whole)
    const text = line.toString('utf8')
    const parsed = parseLine(text)
    if (parsed.kind === 'foreign') {
      chunks.push(whole)
      continue
    }
    // Not the event as it was understood: what a later version put into the line must stay in it.
    const json = JSON.parse(text) as { type: string; data: unknown; prev: string }
    const data = parsed.kind === 'event' ? change(json) : null
    const prev = hashes.get(json.prev) ?? json.prev
    const isAnother = data !== null || prev !== json.prev
    const another = isAnother ? JSON.stringify({ ...json, ...(data === null ? {} : { data }), prev }) : text
    const hash = isAnother ? lineHash(another) : lineHash(line)
    if (data !== null) changed++
    if (isAnother) hashes.set(lineHash(line), hash)
    if (kept.has(hash) && (isAnother || kept.get(hash) === true)) continue
    kept.set(hash, isAnother)
    chunks.push(isAnother ? Buffer.from(feed === -1 ? another : `${another}\n`) : whole)
  }
  return { bytes: Buffer.concat(chunks), changed, hashes }
}

function withoutEnding(line: Buffer): Buffer {
  const text = line.at(-1) === LINE_FEED ? line.subarray(0, -1) : line
  return text.at(-1) === CARRIAGE_RETURN ? text.subarray(0, -1) : text
}
