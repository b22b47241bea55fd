import * as z from 'zod'
import type { LedgerReader } from '../../ports/ledger.ts'
import { change } from '../call.ts'
import { operation } from '../operation.ts'
import { idText, longText, WRITES_ONCE, whichSession } from '../shapes.ts'

/** Tasks that one call may add. */
const MAX_TASKS = 500

export const taskAdd = operation({
  name: 'task_add',
  title: 'Add tasks',
  toolset: 'task',
  summary: "Put tasks into the project's ledger. A task that is known already stays as it is.",
  input: z.strictObject({
    tasks: z
      .array(z.strictObject({ task_id: idText, title: longText }))
      .min(1)
      .max(MAX_TASKS),
    ...whichSession,
  }),
  output: z.object({ added: z.array(z.string()), already_known: z.array(z.string()) }),
  annotations: WRITES_ONCE,
  async run(context, { session_id, tasks }) {
    const known = new Set<string>()
    const command = async (_state: unknown, book: LedgerReader) => {
      const there = await book.tasksById(tasks.map(({ task_id }) => task_id))
      const added = new Map<string, { task_id: string; title: string }>()
      for (const task of tasks) {
        if (there.get(task.task_id)?.title != null || added.has(task.task_id)) known.add(task.task_id)
        else added.set(task.task_id, task)
      }
      return { kind: 'add_tasks' as const, tasks: [...added.values()] }
    }
    return await change(context, { session_id, command }, async (_state, _book, events) => ({
      added: events.flatMap((event) => (event.type === 'task.added' ? [event.data.task_id] : [])),
      already_known: [...known],
    }))
  },
})
