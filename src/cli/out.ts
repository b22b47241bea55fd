import { styleText } from 'node:util'
import { clean } from './text.ts'

type Style = Parameters<typeof styleText>[0]

/** Where a command writes. */
export interface Out {
  /** A line, or several, for people, on standard output. */
  line(text?: string): void
  /** The same on standard error: for what goes on, so that it never mixes with a result. */
  note(text: string): void
  /** A result for programs: one JSON value on one line of standard output. */
  json(value: unknown): void
  /** Text of a record or a user in a style, where standard output shows styles (a terminal without NO_COLOR, or FORCE_COLOR). */
  paint(style: Style, text: string): string
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const COLOURS = /(\u001b\[[0-9;]*m)/

export function standardOut(): Out {
  return {
    line: (text = '') => void process.stdout.write(`${shownOn(process.stdout, text)}\n`),
    note: (text) => void process.stderr.write(`${shownOn(process.stderr, text)}\n`),
    json: (value) => void process.stdout.write(`${escapedJson(value)}\n`),
    paint: (style, text) => styleText(style, clean(text), { stream: process.stdout, validateStream: true }),
  }
}

/** The last door: whatever slipped through above, a stream gets line feeds and our colours and no other control character. */
function shownOn(stream: NodeJS.WriteStream, text: string): string {
  const hasColours = styleText('bold', 'x', { stream, validateStream: true }) !== 'x'
  const parts = text.split(COLOURS)
  return parts.map((part, i) => (i % 2 === 0 ? clean(part) : hasColours ? part : '')).join('')
}

/** JSON escapes the control characters below space by itself, and leaves those above the letters, which terminals obey too. */
function escapedJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
