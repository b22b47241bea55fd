import type { Tokens } from '../../ports/tokens.ts'
import { type Brief, type BriefFrame, type ListName, type Part, SCOPE_ORDER } from './brief-shape.ts'
import { briefText } from './brief-text.ts'

/**
 * Part of the tokens asked for that is filled. They are counted by one vocabulary, and the models that read the answer have others,
 * most of which take somewhat more tokens for the same text.
 */
const FILLED = 0.9

/** Tokens of an answer: a frame without anything in it must fit. */
export const LEAST_TOKENS = 200

/** Between two entries of a list, and the brackets of a list. */
const JOINT_TOKENS = 2

/**
 * The brief with as much in it as `maxTokens` take, of `parts` that come most useful first; whole parts only. Both the JSON as it is sent
 * and the Markdown made of it fit. What was left out is told by its scope.
 */
export async function fitted(
  frame: BriefFrame,
  parts: readonly Part[],
  maxTokens: number,
  tokens: Tokens,
): Promise<Brief> {
  const budget = Math.floor(maxTokens * FILLED)
  const fits = async (brief: Brief) =>
    (await isWithin(JSON.stringify(brief), budget, tokens)) && (await isWithin(briefText(brief), budget, tokens))
  const whole = assembled(frame, parts, parts)
  if (await fits(whole)) return whole

  let left = budget - (await tokens.count(JSON.stringify(assembled(frame, [], parts))))
  const chosen: Part[] = []
  for (const part of parts) {
    const cost = (await tokens.count(JSON.stringify(part.value))) + JOINT_TOKENS
    if (cost > left) continue
    left -= cost
    chosen.push(part)
  }
  // The parts were counted one by one, and only the whole is what counts.
  for (; chosen.length > 0; chosen.pop()) {
    const brief = assembled(frame, chosen, parts)
    if (await fits(brief)) return brief
  }
  const empty = assembled(frame, [], parts)
  return (await fits(empty)) ? empty : { ...empty, message: null }
}

/** A text never has more tokens than bytes; most briefs are so short that nothing has to be counted. */
async function isWithin(text: string, budget: number, tokens: Tokens): Promise<boolean> {
  return new TextEncoder().encode(text).length <= budget || (await tokens.count(text)) <= budget
}

function assembled(frame: BriefFrame, chosen: readonly Part[], all: readonly Part[]): Brief {
  const said = new Set(chosen)
  const left = new Set([...frame.truncated_scopes, ...all.filter((part) => !said.has(part)).map((part) => part.scope)])
  const lists: Pick<Brief, ListName> = { conflicts: [], open_items: [], next_actions: [], items: [], reviews: [] }
  for (const part of chosen) add(lists, part)
  return {
    retrieval_status: frame.retrieval_status,
    scope_state: frame.scope_state,
    open_items: lists.open_items,
    next_actions: lists.next_actions,
    items: lists.items,
    conflicts_found: frame.conflicts_found,
    conflicts: lists.conflicts,
    reviews: lists.reviews,
    truncated_scopes: SCOPE_ORDER.filter((one) => left.has(one)),
    as_of: frame.as_of,
    message: frame.message,
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
