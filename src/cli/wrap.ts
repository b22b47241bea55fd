import stringWidth from 'string-width'

/** A piece of text that has one look. */
export interface Piece<Look> {
  readonly text: string
  readonly look: Look
}

/**
 * Text in lines that are no wider than `width` columns of a terminal, broken between words; a word that is wider than a whole line is
 * broken inside. `null` is no width at all: one line. Pieces keep their looks across a break.
 */
export function wrapPieces<Look>(pieces: readonly Piece<Look>[], width: number | null): Piece<Look>[][] {
  if (width === null) return [[...pieces]]
  const most = Math.max(1, width)
  const lines: Piece<Look>[][] = []
  let line: Piece<Look>[] = []
  let used = 0
  const end = () => {
    if (line.length > 0) lines.push(line)
    line = []
    used = 0
  }
  for (const word of wordsOf(pieces)) {
    const gap = word.gap && used > 0 ? 1 : 0
    const wide = word.pieces.reduce((sum, { text }) => sum + stringWidth(text), 0)
    if (used > 0 && used + gap + wide > most) end()
    else if (gap > 0) {
      line.push({ text: ' ', look: word.gapLook })
      used += 1
    }
    for (const { text, look } of word.pieces) {
      for (const part of broken(text, most, most - used)) {
        if (used > 0 && used + stringWidth(part) > most) end()
        line.push({ text: part, look })
        used += stringWidth(part)
      }
    }
  }
  end()
  return lines.length === 0 ? [[]] : lines.map(joined)
}

/** The same for text of one look. */
export function wrap(text: string, width: number | null): string[] {
  return wrapPieces([{ text, look: null }], width).map((line) => line.map((piece) => piece.text).join(''))
}

interface Word<Look> {
  readonly pieces: Piece<Look>[]
  /** True where a space stands before it, which has the look of the piece that it stands in. */
  readonly gap: boolean
  readonly gapLook: Look
}

/** What a line may be broken between; a word may change its look in its midst. */
function wordsOf<Look>(pieces: readonly Piece<Look>[]): Word<Look>[] {
  const words: Word<Look>[] = []
  let isOpen = false
  let gapLook: Look | undefined
  for (const { text, look } of pieces) {
    for (const part of text.split(/( +)/)) {
      if (part === '') continue
      if (part.startsWith(' ')) {
        isOpen = false
        gapLook = look
        continue
      }
      if (isOpen) words.at(-1)?.pieces.push({ text: part, look })
      else words.push({ pieces: [{ text: part, look }], gap: gapLook !== undefined, gapLook: gapLook ?? look })
      isOpen = true
      gapLook = undefined
    }
  }
  return words
}

const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' })

/** A text in parts that fit: the first into `first` columns, the others into `most`. */
function broken(text: string, most: number, first: number): string[] {
  if (stringWidth(text) <= Math.max(first, 0)) return [text]
  const parts: string[] = []
  let part = ''
  let room = first > 0 ? first : most
  for (const { segment } of segmenter.segment(text)) {
    const wide = stringWidth(segment)
    if (part !== '' && wide > room) {
      parts.push(part)
      part = ''
      room = most
    }
    part += segment
    room -= wide
  }
  return part === '' ? parts : [...parts, part]
}

/** Neighbours of one look as one piece. */
function joined<Look>(line: readonly Piece<Look>[]): Piece<Look>[] {
  const result: Piece<Look>[] = []
  for (const piece of line) {
    const last = result.at(-1)
    if (last?.look === piece.look) result[result.length - 1] = { text: last.text + piece.text, look: piece.look }
    else result.push(piece)
  }
  return result
}
