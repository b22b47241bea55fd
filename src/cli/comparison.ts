import stringWidth from 'string-width'
import type { Out } from './out.ts'
import type { DiffPart } from './word-diff.ts'
import { type Piece, wrapPieces } from './wrap.ts'

type Look = DiffPart['kind']
const STYLES = { same: [], old: ['red', 'underline'], new: ['green', 'bold'] } as const

/** Between two columns. */
const GUTTER = ' │ '
/** Columns of text that one side needs to be read with ease. */
const NARROWEST = 36

/** One side of a comparison, or both in one text, with the words that differ marked: by colour, or by brackets where there is none. */
export function marked(out: Out, parts: readonly DiffPart[], side: 'old' | 'new' | 'both'): Piece<Look>[] {
  const inColour = out.paint('red', 'x') !== 'x'
  return parts
    .filter(({ kind }) => side === 'both' || kind === 'same' || kind === side)
    .flatMap(({ kind, before, after }): Piece<Look>[] => {
      const text = kind === 'old' || (kind === 'same' && side === 'old') ? before : after
      if (kind === 'same') return [{ text, look: kind }]
      const words = text.trimStart()
      const gap: Piece<Look> = { text: text.slice(0, text.length - words.length), look: 'same' }
      if (inColour) return [gap, { text: words, look: kind }]
      const [open, close] = kind === 'old' ? ['[-', '-]'] : ['{+', '+}']
      return [gap, { text: open + words + close, look: 'same' }]
    })
}

/** Marked text in lines of a width, painted. */
export function markedLines(out: Out, pieces: readonly Piece<Look>[], width: number | null): string[] {
  return wrapPieces(pieces, width).map((line) => painted(out, line).trimStart())
}

function painted(out: Out, line: readonly Piece<Look>[]): string {
  return line
    .map(({ text, look }) => (look === 'same' ? out.paint([], text) : out.paint([...STYLES[look]], text)))
    .join('')
}

/** Two columns as wide as `width` lets them be; below each other where that is too narrow, and in a pipe. */
export function sideBySide(
  width: number | null,
  left: (width: number | null) => readonly string[],
  right: (width: number | null) => readonly string[],
): string[] {
  const each = width === null ? 0 : Math.floor((width - GUTTER.length) / 2)
  if (each < NARROWEST) return [...left(width), '', ...right(width)]
  const [one, other] = [left(each), right(each)]
  return Array.from({ length: Math.max(one.length, other.length) }, (_, i) => {
    const line = one[i] ?? ''
    return `${line}${' '.repeat(Math.max(0, each - stringWidth(line)))}${GUTTER}${other[i] ?? ''}`.trimEnd()
  })
}
