import type { Review } from '../../domain/memory/review.ts'
import type { Ancestor, Lineage } from './lineage.ts'

/** Members of a line that are told; the oldest of a longer one are left out, and it says so. */
const MOST_TOLD = 100

/** A decision with its lineage as Markdown. */
export function lineageMarkdown({ id, line, reviews }: Lineage): string {
  const own = line.find(({ decision }) => decision.id === id)
  if (own === undefined) throw new Error(`Decision ${id} is not in its own line.`)
  const told = line.slice(-MOST_TOLD)
  const left = line.length - told.length
  const { text } = own.decision
  return [
    `# ${text === null ? 'A forgotten decision' : oneLine(text.title)}`,
    '',
    ...(text === null ? [] : [oneLine(text.rationale), '']),
    ...facts(own),
    '',
    ...(line.length === 1
      ? []
      : section('Lineage, the oldest first', [
          ...(left === 0 ? [] : [`- (${left} older ones left out)`]),
          ...told.map((one) => lineOf(one, id)),
        ])),
    ...section('Reviews', reviews.map(reviewLine)),
  ]
    .join('\n')
    .trimEnd()
}

function facts({ decision, in_force, produced_by }: Ancestor): string[] {
  const { text, origin } = decision
  return [
    `- Id: ${decision.id}`,
    `- State: ${stateOf(decision, in_force)}`,
    `- Scope: ${decision.scope === 'focus' ? `focus ${oneLine(decision.focus ?? '')}` : decision.scope}`,
    ...(text === null ? [] : [`- Owner: ${oneLine(text.owner)}, ${text.date}, confidence ${text.confidence}`]),
    `- Saved: ${decision.saved_at} by ${oneLine(decision.saved_by.name)} in project ${oneLine(origin.project_id)}`,
    `- Session: ${origin.session_id ?? 'none'}`,
    ...produced_by.map(
      ({ id, objective }) => `- From summary ${id}${objective === null ? '' : `: ${oneLine(objective)}`}`,
    ),
  ]
}

function lineOf({ decision, in_force, supersedes, produced_by }: Ancestor, own: string): string {
  const title = decision.text === null ? '(forgotten)' : oneLine(decision.text.title)
  const parts = [
    stateOf(decision, in_force),
    `session ${decision.origin.session_id ?? 'none'}`,
    ...(supersedes.length === 0 ? [] : [`took the place of ${supersedes.join(' and ')}`]),
    ...(produced_by.length === 0 ? [] : [`from summary ${produced_by.map(({ id }) => id).join(' and ')}`]),
  ]
  return `- ${decision.saved_at} ${decision.id === own ? `**${title}**` : title} (${decision.id}): ${parts.join('; ')}`
}

function stateOf({ forgotten, superseded_by }: Ancestor['decision'], inForce: boolean): string {
  if (inForce) return 'in force'
  return forgotten ? 'forgotten' : `superseded by ${superseded_by.join(' and ')}`
}

function reviewLine({
  id,
  opened_at,
  decision,
  candidate_id,
  similarity,
  status,
  resolution,
  resolved_at,
}: Review): string {
  const title = decision === null ? '(forgotten)' : oneLine(decision.title)
  const end = status === 'open' ? 'waits' : `${resolution} at ${resolved_at}`
  return `- ${opened_at} ${title} (${id}), ${Math.round(similarity * 100)} % like ${candidate_id}: ${end}`
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${title}`, '', ...lines, '']
}

/** What was said is data: a line break in it could begin a heading of its own. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
