import type { Brief, BriefItem, BriefKind } from './brief-shape.ts'

const HEADINGS: readonly (readonly [BriefKind, string])[] = [
  ['decision', 'Decisions in force'],
  ['pattern', 'Patterns'],
  ['error', 'What went wrong more than once'],
  ['summary', 'Last sessions'],
]

/** A brief as Markdown, for people and models; it says the same as its JSON. */
export function briefText(brief: Brief): string {
  const { open_items, next_actions, items, conflicts, reviews, truncated_scopes, message } = brief
  const isEmpty = [open_items, next_actions, items, conflicts, reviews].every((list) => list.length === 0)
  return [
    `# Brief, as of ${brief.as_of}`,
    '',
    ...(message === null ? [] : [oneLine(message), '']),
    ...(isEmpty && brief.retrieval_status === 'empty' ? ['Nothing was saved here yet.', ''] : []),
    ...section('Open', open_items.map(bullet)),
    ...section('Next', next_actions.map(bullet)),
    ...section(
      'In conflict',
      conflicts.map(({ ids, why }) => bullet(`${ids.join(' and ')}: ${why}`)),
    ),
    ...HEADINGS.flatMap(([kind, heading]) => section(heading, items.filter((item) => item.kind === kind).map(lineOf))),
    ...section(
      'Waiting for review, not in force',
      reviews.map(({ id, title, candidate_id }) => bullet(`${title} (${id}), much like ${candidate_id}`)),
    ),
    ...(truncated_scopes.length === 0 ? [] : [`More is known than is said here, in: ${truncated_scopes.join(', ')}.`]),
  ]
    .join('\n')
    .trimEnd()
}

function lineOf(item: BriefItem): string {
  const where = item.scope === 'focus' ? `focus ${item.focus ?? ''}` : item.scope
  const from = item.session_id === null ? '' : `, session ${item.session_id}`
  const sure = item.confidence === undefined || item.confidence === 1 ? '' : `, confidence ${item.confidence}`
  const foreign = item.project_id === undefined ? '' : `, project ${item.project_id}`
  const id = item.kind === 'error' ? '' : `, id ${item.id}`
  return bullet(
    `${wordingOf(item)} (${where}${foreign}, ${item.freshness}, ${item.saved_at.slice(0, 10)}${sure}${id}${from})`,
  )
}

function wordingOf(item: BriefItem): string {
  switch (item.kind) {
    case 'decision':
      return `**${oneLine(item.title ?? '')}**: ${item.rationale ?? ''}`
    case 'pattern': {
      const except = item.exclusions === undefined ? '' : ` Not for: ${item.exclusions.join('; ')}.`
      return `**${oneLine(item.trigger ?? '')}**: ${(item.repeatable_steps ?? []).join('; ')}.${except}`
    }
    case 'summary': {
      const done = item.actions_taken === undefined ? '' : ` Done: ${item.actions_taken.join('; ')}.`
      const decided = item.decisions_made === undefined ? '' : ` Decided: ${item.decisions_made.join('; ')}.`
      return `**${oneLine(item.objective ?? '')}**.${done}${decided}`
    }
    case 'error':
      return `${item.message ?? ''} — ${item.times} times in ${item.sessions === 1 ? 'one session' : `${item.sessions} sessions`}`
  }
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
