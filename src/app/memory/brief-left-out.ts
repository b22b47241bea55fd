import type { Candidates, Part } from './brief-shape.ts'

/** What is counted apart, and what one and several of it are called. */
const NAMES = {
  conflict: ['conflict', 'conflicts'],
  decision: ['decision', 'decisions'],
  pattern: ['pattern', 'patterns'],
  summary: ['summary', 'summaries'],
  error: ['error', 'errors'],
  open_item: ['open item', 'open items'],
  next_action: ['next action', 'next actions'],
  review: ['review', 'reviews'],
} as const
type Sort = keyof typeof NAMES
const SORTS = Object.keys(NAMES) as Sort[]

/**
 * Says what a brief leaves out of what is known, and how to get at it, in one line; `null` where it leaves out nothing. `roomFor` is the
 * `max_tokens` that would have room for every part, where that is known and may be asked for.
 */
export type LeftOut = (squeezed: readonly Part[], roomFor: number | null) => string | null

/** What is beyond the limits is counted once: a brief is put together several times before it fits. */
export function leftOutOf({ beyond, unseen, max_items, may_narrow }: Candidates): LeftOut {
  const always = tally(beyond)
  return (squeezed, roomFor) => {
    const counts = tally(squeezed, always)
    if (counts.size === 0 && unseen.size === 0) return null
    const counted = SORTS.flatMap((sort) => {
      const n = counts.get(sort) ?? 0
      return n === 0 ? [] : [`${n} ${NAMES[sort][n === 1 ? 0 : 1]}`]
    })
    const ways = [
      ...(squeezed.length > 0 && roomFor !== null ? [`max_tokens ${roomFor}`] : []),
      ...(max_items === null ? [] : [`max_items ${max_items}`]),
      ...(may_narrow && (unseen.size > 0 || [...counts.keys()].some((sort) => sort !== 'review')) ? ['a topic'] : []),
    ]
    const hints = [
      ...(ways.length === 0 ? [] : [`More with ${listed(ways, 'or')}`]),
      ...(counts.has('review') ? ['memory_review lists what waits'] : []),
    ]
    const what = unseen.size === 0 ? counted.join(', ') : listed([...counted, 'more'], 'and')
    return `Left out: ${what}.${hints.length === 0 ? '' : ` ${hints.join('; ')}.`}`
  }
}

function tally(parts: readonly Part[], before: ReadonlyMap<Sort, number> = new Map()): Map<Sort, number> {
  const counts = new Map(before)
  for (const part of parts) counts.set(sortOf(part), (counts.get(sortOf(part)) ?? 0) + 1)
  return counts
}

function sortOf(part: Part): Sort {
  switch (part.list) {
    case 'conflicts':
      return 'conflict'
    case 'open_items':
      return 'open_item'
    case 'next_actions':
      return 'next_action'
    case 'reviews':
      return 'review'
    case 'items':
      return part.value.kind
  }
}

function listed(entries: readonly string[], joint: 'or' | 'and'): string {
  return entries.length < 2 ? entries.join('') : `${entries.slice(0, -1).join(', ')} ${joint} ${entries.at(-1)}`
}
