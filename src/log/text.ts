import { lineHash, parseLine } from './line.ts'

/** Lines as they stand in a file. */
export function asText(lines: readonly { readonly line: string }[]): string {
  return lines.map(({ line }) => `${line}\n`).join('')
}

/** The hash that a line expects of the one before it. */
export function prevOf(line: string): string | undefined {
  const parsed = parseLine(line)
  return parsed.kind === 'foreign' ? undefined : parsed.event.prev
}

/** The beginning of a record up to the line that the first of some lines follows; empty where it is not there. */
export function linesBefore(text: Buffer, following: readonly { readonly line: string }[]): string {
  const joint = prevOf(following[0]?.line ?? '')
  const lines = text.toString('utf8').split('\n')
  const last = lines.findIndex((line) => lineHash(line) === joint)
  return last === -1 ? '' : `${lines.slice(0, last + 1).join('\n')}\n`
}
