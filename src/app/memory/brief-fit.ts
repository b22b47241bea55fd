import type { Tokens } from '../../ports/tokens.ts'
import { clipped } from './brief-items.ts'
import { leftOutOf } from './brief-left-out.ts'
import { nearestFirst } from './brief-order.ts'
import { type Brief, type BriefFrame, type Candidates, type ListName, type Part, SCOPE_ORDER } from './brief-shape.ts'
import { briefText } from './brief-text.ts'

/**
 * Part of the tokens asked for that is filled. They are counted by one vocabulary, and the models that read the answer have others,
 * most of which take somewhat more tokens for the same text.
 */
const FILLED = 0.9

/** Tokens of an answer: a frame without anything in it, and what was left out, must fit. */
export const LEAST_TOKENS = 200
export const MOST_TOKENS = 100_000

/** Between two entries of a list, and the brackets of a list. */
const JOINT_TOKENS = 2

/** A number of tokens that is offered is rounded up to this. */
const OFFERED_STEP = 100

/** Characters of a message where there is no room for all of it. */
const SHORT_MESSAGE = 100

/**
 * The brief with as much in it as `maxTokens` take, of parts that come most useful first; whole parts only. Both the JSON as it is sent
 * and the Markdown made of it fit. What was left out is counted in `left_out`, however little room there is.
 */
export async function fitted(
  frame: BriefFrame,
  candidates: Candidates,
  maxTokens: number,
  tokens: Tokens,
): Promise<Brief> {
  const budget = Math.floor(maxTokens * FILLED)
  const fits = async (brief: Brief) =>
    (await isWithin(JSON.stringify(brief), budget, tokens)) && (await isWithin(briefText(brief), budget, tokens))
  const assembled = assembler(frame, candidates)
  const whole = assembled(candidates.parts, null)
  if (await fits(whole)) return whole

  const roomFor = offered(
    await Promise.all([JSON.stringify(whole), briefText(whole)].map((text) => tokens.count(text))),
  )
  const empty = assembled([], roomFor)
  let left = budget - (await tokens.count(JSON.stringify(empty)))
  const chosen: Part[] = []
  for (const part of candidates.parts) {
    if (left <= JOINT_TOKENS) break
    const cost = (await tokens.count(JSON.stringify(part.value))) + JOINT_TOKENS
    if (cost > left) continue
    left -= cost
    chosen.push(part)
  }
  // The parts were counted one by one, and only the whole is what counts.
  for (; chosen.length > 0; chosen.pop()) {
    const brief = assembled(chosen, roomFor)
    if (await fits(brief)) return brief
  }
  if (await fits(empty)) return empty
  const message = frame.message === null ? null : clipped(frame.message, SHORT_MESSAGE)
  const short = { ...empty, message }
  return (await fits(short)) ? short : { ...empty, message: null }
}

/** The `max_tokens` that have room for texts of so many tokens; `null` where so many may not be asked for. */
function offered(counts: readonly number[]): number | null {
  const needed = Math.ceil(Math.max(...counts) / FILLED / OFFERED_STEP) * OFFERED_STEP
  return needed <= MOST_TOKENS ? needed : null
}

/** A text never has more tokens than bytes; most briefs are so short that nothing has to be counted. */
async function isWithin(text: string, budget: number, tokens: Tokens): Promise<boolean> {
  return new TextEncoder().encode(text).length <= budget || (await tokens.count(text)) <= budget
}

/** Puts a brief together of the parts that were chosen. */
function assembler(frame: BriefFrame, candidates: Candidates) {
  const { parts, beyond, unseen } = candidates
  const cutAnyway = new Set([...frame.unread, ...unseen, ...beyond.map(({ scope }) => scope)])
  const leftOut = leftOutOf(candidates)
  return (chosen: readonly Part[], roomFor: number | null): Brief => {
    const said = new Set(chosen)
    const squeezed = parts.filter((part) => !said.has(part))
    const cut = new Set([...cutAnyway, ...squeezed.map(({ scope }) => scope)])
    const lists: Pick<Brief, ListName> = { conflicts: [], open_items: [], next_actions: [], items: [], reviews: [] }
    for (const part of chosen) add(lists, part)
    return {
      retrieval_status: frame.retrieval_status,
      scope_state: frame.scope_state,
      open_items: lists.open_items,
      next_actions: lists.next_actions,
      items: nearestFirst(lists.items),
      conflicts_found: frame.conflicts_found,
      conflicts: lists.conflicts,
      reviews: lists.reviews,
      truncated_scopes: SCOPE_ORDER.filter((one) => cut.has(one)),
      left_out: leftOut(squeezed, roomFor),
      as_of: frame.as_of,
      message: frame.message,
    }
  }
}

function add(lists: Pick<Brief, ListName>, part: Part): void {
  switch (part.list) {
    case 'conflicts':
      lists.conflicts.push(part.value)
      break
    case 'items':
      lists.items.push(part.value)
      break
    case 'reviews':
      lists.reviews.push(part.value)
      break
    default:
      lists[part.list].push(part.value)
  }
}
