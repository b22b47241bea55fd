import type { MatchLogic, ModelInfo } from '@pydantic/genai-prices'

/**
 * What may follow a model's name without making it another model: a date or a build number, a release channel, Bedrock's
 * revision, Claude Code's mark of a large context window.
 */
const AFTER =
  /^(?:[-@:](?:\d{8}|\d{4}-\d\d-\d\d|\d{3,4}|latest|default|stable|thinking|(?:preview|exp|beta)(?:-\d\d-\d{2,4})?)|(?:-v?\d+)?:\d+|\[1m\])*$/

/** What may stand before it: a path or a region, which ends at one of these. */
const BEFORE = /(?:^|[/.:@])$/

/**
 * Whether a price list's entry is about the model of this name, and not about one whose name begins alike: the list's
 * patterns are prefixes in part, by which `claude-opus-4-10` would get the price of `claude-opus-4-1`.
 */
export function isSameModel(entry: ModelInfo, model: string): boolean {
  const name = model.trim().toLowerCase()
  const { exact, beginnings } = patternsOf(entry.match)
  const hits = beginnings.filter((part) => name.includes(part))
  // A name that none of the prefixes hits was matched by a rule that is about the whole of it.
  return hits.length === 0 || exact.includes(name) || hits.some((part) => isAllOf(name, part))
}

function isAllOf(name: string, part: string): boolean {
  const start = name.indexOf(part)
  // A part may end in the middle of a date: what follows is then looked at together with the number that it belongs to.
  const cutNumber = /[-@:]\d+$/.exec(part)?.[0] ?? ''
  const rest = name.slice(start + part.length)
  return BEFORE.test(name.slice(0, start)) && AFTER.test(/^\w/.test(rest) ? cutNumber + rest : rest)
}

function patternsOf(match: MatchLogic): { exact: string[]; beginnings: string[] } {
  if ('or' in match || 'and' in match) {
    const inner = ('or' in match ? match.or : match.and).map(patternsOf)
    return { exact: inner.flatMap((one) => one.exact), beginnings: inner.flatMap((one) => one.beginnings) }
  }
  if ('equals' in match) return { exact: [match.equals.toLowerCase()], beginnings: [] }
  if ('starts_with' in match) return { exact: [], beginnings: [match.starts_with.toLowerCase()] }
  if ('contains' in match) return { exact: [], beginnings: [match.contains.toLowerCase()] }
  return { exact: [], beginnings: [] }
}
