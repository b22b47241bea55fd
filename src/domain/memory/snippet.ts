import type { Terms, Word } from './terms.ts'

/** UTF-16 units of a snippet, its two ellipses not counted. */
const LENGTH = 200

/** A text is read this far for a passage; documents are short, transcripts are not. */
const READ = 50_000

/** What may stand before the first match, so that it is read in its sentence. */
const LEAD = 60

/**
 * The passage of a text that has the most of the wanted terms, as it stands there: at most 200 characters, cut between words, with an
 * ellipsis where something was cut off. Without any of the terms it is the beginning.
 */
export function snippetOf(text: string, wanted: ReadonlySet<string>, terms: Terms): string {
  const [from, to] = bestPassage(text, wanted, terms)
  const start = from === 0 ? 0 : wordStart(text, Math.max(0, from - Math.min(LEAD, LENGTH - (to - from))), from)
  const end = wordEnd(text, Math.min(text.length, start + LENGTH), Math.max(to, start + 1))
  const before = text.slice(0, start).trim() === '' ? '' : '…'
  const after = text.slice(end).trim() === '' ? '' : '…'
  return `${before}${text.slice(start, end).trim()}${after}`
}

/** From the first to behind the last match of the passage with the most different terms; the first such passage. */
function bestPassage(text: string, wanted: ReadonlySet<string>, terms: Terms): [from: number, to: number] {
  let best: [number, number] = [0, 0]
  let most = 0
  const window: { word: Word; hits: string[] }[] = []
  for (const word of terms.words(text.slice(0, READ))) {
    const hits = word.terms.filter((term) => wanted.has(term))
    if (hits.length === 0) continue
    window.push({ word, hits })
    while (window.length > 1 && word.end - (window[0]?.word.start ?? 0) > LENGTH) window.shift()
    const different = new Set(window.flatMap((one) => one.hits)).size
    if (different <= most) continue
    most = different
    const from = window[0]?.word.start ?? 0
    best = [from, Math.min(word.end, from + LENGTH)]
    if (most === wanted.size) break
  }
  return best
}

/** The first place at or behind `least` where a word begins, and `most` where there is none before it. */
function wordStart(text: string, least: number, most: number): number {
  if (least === 0) return 0
  for (let i = least; i < most; i++) if (/\s/.test(text[i - 1] ?? '') && /\S/.test(text[i] ?? '')) return i
  return whole(text, most)
}

/** The last place at or before `most` where a word ends; in one long word, the last that is no half of a character. */
function wordEnd(text: string, most: number, least: number): number {
  if (most >= text.length) return text.length
  for (let i = most; i >= least; i--) if (/\s/.test(text[i] ?? '')) return i
  return whole(text, most)
}

function whole(text: string, i: number): number {
  const unit = text.charCodeAt(i)
  return unit >= 0xdc00 && unit <= 0xdfff && i > 0 ? i - 1 : i
}
