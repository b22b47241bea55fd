import * as z from 'zod'
import { statistics } from '../../domain/session/statistics.ts'
import { operation } from '../operation.ts'
import { sessionToRead } from '../resolve.ts'
import { count, READS, sessionStatusShape, usageShape, whichSession } from '../shapes.ts'

const minutes = z.number().min(0)
const percent = z.number().min(0).max(100)

export const sessionGetStats = operation({
  name: 'session_get_stats',
  title: 'Figures of a session',
  toolset: 'session',
  summary:
    'The figures of a session: minutes run and active, completion, failure and skip rates in percent, tokens and cost in all and by model, and whether the tasks counted agree with those marked done. Changes nothing.',
  input: z.strictObject(whichSession),
  output: z.object({
    session_id: z.string(),
    status: sessionStatusShape,
    runtime_minutes: minutes,
    active_minutes: minutes,
    tasks_completed: count,
    tasks_failed: count,
    tasks_skipped: count,
    total_processed: count,
    completion_rate: percent,
    failure_rate: percent,
    skip_rate: percent,
    avg_minutes_per_task: minutes,
    ...usageShape,
    turns_without_cost: count,
    by_model: z.array(
      z.object({
        provider: z.string().nullable(),
        model: z.string().nullable(),
        ...usageShape,
        turns_without_cost: count,
      }),
    ),
    sync: z.object({
      in_sync: z.boolean(),
      tasks_completed: count,
      tasks_marked_done: count,
      unmatched_task_ids: z.array(z.string()),
      unmatched_count: count,
    }),
    summary: z.string(),
  }),
  annotations: READS,
  async run({ ledger, connection, clock }, input) {
    return await ledger.read(async (book) => {
      const state = await sessionToRead(book, connection, input.session_id)
      return statistics(state, await book.taskSync(state.session_id), clock.now())
    })
  },
})
