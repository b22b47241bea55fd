import { sessionMeant } from '../../app/operator/current.ts'
import { leftBehind } from '../../app/operator/status.ts'
import { reportOf, type SessionReport } from '../../app/report.ts'
import type { RecordedEvent } from '../../domain/event.ts'
import type { SessionCommand } from '../../domain/session/commands.ts'
import type { Cli } from '../command.ts'
import { grouped, lasting, when } from '../format.ts'
import { shortId } from '../memory-text.ts'
import { wholeNumber } from '../options.ts'
import type { Out } from '../out.ts'
import { type Standing, standing, taskFigures, withGone } from '../phrases.ts'
import { terminalWidth } from '../terminal.ts'
import { facts, oneLine } from '../text.ts'
import { timelineLines } from '../timeline.ts'
import { wrapPieces } from '../wrap.ts'
import { costPhrase, modelLines } from './stats.ts'

type CommandEnd = NonNullable<Extract<SessionCommand, { kind: 'end' }>['command']>

/** Lines of a timeline that are shown unless more are asked for. */
const LINES = 200

/** `rutter show`: a run as a report. */
export function registerShow(cli: Cli): void {
  const command = cli
    .command('show', {
      summary: 'a run as a report: figures, models, what was learned, timeline',
      examples: ['rutter show', 'rutter show 2026-11-21T22-23-05Z-0ak3f9 --lines 50'],
    })
    .argument('[id]', 'the session, or the beginning of its id; the current one, or the last, when it is left out')
    .option('--lines <count>', 'how many lines of the timeline, from its end', wholeNumber(0, 1_000_000), LINES)
  cli.action<[string | undefined], { lines: number }>(command, async (desk, [id], { lines }) => {
    const context = desk.operator()
    const { session, ...rest } = await reportOf(context, await sessionMeant(context, id))
    const report = { session: withGone(session, await leftBehind(context)), ...rest }
    desk.answer(report, () => reportLines(desk.out, report, lines))
    return 0
  })
}

type Report = SessionReport & { readonly session: Standing }

function reportLines(out: Out, report: Report, most: number): string[] {
  const { session, statistics: stats, events, learned } = report
  const timeline = timelineOf(out, events)
  const shown = most === 0 ? [] : timeline.slice(-most)
  const left = timeline.length - shown.length
  const ended = session.end_reason === null ? '' : ` (${session.end_reason.replaceAll('_', ' ')})`
  return [
    out.paint('bold', `Session ${session.session_id}`),
    ...facts([
      ['status', `${standing(out, session)}${ended}`],
      ['slot', `${oneLine(session.slot)}${session.workflow === null ? '' : `, workflow ${oneLine(session.workflow)}`}`],
      ['type', session.session_type],
      ['started', when(session.start_time)],
      [
        'ended',
        session.end_time === null
          ? null
          : `${when(session.end_time)}, after ${lasting(session.start_time, session.end_time)}`,
      ],
      ['at task', session.current_task_id === null ? null : oneLine(session.current_task_id)],
      ['tasks', `${taskFigures(session)} (${stats.completion_rate}% completed)`],
      ['circuit', session.circuit.state === 'open' ? out.paint('red', 'open') : 'closed'],
      ['turns', `${stats.turns}${stats.tokens === null ? '' : `, ${grouped(stats.tokens.total)} tokens`}`],
      ['cost', costPhrase(stats)],
    ]),
    ...modelLines(stats.by_model),
    ...commandLines(out, events),
    ...learnedLines(out, learned),
    ...(shown.length === 0 ? [] : ['', out.paint('bold', 'Timeline (UTC)')]),
    ...(left > 0 && shown.length > 0 ? [`  (${left} earlier lines; --lines ${timeline.length} shows all)`] : []),
    ...shown.flat(),
  ]
}

/** What the session saved, each with what became of it; what waits for somebody can be told by its colour. */
function learnedLines(out: Out, learned: SessionReport['learned']): string[] {
  if (learned.length === 0) return []
  const width = terminalWidth()
  const told = learned.flatMap(({ kind, id, title, said, outcome }) => {
    const colour = outcome === 'manual_review' ? 'yellow' : 'blue'
    const head = `  ${out.paint(colour, kind.padEnd(KIND_WIDTH))}  ${shortId(id).padEnd(ID_WIDTH)}  `
    const pieces = [
      { text: oneLine(title ?? '(forgotten)'), look: [] },
      { text: said === '' ? '' : ` · ${oneLine(said)}`, look: ['gray' as const] },
    ]
    const indent = KIND_WIDTH + ID_WIDTH + 6
    return wrapPieces(pieces, width === null ? null : width - indent).map((line, i) => {
      const text = line.map((piece) => out.paint(piece.look, piece.text)).join('')
      return (i === 0 ? head : ' '.repeat(indent)) + text
    })
  })
  return ['', out.paint('bold', 'Learned'), ...told]
}

/** Columns of the longest kind, and of the longest short id. */
const KIND_WIDTH = 8
const ID_WIDTH = 13

/** What became of the command, where the session was one of `rutter run`. */
function commandLines(out: Out, events: readonly RecordedEvent[]): string[] {
  const end = events.find(({ type }) => type === 'session.ended')?.data as { command?: CommandEnd | null } | undefined
  const command = end?.command
  if (command === undefined || command === null) return []
  const how = command.signal === null ? `exit status ${command.exit_code}` : `ended by ${command.signal}`
  return [
    '',
    `${out.paint('bold', 'Command')} ${oneLine(command.argv.join(' '))}: ${how}`,
    ...command.output_tail.map((line) => `  | ${oneLine(line)}`),
  ]
}

/** The lines of each event, and of each day after the first. */
function timelineOf(out: Out, events: readonly RecordedEvent[]): string[][] {
  const width = terminalWidth()
  const entries: string[][] = []
  let day: string | null = null
  for (const event of events) {
    const lines = timelineLines(out, event, '  ', width)
    if (lines.length === 0) continue
    const date = event.at.slice(0, 10)
    if (day !== null && day !== date) entries.push([`  ${date}`])
    day = date
    entries.push(lines)
  }
  return entries
}
