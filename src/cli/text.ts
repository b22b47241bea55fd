import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'

/** Control characters but the line feed, and the marks that make text read in another order than it is written. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const UNSAFE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

/**
 * Text from a record or a user, fit for a terminal. Whoever could send control characters to one could retitle it, hide lines or
 * type into it.
 */
export function clean(text: string): string {
  return stripVTControlCharacters(text).replaceAll('\r\n', '\n').replaceAll('\t', ' ').replace(UNSAFE, '')
}

/** The same on one line. */
export function oneLine(text: string): string {
  return clean(text)
    .replace(/[\s\u2028\u2029]+/g, ' ')
    .trim()
}

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Rows under their titles, in columns as wide as a terminal shows them. Cells may be coloured. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const lines = [columns.map(({ title }) => title), ...rows]
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => stringWidth(line[i] ?? ''))))
  return lines.map((line) =>
    columns
      .map(({ align }, i) => {
        const cell = line[i] ?? ''
        const gap = ' '.repeat((widths[i] ?? 0) - stringWidth(cell))
        return align === 'right' ? gap + cell : cell + gap
      })
      .join('  ')
      .trimEnd(),
  )
}

/** Names and values, the values below each other. */
export function facts(pairs: readonly (readonly [string, string | null])[]): string[] {
  const known = pairs.filter((pair): pair is [string, string] => pair[1] !== null)
  const width = Math.max(...known.map(([name]) => stringWidth(name)))
  return known.map(([name, value]) => `  ${name}${' '.repeat(width - stringWidth(name))}  ${value}`)
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
