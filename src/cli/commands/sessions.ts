import { Option } from 'commander'
import { perform } from '../../app/operation.ts'
import { sessionList } from '../../app/operations/session_list.ts'
import { leftBehind } from '../../app/operator/status.ts'
import type { Cli } from '../command.ts'
import { ago, lasting, money } from '../format.ts'
import { smallPrint } from '../memory-text.ts'
import { moment, wholeNumber } from '../options.ts'
import type { Out } from '../out.ts'
import { type Standing, standing, taskFigures, withGone } from '../phrases.ts'
import { terminalWidth } from '../terminal.ts'
import { oneLine, plural } from '../text.ts'

interface Options {
  status?: string
  slot?: string
  since?: string
  until?: string
  limit: number
  cursor?: string
}

const STATUSES = ['running', 'paused', 'stopped', 'interrupted']

/** `rutter sessions`: a page of the list of sessions. */
export function registerSessions(cli: Cli): void {
  const command = cli
    .command('sessions', {
      summary: 'list sessions, newest first',
      examples: [
        'rutter sessions --since 7d',
        'rutter sessions --status interrupted --slot reviews',
        'rutter sessions --json',
      ],
    })
    .addOption(new Option('--status <status>', 'only those that stand so').choices(STATUSES))
    .option('--slot <slot>', 'only those of this slot')
    .option('--since <time>', 'only those that started then or later: a date, a time, or 12h, 7d ...', moment)
    .option('--until <time>', 'only those that started then or earlier', moment)
    .option('--limit <count>', 'how many to list', wholeNumber(1, 100), 20)
    .option('--cursor <cursor>', 'go on after this, as the page before says')
  cli.action<[], Options>(command, async (desk, _args, { status, slot, since, until, limit, cursor }) => {
    const context = desk.operator()
    const given = Object.entries({ status, slot, since, until, limit, cursor }).filter(
      ([, value]) => value !== undefined,
    )
    const { sessions, next_cursor } = await perform(sessionList, context, Object.fromEntries(given))
    const gone = await leftBehind(context)
    const page = { sessions: sessions.map((session) => withGone(session, gone)), next_cursor }
    const now = context.clock.now()
    desk.answer(page, () => [
      ...(sessions.length === 0 ? ['No sessions.'] : page.sessions.flatMap((row) => sessionLines(desk.out, row, now))),
      ...(next_cursor === null ? [] : ['', `More: rutter sessions --cursor ${next_cursor}`]),
    ])
    return 0
  })
}

type Row = Awaited<ReturnType<typeof sessionList.run>>['sessions'][number] & Standing

function sessionLines(out: Out, session: Row, now: string): string[] {
  const { session_id, slot, workflow, start_time, end_time, turns, cost_usd, cost_is_estimated } = session
  const bound = cost_usd !== null && session.turns_without_cost > 0 ? '≥ ' : ''
  return [
    `${out.paint('bold', session_id)}  ${standing(out, session)}`,
    ...smallPrint(
      out,
      [
        `slot ${oneLine(slot)}`,
        workflow === null ? null : oneLine(workflow),
        `${end_time === null ? 'began' : 'lasted'} ${end_time === null ? ago(start_time, now) : lasting(start_time, end_time)}`,
        taskFigures(session),
        plural(turns, 'turn'),
        cost_usd === null ? null : bound + money(cost_usd, cost_is_estimated),
      ],
      '  ',
      terminalWidth(),
    ),
  ]
}
