import type { Summary } from './artifact.ts'
import { roomKey } from './room.ts'
import { canonicalText, differingNegations, wordSet } from './words.ts'

/** The content words of a text: stemmed, without stop words. */
export type TermsOf = (text: string) => readonly string[]

/** Something that a session left to do, and the summary that said so last. */
export interface OpenItem {
  readonly text: string
  readonly from: Summary
}

export interface OpenWork {
  /** Those of the newest summary first, each summary's in its own order. */
  readonly open_items: readonly OpenItem[]
  readonly next_actions: readonly OpenItem[]
}

/** The part of an item's content words that one entry of a later summary must have to have done it. */
const COVERED_AT = 0.6
/** Fewer words than this say too little: then the entry must have all of them. */
const ENOUGH_WORDS = 3
/** Entries of one list that are looked at; nobody lists more, and every item meets every entry. */
const MOST_ENTRIES = 100

/**
 * What sessions left to do and no later one did.
 *
 * Only summaries of the same room (the project, or one focus of it) know of each other. An item is done when one entry of a later
 * summary's `actions_taken` or `decisions_made` has at least 60 % of its content words, and either three of them or all; also every
 * number and single capital letter in it (`module B` does not do `module A`); the same negations ("did not add the index"
 * does not do "add the index"); and no word that says it was only begun. An item that a later summary lists again in the same words is
 * that summary's. When in doubt it stays open: to read something twice costs less than to lose it.
 */
export function openWork(newestFirst: readonly Summary[], termsOf: TermsOf): OpenWork {
  const kept: { open_items: OpenItem[]; next_actions: OpenItem[] } = { open_items: [], next_actions: [] }
  const rooms = new Map<string, { done: Said[]; listed: Set<string> }>()
  for (const from of newestFirst) {
    if (from.text === null) continue
    const key = `${from.project_id} ${roomKey(from)}`
    const room = rooms.get(key) ?? { done: [], listed: new Set<string>() }
    rooms.set(key, room)
    for (const list of ['open_items', 'next_actions'] as const) {
      for (const text of from.text[list].slice(0, MOST_ENTRIES)) {
        const name = canonicalText([text])
        if (text.trim() === '' || room.listed.has(name)) continue
        room.listed.add(name)
        const item = said(text, termsOf)
        if (!room.done.some((entry) => does(entry, item))) kept[list].push({ text, from })
      }
    }
    // What this summary did counts for those before it, not for what it leaves open itself.
    for (const list of ['actions_taken', 'decisions_made'] as const) {
      for (const text of from.text[list].slice(0, MOST_ENTRIES)) room.done.push(said(text, termsOf))
    }
  }
  return kept
}

interface Said {
  readonly terms: ReadonlySet<string>
  readonly words: ReadonlySet<string>
  readonly name: string
  readonly specifics: ReadonlySet<string>
}

function said(text: string, termsOf: TermsOf): Said {
  const terms = new Set(termsOf(text).map((term) => IRREGULAR.get(term) ?? term))
  return { terms, words: wordSet([text]), name: canonicalText([text]), specifics: specificsOf(text) }
}

function does(entry: Said, item: Said): boolean {
  if (entry.name === item.name) return true
  if (item.terms.size === 0) return false
  const shared = [...item.terms].filter((term) => entry.terms.has(term)).length
  if (shared < Math.min(ENOUGH_WORDS, item.terms.size) || shared < COVERED_AT * item.terms.size) return false
  if ([...item.specifics].some((one) => !entry.specifics.has(one))) return false
  if ([...entry.words].some((word) => BEGUN.has(word) && !item.words.has(word))) return false
  return differingNegations(item.words, entry.words).length === 0
}

/** What tells two things of the same kind apart: anything with a digit, and single capital letters. */
const SPECIFIC = /[\p{L}\p{N}]{0,50}\p{N}[\p{L}\p{N}]{0,50}|(?<![\p{L}\p{N}'])\p{Lu}(?![\p{L}\p{N}'])/gu

function specificsOf(text: string): Set<string> {
  const found = (text.match(SPECIFIC) ?? []).filter((word) => word !== 'I')
  // "A login page" begins with an article; "module A" ends with a name.
  return new Set((/^\s*A\s/.test(text) ? found.slice(1) : found).map((word) => word.toLowerCase()))
}

/** Who says that of something has not done it. */
const BEGUN: ReadonlySet<string> = new Set(
  'started starting began begun partially partly half attempted tried trying blocked postponed deferred planned wip todo'.split(
    ' ',
  ),
)

/** Past forms that no stemmer brings back, of verbs that agents report with. Their stems are their own. */
const IRREGULAR: ReadonlyMap<string, string> = new Map(
  [
    'wrote write, written write, rewrot rewrit, rewritten rewrit, built build, rebuilt rebuild, made make, found find, ran run',
    'sent send, chose choos, chosen choos, kept keep, took take, taken take, gave give, given give, brought bring, held hold',
    'left leav, drew draw, drawn draw, threw throw, thrown throw, caught catch, broke break, broken break, hid hide, bound bind',
  ].flatMap((line) => line.split(', ').map((pair) => pair.split(' ') as [string, string])),
)
