import { perform } from '../../app/operation.ts'
import { sessionGetState } from '../../app/operations/session_get_state.ts'
import { sessionGetStats } from '../../app/operations/session_get_stats.ts'
import { sessionMeant } from '../../app/operator/current.ts'
import { leftBehind } from '../../app/operator/status.ts'
import type { Cli } from '../command.ts'
import { grouped, money } from '../format.ts'
import { standing, withGone } from '../phrases.ts'
import { facts, oneLine, plural, table } from '../text.ts'

/** `rutter stats`: the figures of a session. */
export function registerStats(cli: Cli): void {
  const command = cli
    .command('stats', {
      summary: 'the figures of a session: rates, minutes, tokens, cost by model',
      examples: ['rutter stats', 'rutter stats 2026-11-21T22-23-05Z-0ak3f9 --json'],
    })
    .argument('[id]', 'the session, or the beginning of its id; the current one, or the last, when it is left out')
  cli.action<[string | undefined], object>(command, async (desk, [id]) => {
    const context = desk.operator()
    const figures = await perform(sessionGetStats, context, { session_id: await sessionMeant(context, id) })
    const { out } = desk
    const { active, end_time } = await perform(sessionGetState, context, { session_id: figures.session_id })
    const stats = withGone(figures, await leftBehind(context))
    desk.answer(stats, () => [
      out.paint('bold', `Session ${stats.session_id}`),
      ...facts([
        ['status', standing(out, { ...stats, active, end_time })],
        ['ran', `${stats.runtime_minutes} min, ${stats.active_minutes} of them active`],
        ['tasks', `${stats.total_processed} processed, ${stats.avg_minutes_per_task} min each on average`],
        ['rates', `${stats.completion_rate}% completed, ${stats.failure_rate}% failed, ${stats.skip_rate}% skipped`],
        ['tokens', stats.tokens === null ? null : grouped(stats.tokens.total)],
        ['cost', costPhrase(stats)],
        ['completed', `${stats.sync.tasks_completed} counted, ${stats.sync.tasks_marked_done} marked done`],
        [
          'only one of both',
          stats.sync.unmatched_count === 0 ? null : oneLine(stats.sync.unmatched_task_ids.join(', ')),
        ],
      ]),
      ...modelLines(stats.by_model),
    ])
    return 0
  })
}

type Usage = Pick<
  Awaited<ReturnType<typeof sessionGetStats.run>>,
  'cost_usd' | 'cost_is_estimated' | 'turns_without_cost'
>

/** The cost as far as it is known, and how far that is. */
export function costPhrase(usage: Usage): string | null {
  if (usage.cost_usd === null) return null
  const bound =
    usage.turns_without_cost === 0 ? '' : `, without ${plural(usage.turns_without_cost, 'turn')} whose cost is unknown`
  return `${money(usage.cost_usd, usage.cost_is_estimated)}${usage.cost_is_estimated ? ' (estimated from list prices)' : ''}${bound}`
}

/** A table of what each model used, narrow enough for most terminals: who provides a model is told where its name does not tell. */
export function modelLines(models: Awaited<ReturnType<typeof sessionGetStats.run>>['by_model']): string[] {
  if (models.length === 0) return []
  const isAmbiguous = (name: string | null) => models.filter(({ model }) => model === name).length > 1
  const rows = models.map((m) => [
    oneLine(`${isAmbiguous(m.model) ? (m.provider ?? '') : ''} ${m.model ?? '(no name)'}`),
    String(m.turns),
    ...(m.tokens === null
      ? ['?', '?', '?', '?']
      : [m.tokens.input, m.tokens.cache_read, m.tokens.cache_write, m.tokens.output].map(grouped)),
    money(m.cost_usd, m.cost_is_estimated),
  ])
  return ['', ...table(COLUMNS, rows).map((line) => `  ${line}`)]
}

const COLUMNS = [
  { title: 'model' },
  { title: 'turns', align: 'right' },
  { title: 'input', align: 'right' },
  { title: 'cached', align: 'right' },
  { title: 'to cache', align: 'right' },
  { title: 'output', align: 'right' },
  { title: 'cost', align: 'right' },
] as const
