import type { ReviewView } from '../app/memory/shapes.ts'
import { marked, markedLines, sideBySide } from './comparison.ts'
import { lasting } from './format.ts'
import { paragraph, placeName, shortId, smallPrint } from './memory-text.ts'
import type { Out } from './out.ts'
import { oneLine } from './text.ts'
import { type DiffPart, wordDiff } from './word-diff.ts'

type Side = ReviewView['decision']

const REASONS: Readonly<Record<ReviewView['reason'], (percent: string) => string>> = {
  similar: (percent) => `${percent} alike`,
  negation: (percent) => `${percent} alike, but a word turns the meaning round`,
  merged_twins: (percent) => `${percent} alike, both in force since two branches met`,
}

/** A decision that waits beside the one that it is like, the words that differ marked. */
export function reviewLines(out: Out, review: ReviewView, now: string, width: number | null): string[] {
  const { decision, candidate, reason, similarity } = review
  const percent = `${Math.round(similarity * 100)} %`
  const since = [candidate, decision].flatMap((side) => (side === null ? [] : changeOf(side)))
  // Why it was kept aside was said of the texts that it was opened for.
  const alike = since.length === 0 ? REASONS[reason](percent) : `${percent} alike`
  const head = [
    `${out.paint('bold', `Review ${shortId(review.id)}`)}  ${alike}`,
    ...smallPrint(
      out,
      [
        placeName(review),
        `waits for ${lasting(review.opened_at, now)}`,
        review.session_id === null ? 'outside any session' : `session ${review.session_id}`,
      ],
      '',
      width,
    ),
    ...since.flatMap((line) => paragraph(line, '', width)),
    '',
  ]
  const title = wordDiff(oneLine(candidate?.title ?? decision.title), oneLine(decision.title))
  const rationale = wordDiff(oneLine(candidate?.rationale ?? decision.rationale), oneLine(decision.rationale))
  const side = (which: 'old' | 'new', heading: string, text: Side) => (inside: number | null) => [
    out.paint('bold', heading),
    ...marks(out, title, which, inside),
    '',
    ...marks(out, rationale, which, inside),
    '',
    ...smallPrint(out, [`${oneLine(text.owner)}, ${text.date}`, sureness(text)], '', inside),
  ]
  const waits = decision.id === null ? 'NEW, waits' : stateOf(decision, 'IN FORCE TOO')
  if (candidate === null) {
    const gone = paragraph('The decision that it was like was forgotten since.', '', width)
    return [...head, ...gone, '', ...side('new', waits, decision)(width)]
  }
  const old = stateOf(candidate, 'IN FORCE')
  return [...head, ...sideBySide(width, side('old', old, candidate), side('new', waits, decision))]
}

function stateOf({ id, in_force }: Side, inForce: string): string {
  return `${in_force ? inForce : 'SUPERSEDED SINCE'}  ${shortId(id ?? '')}`
}

/** What took the place of a decision that the review was opened for, and so stands where that stood. */
function changeOf({ id, in_place_of }: Side): string[] {
  if (in_place_of === null) return []
  return [
    `${shortId(in_place_of)}, which this was about, gave way to ${shortId(id ?? '')} since; that is what you decide about.`,
  ]
}

function marks(out: Out, parts: readonly DiffPart[], side: 'old' | 'new', width: number | null): string[] {
  return markedLines(out, marked(out, parts, side), width)
}

function sureness({ confidence }: Side): string | null {
  return confidence === 1 ? null : `confidence ${confidence}`
}
