/**
 * The words of a text, as duplicates are judged by them. What is hashed and what is compared are the same words.
 *
 * Unicode NFKC, lower case, white space folded; quotes and brackets around a word and `. , ; : ! ?` at its end are dropped. All else
 * stays: `C++`, `C#`, `.NET`, `1.5s` and `15s` are five different words, as are `<` and `>`; a bracket that the word itself opened
 * stays too, as in `f()`. Scripts that put no spaces between words are cut by the Unicode rules that this Node brings.
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
  return canonicalWords(parts.map(wordsOf))
}

/** The same of parts whose words are known. */
export function canonicalWords(parts: readonly (readonly string[])[]): string {
  return parts.map((words) => words.join(' ')).join(BETWEEN)
}

/** True where anything is said at all; what comes after the first text that says something is not looked at. */
export function hasWord(texts: readonly string[]): boolean {
  return texts.some((text) => wordsOf(text).length > 0)
}

/** Every word of several texts, once. */
export function wordSet(texts: readonly string[]): Set<string> {
  return new Set(texts.flatMap(wordsOf))
}

/**
 * The words that turn a meaning round and that one text has and the other has not; a set of words hardly shows them. However they are
 * written, as `**not**`, as `dont`, they are what they say, and are given without what is written around them.
 */
export function differingNegations(one: ReadonlySet<string>, other: ReadonlySet<string>): string[] {
  const [ones, others] = [negationsAmong(one), negationsAmong(other)]
  const only = (from: ReadonlyMap<string, string>, without: ReadonlyMap<string, string>) =>
    [...from].filter(([said]) => !without.has(said)).map(([, word]) => word)
  return [...only(ones, others), ...only(others, ones)].sort()
}

const SPACELESS_SCRIPTS = ['Han', 'Hiragana', 'Katakana', 'Thai', 'Lao', 'Khmer', 'Myanmar']
const SPACELESS_CLASS = SPACELESS_SCRIPTS.map((script) => `\\p{scx=${script}}`).join('')
const SPACELESS = new RegExp(`[${SPACELESS_CLASS}]`, 'u')
const SPACELESS_RUNS = new RegExp(`[${SPACELESS_CLASS}]+|[^${SPACELESS_CLASS}]+`, 'gu')

const OPENING = /^[\p{Ps}\p{Pi}\p{Pf}"'`]+/u
const CLOSES = /[\p{Pe}\p{Pi}\p{Pf}"'`.,;:!?、。]/u
const BRACKET = /[\p{Ps}\p{Pe}]/u
const OPENS = /\p{Ps}/u

/**
 * Marks beyond so many on one letter say nothing: it is the limit of Unicode's own stream-safe texts, and what puts marks in their
 * order takes a time that grows with the square of their number.
 */
const MANY_MARKS = /(\p{M}{30})\p{M}+/gu

/** NFKC once more behind the lower case: some capitals fall apart into letters that NFKC puts together again. */
function folded(text: string): string {
  return text
    .replace(MANY_MARKS, '$1')
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFKC')
    .replace(MANY_MARKS, '$1')
    .replace(/[\u2018\u2019\u02BC]/g, "'")
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
}

function trimmed(chunk: string): string[] {
  const opened = chunk.replace(OPENING, '')
  const own = ownClosers(opened)
  // From the end, by hand: an expression would look for the end again from each of 16,000 dots.
  let end = opened.length
  while (end > 0 && CLOSES.test(opened.charAt(end - 1)) && !own.has(end - 1)) end--
  return end === 0 ? [] : [opened.slice(0, end)]
}

/** Where brackets close that the text opened itself. */
function ownClosers(text: string): ReadonlySet<number> {
  const own = new Set<number>()
  if (!BRACKET.test(text)) return own
  const open: number[] = []
  for (let i = 0; i < text.length; i++) {
    const sign = text.charAt(i)
    if (!BRACKET.test(sign)) continue
    if (OPENS.test(sign)) open.push(sign.charCodeAt(0))
    else if (isClosedBy(open.at(-1), sign.charCodeAt(0))) {
      open.pop()
      own.add(i)
    }
  }
  return own
}

/** In Unicode a bracket's other half comes next, or next but one. */
function isClosedBy(opener: number | undefined, closer: number): boolean {
  return opener !== undefined && closer > opener && closer <= opener + 2
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
    'no not non never none nobody nothing neither nor nowhere cannot without avoid avoids avoided',
    'avoiding forbid forbids forbidden prohibit prohibits prohibited disallow disallowed disable disables disabled deny denies',
    'denied reject rejects rejected refuse refuses refused exclude excludes excluded stop stops stopped stopping',
    'nicht kein keine keinen keinem keiner nie niemals ohne vermeide vermeiden verboten',
    'ne pas jamais sans aucun aucune éviter interdit nunca sin ningún ninguna evitar tampoco não nem sem mai senza non niet geen',
    'не нет никогда без нельзя 不 没 沒 无 無 非 未 别 勿 不要 绝不 决不 从不 不再 不能 不得 不应 没有 沒有 禁止 避免 不可 ない なし せず 禁じる 않다 없다 안',
  ].flatMap((line) => line.split(' ')),
)

/** What "not" is joined to: isn't, and isnt as it is typed in a hurry. */
const JOINED_NOT = /^(?:is|are|was|were|do|does|did|has|have|had|ca|could|should|would|wo|must|might|need|sha|ai)nt$/
const BROKEN_NOT = /n['`´]t$/
const APOSTROPHES = /['`´]/g
const SIGNS_AROUND = /^[\p{P}\p{S}]+|[\p{P}\p{S}]+$/gu
/** No negation is longer, however much stands around it. */
const LONGEST_NEGATION = 40

/** What turns a meaning round among some words: what each says, and how it is written. */
function negationsAmong(words: ReadonlySet<string>): Map<string, string> {
  const found = new Map<string, string>()
  for (const word of words) {
    if (word.length > LONGEST_NEGATION) continue
    const bare = word.replace(SIGNS_AROUND, '')
    const said = bare.replace(APOSTROPHES, '')
    const isNegation = NEGATIONS.has(said) || JOINED_NOT.test(said) || BROKEN_NOT.test(bare)
    if (isNegation && !found.has(said)) found.set(said, bare)
  }
  return found
}
