import { lineageOf } from '../../app/memory/lineage.ts'
import { artifactByPrefix } from '../../app/operator/by-prefix.ts'
import { type DecisionView, decisionsByScope } from '../../app/operator/by-scope.ts'
import type { Cli } from '../command.ts'
import type { Desk } from '../desk.ts'
import { ago } from '../format.ts'
import { lineageLines } from '../lineage.ts'
import { groupLines, paragraph, shortId, smallPrint, titled } from '../memory-text.ts'
import { Misuse } from '../misuse.ts'
import { wholeNumber } from '../options.ts'
import type { Out } from '../out.ts'
import { terminalWidth } from '../terminal.ts'
import { oneLine } from '../text.ts'

interface Options {
  all?: true
  project?: string
  focus?: string
  lineage?: string
  limit: number
}

/** `rutter decisions`: what holds, and how it came to. */
export function registerDecisions(cli: Cli): void {
  const command = cli
    .command('decisions', {
      summary: 'decisions in force, and how they came about',
      details: 'Ids may be abbreviated.',
      examples: ['rutter decisions', 'rutter decisions --all --focus payments', 'rutter decisions --lineage 3f9a1c20'],
    })
    .option('--all', 'with those that were superseded or forgotten')
    .option('--project <id>', "another project than the repository's own")
    .option('--focus <focus>', 'of the focuses only this one')
    .option('--lineage <id>', 'the line of one decision: what it took the place of, and what took its place')
    .option('--limit <count>', 'how many of each scope, the newest', wholeNumber(1, 10_000), 100)
  cli.action<[], Options>(command, async (desk, _args, options) => {
    if (options.lineage !== undefined) return await showLineage(desk, options.lineage, options)
    const { project, focus, all, limit } = options
    const context = desk.operator()
    const query = { project_id: project ?? null, focus: focus ?? null, all: all === true, limit }
    const decisions = await decisionsByScope(context, query)
    const now = context.clock.now()
    desk.answer(decisions, () =>
      groupLines(desk.out, decisions, {
        none: all === true ? 'Nothing was decided here yet.' : 'No decision is in force here.',
        entry: (decision) => decisionLines(desk.out, decision, now),
      }),
    )
    return 0
  })
}

async function showLineage(desk: Desk, given: string, { all, focus, project }: Options): Promise<number> {
  if (all !== undefined || focus !== undefined) {
    throw new Misuse('--lineage is about one decision: --all and --focus say nothing beside it.')
  }
  const context = desk.operator()
  const id = await artifactByPrefix(context, given, ['decision'], project ?? null)
  const lineage = await lineageOf(context, id)
  if (lineage === undefined) throw new Error(`Decision ${id} is gone in the middle of a read.`)
  const now = context.clock.now()
  desk.answer(lineage, () => lineageLines(desk.out, lineage, now, terminalWidth()))
  return 0
}

function decisionLines(out: Out, decision: DecisionView, now: string): string[] {
  const { id, text, status, superseded_by, saved_at, session_id } = decision
  const width = terminalWidth()
  const mark =
    status === 'in_force'
      ? ''
      : status === 'forgotten'
        ? 'forgotten'
        : `superseded by ${superseded_by.map(shortId).join(' and ')}`
  const title = [
    { text: text === null ? '' : oneLine(text.title), look: 'bold' },
    { text: text === null || mark === '' ? mark : ` · ${mark}`, look: 'yellow' },
  ] as const
  const head = titled(out, { text: shortId(id), look: [] }, title, width)
  if (text === null) return head
  return [
    ...head,
    ...paragraph(text.rationale, '  ', width),
    ...smallPrint(
      out,
      [
        `${oneLine(text.owner)}, ${text.date}`,
        text.confidence === 1 ? null : `confidence ${text.confidence}`,
        ago(saved_at, now),
        session_id === null ? 'outside any session' : `session ${session_id}`,
      ],
      '  ',
      width,
    ),
  ]
}
