import * as z from 'zod'
import { sessionRow } from '../../domain/session/view.ts'
import { operation } from '../operation.ts'
import { count, idText, READS, sessionStatusShape } from '../shapes.ts'
import { isLeased } from '../view.ts'

const time = z.iso.datetime({ offset: true })

export const sessionList = operation({
  name: 'session_list',
  title: 'List sessions',
  toolset: 'session',
  summary:
    'Past and present sessions of the project, newest first, a short row each. next_cursor, where it is not null, gives the next page.',
  input: z.strictObject({
    status: sessionStatusShape.optional(),
    since: time.optional(),
    until: time.optional(),
    slot: idText.optional(),
    limit: z.int().min(1).max(100).optional(),
    cursor: idText.optional(),
  }),
  output: z.object({
    sessions: z.array(
      z.object({
        session_id: z.string(),
        session_type: z.enum(['autonomous', 'manual']),
        slot: z.string(),
        workflow: z.string().nullable(),
        status: sessionStatusShape,
        active: z.boolean(),
        start_time: z.string(),
        end_time: z.string().nullable(),
        end_reason: z.string().nullable(),
        tasks_completed: count,
        tasks_failed: count,
        tasks_skipped: count,
        turns: count,
        cost_usd: z.number().nullable(),
        cost_is_estimated: z.boolean(),
        turns_without_cost: count,
      }),
    ),
    next_cursor: z.string().nullable(),
  }),
  annotations: READS,
  async run({ ledger }, { cursor, limit = 20, since, until, ...only }) {
    return await ledger.read(async (book) => {
      const filter = { ...only, since: utc(since), until: utc(until), limit: limit + 1, before: cursor }
      const found = await book.sessions(filter)
      const page = found.slice(0, limit)
      const sessions: ReturnType<typeof sessionRow>[] = []
      for (const state of page) sessions.push(sessionRow(state, await isLeased(book, state)))
      return { sessions, next_cursor: found.length > limit ? (page.at(-1)?.session_id ?? null) : null }
    })
  },
})

function utc(time: string | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString()
}
