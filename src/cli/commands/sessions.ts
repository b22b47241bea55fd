import { Option } from 'commander'
import { perform } from '../../app/operation.ts'
import { sessionList } from '../../app/operations/session_list.ts'
import type { Cli } from '../command.ts'
import { lasting, money, when } from '../format.ts'
import { moment, wholeNumber } from '../options.ts'
import { statusWord } from '../phrases.ts'
import { oneLine, table } from '../text.ts'

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
    const page = await perform(sessionList, context, Object.fromEntries(given))
    desk.answer(page, () => {
      const { out } = desk
      if (page.sessions.length === 0) return ['No sessions.']
      const now = context.clock.now()
      const rows = page.sessions.map((session) => [
        session.session_id,
        statusWord(out, session.status),
        oneLine(session.slot),
        when(session.start_time),
        lasting(session.start_time, session.end_time ?? now),
        String(session.tasks_completed),
        String(session.tasks_failed),
        String(session.tasks_skipped),
        String(session.turns),
        (session.cost_usd !== null && session.turns_without_cost > 0 ? '≥ ' : '') +
          money(session.cost_usd, session.cost_is_estimated),
      ])
      const [titles = '', ...lines] = table(COLUMNS, rows)
      const more = page.next_cursor === null ? [] : ['', `More: rutter sessions --cursor ${page.next_cursor}`]
      return [out.paint('bold', titles), ...lines, ...more]
    })
    return 0
  })
}

const COLUMNS = [
  { title: 'session' },
  { title: 'status' },
  { title: 'slot' },
  { title: 'started' },
  { title: 'lasted', align: 'right' },
  { title: 'done', align: 'right' },
  { title: 'failed', align: 'right' },
  { title: 'skipped', align: 'right' },
  { title: 'turns', align: 'right' },
  { title: 'cost', align: 'right' },
] as const
