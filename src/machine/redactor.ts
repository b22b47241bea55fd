import type { Redactor } from '../ports/redactor.ts'
import { idOf, type NamedText, textsOf, withTexts } from './json-texts.ts'
import { recentTexts } from './recent-texts.ts'
import {
  type Finding,
  findSecrets,
  KIND_OF_CUSTOM,
  kindOf,
  loadSecretRules,
  mayHoldSecret,
  merge,
  type SecretRule,
} from './secret-rules.ts'

/** No rule matches across it: those that reach over a line break stop at the NUL, those that take a NUL at the break. */
const SEPARATOR = '\n\u0000\n'

/** One pass is the rule. A second is needed where a secret ended at another one, which its neighbour had hidden. */
const MAX_PASSES = 4

export interface RedactorOptions {
  /** The user's own patterns: JavaScript regular expressions, read with the flags `gu`; `(?i:...)` ignores case. */
  readonly patterns?: readonly string[]
  /** Where the rules come from; for tests. */
  readonly load?: () => Promise<readonly SecretRule[]>
}

/**
 * Replaces secrets in all strings of a JSON value, keys included, by `[redacted:<kind>]`: the finds of secretlint's
 * recommended rules, and `custom` for those of `patterns`. Gives the very same value back when nothing is found.
 *
 * @throws here and now, naming it, when a pattern is not a regular expression; `redact` rejects when the scanner fails.
 */
export function secretRedactor({ patterns = [], load = loadSecretRules }: RedactorOptions = {}): Redactor {
  const custom = patterns.map(compile)
  // Ids and paths come again with each call. Only clean texts are remembered: secrets should not stay in memory.
  const clean = recentTexts(500, 256 * 1024)
  let loading: Promise<readonly SecretRule[]> | undefined

  async function loadRules(): Promise<readonly SecretRule[]> {
    loading ??= load()
    try {
      return await loading
    } catch (error) {
      loading = undefined
      throw error
    }
  }

  /** Those of the texts that hold a secret. The others are remembered as clean where finding that out took a scan. */
  async function unclean(texts: readonly NamedText[]): Promise<readonly NamedText[]> {
    const [hit, rest] = partition(texts, ({ text }) => custom.some((pattern) => text.search(pattern) !== -1))
    const suspects = rest.filter(({ text }) => mayHoldSecret(text))
    if (suspects.length === 0) return hit
    // Scanned as one: a scan costs 30 microseconds, however little there is to scan.
    const whole = suspects.map(({ label, text }) => label + text).join(SEPARATOR)
    const findings = await findSecrets(await loadRules(), whole)
    let start = 0
    let next = 0
    const [found, innocent] = partition(suspects, ({ label, text }) => {
      const end = start + label.length + text.length
      while ((findings[next]?.end ?? Infinity) <= start) next += 1
      start = end + SEPARATOR.length
      return (findings[next]?.start ?? Infinity) < end
    })
    for (const text of innocent) clean.add(idOf(text))
    return [...hit, ...found]
  }

  async function scrub({ label, text }: NamedText): Promise<string> {
    const rules = await loadRules()
    const marker = new RegExp(`\\[redacted:(?:${[KIND_OF_CUSTOM, ...rules.map(kindOf)].join('|')})\\]`, 'g')
    let scrubbed = text
    for (let pass = 0; pass < MAX_PASSES; pass += 1) {
      const known = afterLabel(await findSecrets(rules, label + scrubbed), label)
      const found = merge([...customFindings(custom, scrubbed), ...known])
      const findings = outside(found, scrubbed, marker)
      if (findings.length === 0) return scrubbed
      // What shows up only now was stuck to another secret: all that hangs together with it goes.
      scrubbed = replace(scrubbed, pass === 0 ? findings : widen(findings, scrubbed))
    }
    return `[redacted:${KIND_OF_CUSTOM}]`
  }

  return {
    async redact(value) {
      try {
        const suspects = textsOf(value, (text) => custom.length > 0 || mayHoldSecret(text))
        const texts = Array.from(suspects).flatMap(([id, text]) => (clean.has(id) ? [] : [text]))
        if (texts.length === 0) return value
        const scrubbed = new Map<string, string>()
        for (const text of await unclean(texts)) scrubbed.set(idOf(text), await scrub(text))
        return scrubbed.size === 0 ? value : withTexts(value, scrubbed)
      } catch (error) {
        throw new Error('The search for secrets failed, so nothing of this may be recorded.', { cause: error })
      }
    },
  }
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  const yes: T[] = []
  const no: T[] = []
  for (const item of items) (test(item) ? yes : no).push(item)
  return [yes, no]
}

function compile(pattern: string): RegExp {
  try {
    if (pattern === '') throw new SyntaxError('it is empty')
    return new RegExp(pattern, 'gu')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(
      `The pattern ${JSON.stringify(pattern)} of what to redact is not a regular expression: ${reason}. ` +
        'Write it as in JavaScript with the flag u, without slashes around it.',
      { cause: error },
    )
  }
}

/** Findings in a text with its label before it, as findings in the text. */
function afterLabel(findings: readonly Finding[], { length }: string): readonly Finding[] {
  return findings.map(({ start, end, kind }) => ({ start: Math.max(0, start - length), end: end - length, kind }))
}

function customFindings(patterns: readonly RegExp[], text: string): readonly Finding[] {
  return patterns.flatMap((pattern) =>
    Array.from(text.matchAll(pattern), (match) => ({
      start: match.index,
      end: match.index + match[0].length,
      kind: KIND_OF_CUSTOM,
    })),
  )
}

/** The findings that are not part of what an earlier redaction wrote. */
function outside(findings: readonly Finding[], text: string, marker: RegExp): readonly Finding[] {
  const markers = Array.from(text.matchAll(marker), (match) => [match.index, match.index + match[0].length] as const)
  let next = 0
  return findings.filter(({ start, end }) => {
    while ((markers[next]?.[1] ?? Infinity) <= start) next += 1
    const [from, to] = markers[next] ?? [Infinity, Infinity]
    return start < from || end > to
  })
}

function widen(findings: readonly Finding[], text: string): readonly Finding[] {
  const widened: Finding[] = []
  for (const { start, end, kind } of findings) {
    if (end <= (widened.at(-1)?.end ?? -1)) continue
    let from = start
    while (from > 0 && /\S/.test(text.charAt(from - 1))) from -= 1
    let to = end
    while (to < text.length && /\S/.test(text.charAt(to))) to += 1
    widened.push({ start: from, end: to, kind })
  }
  return merge(widened)
}

function replace(text: string, findings: readonly Finding[]): string {
  let replaced = ''
  let from = 0
  for (const { start, end, kind } of findings) {
    replaced += `${text.slice(from, start)}[redacted:${kind}]`
    from = end
  }
  return replaced + text.slice(from)
}
