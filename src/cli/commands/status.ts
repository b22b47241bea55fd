import { type BookStatus, type SlotStatus, statusOf } from '../../app/operator/status.ts'
import type { Cli } from '../command.ts'
import type { Desk } from '../desk.ts'
import { ago, lasting } from '../format.ts'
import { paragraph } from '../memory-text.ts'
import { standing, taskFigures } from '../phrases.ts'
import { remoteLines } from '../remote-text.ts'
import { terminalWidth } from '../terminal.ts'
import { oneLine, plural } from '../text.ts'

/** `rutter status`: who holds which slot, and what goes on there. */
export function registerStatus(cli: Cli): void {
  const command = cli.command('status', {
    summary: 'what runs now: slots, sessions, whispers that wait',
    examples: ['rutter status', 'rutter status --json | jq .slots'],
  })
  cli.action<[], object>(command, async (desk) => {
    const context = desk.operator()
    const status = await statusOf(context)
    const now = context.clock.now()
    const { store = null } = desk.whereIfShared
    const remote = await desk.remoteStatus()
    const result = {
      ...{ ...status, root: desk.place.root, book: desk.place.bot, ...desk.whereIfShared },
      ...(remote === null ? {} : { remote }),
    }
    desk.answer(result, () => [
      `Project ${desk.out.paint('bold', status.project_id)} in ${oneLine(desk.place.root)}${store === null ? '' : `, kept at ${oneLine(store)}`}`,
      ...(remote === null ? [] : remoteLines(desk, remote, now)),
      ...(status.slots.length === 0 ? ['', ...idle(status, now)] : []),
      ...status.slots.flatMap((slot) => ['', ...slotLines(desk, slot, now)]),
    ])
    return 0
  })
}

function idle({ last_session: last }: BookStatus, now: string): string[] {
  if (last === null) return ['No session yet. An agent begins one with session_initialize; a command with rutter run.']
  const ended = last.end_time === null ? 'runs elsewhere or was left behind' : `ended ${ago(last.end_time, now)}`
  return [`No session is live here. The last one, ${last.session_id}, ${ended}: rutter show ${last.session_id}`]
}

function slotLines({ out }: Desk, slot: SlotStatus, now: string): string[] {
  const { session, heartbeat, holder } = slot
  const process = `process ${holder.pid} on ${oneLine(holder.host)}`
  const held =
    slot.held === 'held'
      ? `held by ${process} for ${lasting(slot.locked_at, now)}`
      : `${out.paint('yellow', 'orphan')}: ${process} ${slot.gone === 'process_gone' ? 'no longer runs' : 'let its lease run out'}; rutter doctor --fix ends it`
  const lines = [`${out.paint('bold', `Slot ${slot.slot}`)}: session ${slot.session_id}`, `  ${held}`]
  if (session === null) return [...lines, '  no record of this session is here']
  const { circuit } = session
  lines.push(
    `  ${standing(out, { ...session, gone: slot.gone })}`,
    `  ${session.current_task_id === null ? 'no task' : `at task ${out.paint('cyan', oneLine(session.current_task_id))}`} · ${taskFigures(session)}`,
    circuit.state === 'open'
      ? `  ${out.paint('red', 'circuit open')} for ${lasting(circuit.opened_at ?? now, now)}: ${plural(session.consecutive_failures, 'failure')} in a row; rutter resume ${slot.session_id} closes it`
      : `  circuit closed, ${plural(session.consecutive_failures, 'failure')} in a row (more than ${circuit.threshold} open it)`,
    ...said(
      heartbeat === null
        ? 'no heartbeat yet'
        : `heartbeat ${ago(heartbeat.at, now)}: ${heartbeat.status}${heartbeat.next_action === null ? '' : ` · next: ${heartbeat.next_action}`}`,
    ),
    ...slot.whispers_waiting.flatMap((whisper) =>
      said(`whisper waits for ${lasting(whisper.timestamp, now)} (${whisper.priority}): ${whisper.instruction}`),
    ),
  )
  if (slot.whispers_unacknowledged > 0) {
    lines.push(`  ${plural(slot.whispers_unacknowledged, 'whisper')} delivered and not yet acknowledged`)
  }
  return lines
}

/** What somebody wrote, as wide as the terminal, its further lines indented. */
function said(text: string): string[] {
  return paragraph(text, '    ', terminalWidth()).map((line, i) => (i === 0 ? line.slice(2) : line))
}
