import { STOP_WORDS } from './stop-words.ts'

/** Brings the forms of a word to one: "retries" and "retry". It is handed in, since it is a library's and the domain has none. */
export type Stem = (word: string) => string

/** A word where it stands in its text, and the terms under which a search finds it. */
export interface Word {
  /** Offsets into the text, in UTF-16 units. */
  readonly start: number
  readonly end: number
  readonly terms: readonly string[]
}

/** Longer pieces (keys, encoded data) are known by how they begin. */
const LONGEST_TERM = 80

/** Words whose terms are remembered; a book has some ten thousand. */
const REMEMBERED = 20_000

/** Scripts that put no spaces between words, and Korean, which joins its words' endings to them. */
const JOINED_SCRIPTS = String.raw`\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}ー\u3099\u309a\uff9e\uff9f`
const JOINED = String.raw`[[${JOINED_SCRIPTS}]&&[\p{L}\p{N}\p{M}]]`
const LETTER = String.raw`[[\p{L}\p{N}\p{M}]--${JOINED}]`
/** What holds an identifier, a path, a version or an address together. */
const JOINT = String.raw`[._\-\/\\:@#+'’]`
/**
 * A run of a joined script, or letters with joints between them; a dot before (`.env`) and pluses or a sharp behind (`C++`, `C#`) belong
 * to it. All repetition is bounded, so that no text makes the engine keep more than a little to go back to.
 */
const WORD = new RegExp(
  String.raw`${JOINED}{1,1000}|(?:(?<![\p{L}\p{N}\p{M}.\)\]])\.)?${LETTER}{1,1000}(?:${JOINT}{1,3}${LETTER}{1,1000}){0,30}(?:\+\+|#)?`,
  'gv',
)
const JOINED_START = new RegExp(`^${JOINED}`, 'v')
/** Pairs of letters are searched in these; the other joined scripts have no letters that would stand alone. */
const PAIRED = /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}ー]{2}$/u

const PLAIN_WORD = /^[A-Za-z][a-z]+$/
const STEMMED = /^[a-z]{3,}$/
const ASCII = /^[\x20-\x7e]*$/
const NO_TERM_SIGN = /[^\p{L}\p{N}\p{M}._\-/\\:@#+']/gu
const SHORT_FORM = /^[a-z]+'[a-z]{1,2}$/
/** Its parts mean nothing alone: 1.5s, v2.0.1. */
const VERSION = /^v?\d+([.:]\d+)+[a-z]*$/
/** Its sign is its name: C++, C#, C++17. */
const SIGNED_NAME = /^(\p{L}{1,2}(?:\+\+|#))\d*$/u
const CAMEL = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u
/** An identifier comes apart first where its parts are widest. */
const SPLITS: readonly (string | RegExp)[] = [' ', /[/\\]+/, /[:@#]+/, /\.+/, /[-_+']+/, CAMEL]

/**
 * Cuts texts into search terms; the same text always gives the same terms.
 *
 * Lower case, Unicode NFKC, no accents; English words stemmed, stop words left out. An identifier is found whole and in its parts:
 * `src/log/chain.ts` also by `chain.ts` and `chain`, `getUserName` also by `user`, `C++` and `C#` by themselves only. Scripts without
 * spaces are found by the words that the Unicode rules see in them, and by each pair of letters, since those rules cut the same
 * word differently in different company. A term has letters, digits and `._-/\:@#+'`, and nothing else.
 */
export class Terms {
  readonly #stem: Stem
  readonly #known = new Map<string, readonly string[]>()

  constructor(stem: Stem) {
    this.#stem = stem
  }

  /** Every term of the text, as often as it stands there. */
  of(text: string): string[] {
    const terms: string[] = []
    for (const word of this.words(text)) terms.push(...word.terms)
    return terms
  }

  /** The words of the text that have terms, in order; in scripts without spaces they overlap. */
  *words(text: string): Generator<Word> {
    for (const match of text.matchAll(WORD)) {
      const [raw] = match
      if (JOINED_START.test(raw)) {
        yield* wordsOfRun(raw, match.index)
        continue
      }
      const terms = this.#termsOf(raw)
      if (terms.length > 0) yield { start: match.index, end: match.index + raw.length, terms }
    }
  }

  #termsOf(raw: string): readonly string[] {
    const known = this.#known.get(raw)
    if (known !== undefined) return known
    const terms = PLAIN_WORD.test(raw) ? this.#plain(raw.toLowerCase()) : this.#compound(raw)
    if (this.#known.size >= REMEMBERED) this.#known.clear()
    if (raw.length <= LONGEST_TERM) this.#known.set(raw, terms)
    return terms
  }

  #plain(word: string): string[] {
    if (STOP_WORDS.has(word)) return []
    return [STEMMED.test(word) ? this.#stem(word.slice(0, LONGEST_TERM)) : word.slice(0, LONGEST_TERM)]
  }

  #compound(raw: string): string[] {
    const folded = foldSigns(raw).replace(/'s$/i, '')
    const lower = folded.toLowerCase()
    if (SHORT_FORM.test(lower) && STOP_WORDS.has(lower.replace("'", ''))) return []
    const terms = new Set<string>()
    const take = (joined: string, split: number) => {
      const piece = joined.replace(/[:@]+$/, '')
      if (piece === '') return
      const word = piece.toLowerCase()
      const signed = SIGNED_NAME.exec(word)
      if (!word.includes(' ')) for (const term of this.#plain(word)) terms.add(term)
      if (signed?.[1] !== undefined) terms.add(signed[1])
      if (VERSION.test(word)) terms.add(word.replace(/^v/, ''))
      if (signed !== null || VERSION.test(word)) return
      const by = SPLITS[split]
      if (by !== undefined) for (const part of piece.split(by)) take(part, split + 1)
    }
    take(folded, 0)
    return [...terms]
  }
}

/** Compatible letters made one, accents taken off, and nothing left that a term may not have. */
function foldSigns(raw: string): string {
  if (ASCII.test(raw)) return raw
  return raw
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .normalize('NFKC')
    .replaceAll('’', "'")
    .replace(NO_TERM_SIGN, ' ')
}

const byStem = new Map<Stem, Terms>()

/** The one `Terms` of a stemmer, which everybody who cuts texts with it shares: what it remembers of words serves them all. */
export function termsWith(stem: Stem): Terms {
  const known = byStem.get(stem) ?? new Terms(stem)
  byStem.set(stem, known)
  return known
}

const segmenter = new Intl.Segmenter('und', { granularity: 'word' })

function* wordsOfRun(raw: string, at: number): Generator<Word> {
  const run = raw.normalize('NFKC')
  // Half-width letters may grow or shrink; then only the run as a whole can be pointed at.
  const sameOffsets = run.length === raw.length
  const word = (start: number, length: number, term: string): Word => ({
    start: sameOffsets ? at + start : at,
    end: sameOffsets ? at + start + length : at + raw.length,
    terms: [term],
  })
  const cut = new Set<string>()
  for (const { segment, index, isWordLike } of segmenter.segment(run)) {
    if (!isWordLike) continue
    const term = segment.slice(0, LONGEST_TERM)
    cut.add(`${index}:${segment.length}`)
    yield word(index, segment.length, term)
  }
  let before = ''
  let index = 0
  for (const letter of run) {
    const pair = before + letter
    if (PAIRED.test(pair) && !cut.has(`${index}:${pair.length}`)) yield word(index, pair.length, pair)
    index += before.length
    before = letter
  }
}
