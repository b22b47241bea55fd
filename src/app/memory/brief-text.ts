import type { Brief, BriefItem, BriefKind } from './brief-shape.ts'
import { TURNED_ROUND } from './phrases.ts'
import { percent } from './saving.ts'

const HEADINGS: readonly (readonly [BriefKind, string])[] = [
  ['decision', 'Decisions in force'],
  ['pattern', 'Patterns'],
  ['error', 'What went wrong more than once'],
  ['summary', 'Last sessions'],
]

const NOTHING =
  'Nothing was saved here yet. What save_decision, save_pattern and store_session_with_learnings keep is told here.'

/**
 * A brief as Markdown, for people and models; it says the same as its JSON, but for ids that no tool takes: those of decisions and reviews
 * stand there whole, and of everything else the session in which it was said.
 */
export function briefText(brief: Brief): string {
  const { open_items, next_actions, items, conflicts, reviews, left_out, retrieval_status, message } = brief
  const told = new Map(items.map(({ id, title }) => [id, title]))
  return [
    `# Brief, as of ${brief.as_of}`,
    '',
    ...(message === null ? [] : [oneLine(message), '']),
    ...(retrieval_status === 'empty' && message === null ? [NOTHING, ''] : []),
    ...section('Open', open_items.map(bullet)),
    ...section('Next', next_actions.map(bullet)),
    ...section(
      'In conflict',
      conflicts.map((conflict) => bullet(conflictLine(conflict, told))),
    ),
    ...HEADINGS.flatMap(([kind, heading]) => section(heading, items.filter((item) => item.kind === kind).map(lineOf))),
    ...section(
      'Waiting for review, not in force',
      reviews.map((review) => bullet(reviewLine(review, told))),
    ),
    ...(left_out === null ? [] : [left_out]),
  ]
    .join('\n')
    .trimEnd()
}

/** Titles of decisions that stand in the brief with their ids, by id. */
type Told = ReadonlyMap<string, string | undefined>

function conflictLine({ ids, titles, why, review_id }: Brief['conflicts'][number], told: Told): string {
  const both = ids.map((id, i) => `"${titles[i] ?? ''}"${told.has(id) ? '' : ` (${id})`}`)
  const how = review_id === undefined ? '' : ` (memory_review ${review_id})`
  return `${both.join(' and ')}: ${why}${how}`
}

function reviewLine({ id, title, candidate_id, similarity, reason }: Brief['reviews'][number], told: Told): string {
  const other = told.get(candidate_id)
  const like = other === undefined ? candidate_id : `"${other}"`
  return `"${title}" (review ${id}): ${percent(similarity)} like ${like}${reason === 'negation' ? TURNED_ROUND : ''}`
}

function lineOf(item: BriefItem): string {
  const { kind, scope, focus, project_id, freshness, confidence, session_id } = item
  const about = [
    ...(scope === 'focus' ? [`focus ${focus ?? ''}`] : scope === 'global' ? ['all projects'] : []),
    ...(project_id === undefined ? [] : [`project ${project_id}`]),
    ...(freshness === 'stale' ? ['stale'] : []),
    item.saved_at.slice(0, 10),
    ...(confidence === undefined || confidence === 1 ? [] : [`confidence ${confidence}`]),
    ...(kind === 'decision' ? [`id ${item.id}`] : session_id === null ? [] : [`session ${session_id}`]),
  ]
  return bullet(`${wordingOf(item)} (${about.join(', ')})`)
}

function wordingOf(item: BriefItem): string {
  switch (item.kind) {
    case 'decision':
      return `**${oneLine(item.title ?? '')}**: ${item.rationale ?? ''}`
    case 'pattern': {
      const except = item.exclusions === undefined ? '' : ` Not for: ${sentence(item.exclusions)}`
      return `**${oneLine(item.trigger ?? '')}**: ${sentence(item.repeatable_steps ?? [])}${except}`
    }
    case 'summary': {
      const done = item.actions_taken === undefined ? '' : ` Done: ${sentence(item.actions_taken)}`
      const decided = item.decisions_made === undefined ? '' : ` Decided: ${sentence(item.decisions_made)}`
      return `**${oneLine(item.objective ?? '').replace(/\.$/, '')}**.${done}${decided}`
    }
    case 'error':
      return `${item.message ?? ''} — ${item.times} times in ${item.sessions === 1 ? 'one session' : `${item.sessions} sessions`}`
  }
}

/** Entries of a list, with one full stop at the end. */
function sentence(entries: readonly string[]): string {
  const joined = entries.map((entry) => entry.trim().replace(/\.$/, '')).join('; ')
  return joined === '' ? '' : `${joined}.`
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${title}`, '', ...lines, '']
}

function bullet(text: string): string {
  return `- ${oneLine(text)}`
}

/** What was said is data: a line break in it could begin a heading or a list of its own. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
