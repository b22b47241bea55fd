import type { OpenFile } from './disk.ts'
import { parseLine } from './line.ts'
import type { ByteRange } from './record.ts'

/** A file's bytes but for some ranges. */
export function without(file: OpenFile, ranges: readonly ByteRange[]): Buffer {
  const kept: Buffer[] = []
  let at = 0
  for (const { from, to } of ranges) {
    kept.push(file.read(at, from - at))
    at = to
  }
  return Buffer.concat([...kept, file.read(at, file.size - at)])
}

/** Lines as they stand in a file. */
export function asText(lines: readonly { readonly line: string }[]): string {
  return lines.map(({ line }) => `${line}\n`).join('')
}

/** The hash that a line expects of the one before it. */
export function prevOf(line: string): string | undefined {
  const parsed = parseLine(line)
  return parsed.kind === 'foreign' ? undefined : parsed.event.prev
}

/** The beginning of a record up to and with an event. */
export function linesUpTo(text: Buffer, seq: number): string {
  const lines = text.toString('utf8').split('\n')
  const last = lines.findIndex((line) => {
    const parsed = parseLine(line)
    return parsed.kind !== 'foreign' && parsed.event.seq === seq
  })
  return last === -1 ? '' : `${lines.slice(0, last + 1).join('\n')}\n`
}
