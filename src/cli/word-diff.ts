import { diffArrays } from 'diff'

/** A word, and the space that stands before it in its own text. */
interface Token {
  readonly word: string
  /** As it is compared: not by capitals, since a word does not change when it comes to begin a sentence. */
  readonly folded: string
  readonly gap: string
}

/** Words that stand in both texts, in the first alone, or in the second alone; each with the spaces of its own text. */
export interface DiffPart {
  readonly kind: 'same' | 'old' | 'new'
  /** Empty where the words are new. */
  readonly before: string
  /** Empty where the words are old. */
  readonly after: string
}

/**
 * Words that two texts may differ by before they are told as two texts without anything in common: the search for the shortest
 * difference takes the square of it.
 */
const MOST_DIFFERENCES = 1_000

/**
 * What of one text has to go and what has to come to make the other of it, word by word. The parts' `before` give the first text, their
 * `after` the second, with every run of white space folded into one space.
 */
export function wordDiff(before: string, after: string): DiffPart[] {
  const [old, fresh] = [tokensOf(before), tokensOf(after)]
  const changes = diffArrays<Token>(old, fresh, {
    comparator: (a, b) => a.folded === b.folded,
    maxEditLength: MOST_DIFFERENCES,
  }) ?? [
    { removed: true, added: false, count: old.length },
    { removed: false, added: true, count: fresh.length },
  ]
  const parts: DiffPart[] = []
  let [atOld, atFresh] = [0, 0]
  for (const { removed, added, count } of changes) {
    const gone = textOf(old.slice(atOld, added ? atOld : atOld + count))
    const come = textOf(fresh.slice(atFresh, removed ? atFresh : atFresh + count))
    if (!added) atOld += count
    if (!removed) atFresh += count
    if (count > 0) parts.push({ kind: removed ? 'old' : added ? 'new' : 'same', before: gone, after: come })
  }
  return parts
}

function textOf(tokens: readonly Token[]): string {
  return tokens.map(({ gap, word }) => gap + word).join('')
}

/** Words, and the punctuation around them apart: a full stop that came to a word is no other word. */
const PIECES = /^(?<opening>[\p{Ps}\p{Pi}"'`]*)(?<word>.*?)(?<closing>[\p{Pe}\p{Pf}"'`.,;:!?、。]*)$/su

/** Scripts that put no spaces between words. */
const SPACELESS =
  /\p{scx=Han}|\p{scx=Hiragana}|\p{scx=Katakana}|\p{scx=Thai}|\p{scx=Lao}|\p{scx=Khmer}|\p{scx=Myanmar}/u
const segmenter = new Intl.Segmenter('und', { granularity: 'word' })

function tokensOf(text: string): Token[] {
  const chunks = text.split(/\s+/).filter((chunk) => chunk !== '')
  return chunks.flatMap((chunk, i) => {
    const { opening = '', word = '', closing = '' } = PIECES.exec(chunk)?.groups ?? {}
    const words = SPACELESS.test(word) ? [...segmenter.segment(word)].map(({ segment }) => segment) : [word]
    const pieces = [...opening, ...words, ...closing].filter((piece) => piece !== '')
    return pieces.map((piece, nth) => ({
      word: piece,
      folded: piece.normalize('NFKC').toLowerCase(),
      gap: i > 0 && nth === 0 ? ' ' : '',
    }))
  })
}
