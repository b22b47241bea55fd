import * as z from 'zod'
import { Refusal } from '../../domain/refusal.ts'
import { nearestIds, TASK_STATUSES, type Task } from '../../domain/task.ts'
import type { LedgerReader } from '../../ports/ledger.ts'
import { change } from '../call.ts'
import { operation } from '../operation.ts'
import { idText, longText, WRITES_ONCE, whichSession } from '../shapes.ts'

export const taskMarkDone = operation({
  name: 'task_mark_done',
  title: 'Mark a task done',
  toolset: 'task',
  summary:
    "Mark a task as done in the project's ledger. Doing it twice is fine. Never touches the session's counters: pair it with session_increment_completed. An id that nobody added or started is refused with the nearest ones.",
  input: z.strictObject({ task_id: idText, note: longText.optional(), ...whichSession }),
  output: z.object({
    task_id: z.string(),
    old_status: z.enum(TASK_STATUSES),
    new_status: z.literal('done'),
    already_done: z.boolean(),
  }),
  annotations: WRITES_ONCE,
  async run(context, { session_id, task_id, note }) {
    let task: Task | undefined
    const command = async (_state: unknown, book: LedgerReader) => {
      task = await knownTask(book, task_id)
      return { kind: 'mark_task_done' as const, task_id, note: note ?? null, already_done: task.status === 'done' }
    }
    return await change(context, { session_id, command }, async () => {
      const oldStatus = task?.status ?? 'todo'
      return { task_id, old_status: oldStatus, new_status: 'done' as const, already_done: oldStatus === 'done' }
    })
  },
})

async function knownTask(book: LedgerReader, taskId: string): Promise<Task> {
  const task = await book.task(taskId)
  if (task !== undefined) return task
  const nearest = nearestIds(taskId, await book.taskIds())
  throw new Refusal('task_not_found', `No task "${taskId}" is known in this project; nothing was changed.`, {
    hint:
      nearest.length === 0
        ? 'A task is known once task_add has added it or session_update has made it current.'
        : `Did you mean ${nearest.map((id) => `"${id}"`).join(', ')}? Otherwise add it with task_add.`,
    details: { task_id: taskId, nearest },
  })
}
