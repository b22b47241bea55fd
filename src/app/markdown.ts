import type { SessionReport } from './report.ts'
import { sentenceOf } from './timeline.ts'

/** Lines of the timeline that a report shows; the earliest are left out of a longer one, and it says so. */
const TIMELINE_LINES = 200

/** A run's record as Markdown, for a model or a person to read. */
export function sessionMarkdown({ session, statistics, events, learned }: SessionReport): string {
  const timeline = events.flatMap((event) => {
    const sentence = sentenceOf(event)
    return sentence === null ? [] : [`- ${event.at} ${oneLine(sentence)}`]
  })
  const shown = timeline.slice(-TIMELINE_LINES)
  const left = timeline.length - shown.length
  return [
    `# Session ${session.session_id}`,
    '',
    statistics.summary,
    '',
    ...table([
      ['Status', `${session.status}${session.end_reason === null ? '' : ` (${session.end_reason})`}`],
      ['Type', session.session_type],
      ['Slot', session.slot],
      ['Workflow', session.workflow],
      ['Started', session.start_time],
      ['Ended', session.end_time],
      ['Current task', session.current_task_id],
      ['Active minutes', String(statistics.active_minutes)],
      ['Circuit', session.circuit.state],
    ]),
    '',
    ...section(
      'Models',
      statistics.by_model.map(
        (m) =>
          `- ${m.provider ?? '?'} ${m.model ?? '?'}: ${m.turns} turns, ${m.tokens?.total ?? 'unknown'} tokens, ${money(m.cost_usd, m.cost_is_estimated)}`,
      ),
    ),
    ...section(
      'Last tasks',
      session.tasks.map(
        (t) =>
          `- ${t.task_id ?? '(none named)'}: ${t.outcome}${t.duration_ms === null ? '' : ` in ${(t.duration_ms / 1000).toFixed(1)} s`}`,
      ),
    ),
    ...section(
      'Last errors',
      session.errors.map((e) => `- ${e.at} ${e.task_id ?? ''}: ${oneLine(e.message)}`),
    ),
    ...section(
      'Learned',
      learned.map(
        ({ kind, id, title, said }) =>
          `- ${kind} ${id}: ${oneLine([title ?? '(forgotten)', said].filter((part) => part !== '').join('; '))}`,
      ),
    ),
    ...section('Timeline', left === 0 ? shown : [`- (${left} earlier lines left out)`, ...shown]),
  ].join('\n')
}

function table(rows: readonly (readonly [string, string | null])[]): string[] {
  const known = rows.filter(([, value]) => value !== null)
  return [
    '| | |',
    '|---|---|',
    ...known.map(([name, value]) => `| ${name} | ${oneLine(value ?? '').replaceAll('|', '\\|')} |`),
  ]
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${title}`, '', ...lines, '']
}

function money(usd: number | null, estimated: boolean): string {
  return usd === null ? 'cost unknown' : `${estimated ? '~' : ''}$${usd.toFixed(4)}`
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}
