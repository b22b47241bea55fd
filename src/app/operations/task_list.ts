import * as z from 'zod'
import { TASK_STATUSES } from '../../domain/task.ts'
import { operation } from '../operation.ts'
import { count, READS } from '../shapes.ts'

/** Tasks in one answer; `total` says how many there are. */
const LISTED = 200

export const taskList = operation({
  name: 'task_list',
  title: 'List tasks',
  toolset: 'task',
  summary: "The project's tasks: those in progress first, then to do, then done. Needs no session.",
  input: z.strictObject({ status: z.enum(TASK_STATUSES).optional() }),
  output: z.object({
    tasks: z.array(
      z.object({
        task_id: z.string(),
        title: z.string().nullable(),
        status: z.enum(TASK_STATUSES),
        session_id: z.string(),
        updated_at: z.string(),
      }),
    ),
    total: count,
    truncated: z.boolean(),
  }),
  annotations: READS,
  async run({ ledger }, { status }) {
    const { tasks, total } = await ledger.read((book) => book.tasks({ status, limit: LISTED }))
    return { tasks, total, truncated: total > tasks.length }
  },
})
