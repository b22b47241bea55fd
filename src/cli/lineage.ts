import type { Ancestor, Lineage } from '../app/memory/lineage.ts'
import { RESOLVED } from '../app/memory/phrases.ts'
import { marked, markedLines } from './comparison.ts'
import { ago, when } from './format.ts'
import { paragraph, shortId, smallPrint, titled } from './memory-text.ts'
import type { Out } from './out.ts'
import { oneLine } from './text.ts'
import { wordDiff } from './word-diff.ts'

const INDENT = '  '

/** A decision's line, the oldest first: when each was decided, in which session, and what it changed. */
export function lineageLines(out: Out, { id, line, reviews }: Lineage, now: string, width: number | null): string[] {
  const byId = new Map(line.map((ancestor) => [ancestor.decision.id, ancestor]))
  const decisions = line.flatMap((ancestor) => {
    const before = ancestor.supersedes.map((earlier) => byId.get(earlier)).filter((one) => one !== undefined)
    const isAsked = line.length > 1 && ancestor.decision.id === id
    return [...ancestorLines(out, ancestor, before, isAsked, now, width), '']
  })
  const reviewLines = reviews.flatMap((review) => {
    const state = review.status === 'open' ? 'waits for review' : RESOLVED[review.resolution ?? 'discard']
    const title = review.decision === null ? '(forgotten)' : oneLine(review.decision.title)
    return paragraph(`${shortId(review.id)} · ${when(review.opened_at)} · ${state}: ${title}`, INDENT, width)
  })
  return [
    ...decisions.slice(0, -1),
    ...(reviewLines.length === 0 ? [] : ['', out.paint('bold', 'Reviews'), ...reviewLines]),
  ]
}

function ancestorLines(
  out: Out,
  { decision, in_force, produced_by }: Ancestor,
  before: readonly Ancestor[],
  isAsked: boolean,
  now: string,
  width: number | null,
): string[] {
  const { id, text, saved_at, superseded_by, forgotten, sessions } = decision
  const [state, colour] = forgotten
    ? (['forgotten', 'gray'] as const)
    : in_force
      ? (['in force', 'green'] as const)
      : ([`superseded by ${superseded_by.map(shortId).join(' and ')}`, 'yellow'] as const)
  const replaced =
    before.length === 0 ? '' : `, in the place of ${before.map((one) => shortId(one.decision.id)).join(' and ')}`
  const title: Parameters<typeof titled>[2] = [
    { text: `${when(saved_at)} · `, look: [] },
    { text: state, look: colour },
    { text: `${replaced}${isAsked ? ' <- asked for' : ''}`, look: [] },
  ]
  const head = titled(out, { text: shortId(id), look: 'bold' }, title, width)
  if (text === null) return [...head, `${INDENT}(its text was forgotten)`]
  const earlier = before.find((one) => one.decision.text !== null)?.decision.text
  const summaries = produced_by.map(({ objective }) => objective).filter((objective) => objective !== null)
  return [
    ...head,
    ...changed(out, earlier?.title ?? null, text.title, width),
    ...changed(out, earlier?.rationale ?? null, text.rationale, width),
    ...smallPrint(
      out,
      [
        `${oneLine(text.owner)}, ${text.date}`,
        text.confidence === 1 ? null : `confidence ${text.confidence}`,
        ago(saved_at, now),
        sessions.length === 0 ? 'outside any session' : `session ${sessions.join(', ')}`,
        summaries.length === 0 ? null : `from "${oneLine(summaries.join('", "'))}"`,
      ],
      INDENT,
      width,
    ),
  ]
}

/** A text with what it changed of the one before it. */
function changed(out: Out, before: string | null, after: string, width: number | null): string[] {
  const inside = width === null ? null : width - INDENT.length
  const [old, fresh] = [oneLine(before ?? after), oneLine(after)]
  return markedLines(out, marked(out, wordDiff(old, fresh), 'both'), inside).map((line) => INDENT + line)
}
