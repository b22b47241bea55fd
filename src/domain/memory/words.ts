/**
 * The words of a text, as duplicates are judged by them. What is hashed and what is compared are the same words.
 *
 * Unicode NFKC, lower case, white space folded; quotes and brackets around a word and `. , ; : ! ?` at its end are dropped. All else
 * stays: `C++`, `C#`, `.NET`, `1.5s` and `15s` are five different words. Scripts that put no spaces between words are cut by the
 * Unicode rules that this Node brings.
 */
export function wordsOf(text: string): string[] {
  return folded(text)
    .split(' ')
    .flatMap((chunk) => trimmed(chunk))
    .flatMap((chunk) => (SPACELESS.test(chunk) ? cut(chunk).flatMap(trimmed) : [chunk]))
}

/** Between the parts of what is hashed: no word can have it, since it counts as white space. */
const BETWEEN = '\n'

/** What two texts must share to be the same: the words of each part in order, the parts kept apart. */
export function canonicalText(parts: readonly string[]): string {
  return parts.map((part) => wordsOf(part).join(' ')).join(BETWEEN)
}

/** Every word of several texts, once. */
export function wordSet(texts: readonly string[]): Set<string> {
  return new Set(texts.flatMap(wordsOf))
}

/** The words that turn a meaning round and that one text has and the other has not; a set of words hardly shows them. */
export function differingNegations(one: ReadonlySet<string>, other: ReadonlySet<string>): string[] {
  const only = (from: ReadonlySet<string>, without: ReadonlySet<string>) =>
    [...from].filter((word) => isNegation(word) && !without.has(word))
  return [...only(one, other), ...only(other, one)].sort()
}

const SPACELESS_SCRIPTS = ['Han', 'Hiragana', 'Katakana', 'Thai', 'Lao', 'Khmer', 'Myanmar']
const SPACELESS_CLASS = SPACELESS_SCRIPTS.map((script) => `\\p{scx=${script}}`).join('')
const SPACELESS = new RegExp(`[${SPACELESS_CLASS}]`, 'u')
const SPACELESS_RUNS = new RegExp(`[${SPACELESS_CLASS}]+|[^${SPACELESS_CLASS}]+`, 'gu')

const OPENING = /^[\p{Ps}\p{Pi}\p{Pf}"'`<]+/u
const CLOSES = /[\p{Pe}\p{Pi}\p{Pf}"'`>.,;:!?、。]/u

/** NFKC once more behind the lower case: some capitals fall apart into letters that NFKC puts together again. */
function folded(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFKC')
    .replace(/[\u2018\u2019\u02BC]/g, "'")
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
}

function trimmed(chunk: string): string[] {
  const opened = chunk.replace(OPENING, '')
  // From the end, by hand: an expression would look for the end again from each of 16,000 dots.
  let end = opened.length
  while (end > 0 && CLOSES.test(opened.charAt(end - 1))) end--
  return end === 0 ? [] : [opened.slice(0, end)]
}

/** What the rules call "like a word" depends for rarer letters on what stands before them. */
const SAYS_SOMETHING = /[^\p{P}\p{Z}\p{C}]/u

const segmenter = new Intl.Segmenter('und', { granularity: 'word' })

function cut(chunk: string): string[] {
  return (chunk.match(SPACELESS_RUNS) ?? []).flatMap((run) =>
    SPACELESS.test(run)
      ? [...segmenter.segment(run)].map(({ segment }) => segment).filter((segment) => SAYS_SOMETHING.test(segment))
      : [run],
  )
}

/** English first, since that is what agents write; then the plainest of the languages that their users write. */
const NEGATIONS: ReadonlySet<string> = new Set(
  [
    'no not non never none nobody nothing neither nor nowhere cannot cant dont doesnt didnt wont without avoid avoids avoided',
    'avoiding forbid forbids forbidden prohibit prohibits prohibited disallow disallowed disable disables disabled deny denies',
    'denied reject rejects rejected refuse refuses refused exclude excludes excluded',
    'nicht kein keine keinen keinem keiner nie niemals ohne vermeide vermeiden verboten',
    'ne pas jamais sans aucun aucune éviter interdit nunca sin ningún ninguna evitar tampoco não nem sem mai senza non niet geen',
    'не нет никогда без нельзя 不 没 沒 无 無 非 未 别 勿 不要 没有 沒有 禁止 避免 不可 ない なし せず 禁じる 않다 없다 안',
  ].flatMap((line) => line.split(' ')),
)

function isNegation(word: string): boolean {
  return NEGATIONS.has(word) || word.endsWith("n't")
}
