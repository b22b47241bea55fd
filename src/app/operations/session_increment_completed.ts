import * as z from 'zod'
import { change } from '../call.ts'
import { operation } from '../operation.ts'
import { count, WRITES, whichSession } from '../shapes.ts'

export const sessionIncrementCompleted = operation({
  name: 'session_increment_completed',
  title: 'Count a completed task',
  toolset: 'session',
  summary:
    'Count the current task as completed: adds exactly one and sets consecutive_failures to 0. Call it once for each task, and task_mark_done with it.',
  input: z.strictObject(whichSession),
  output: z.object({ session_id: z.string(), tasks_completed: count, consecutive_failures: count }),
  annotations: WRITES,
  async run(context, { session_id }) {
    return await change(context, { session_id, command: { kind: 'complete_task' } }, async (state) => ({
      session_id: state.session_id,
      tasks_completed: state.tasks_completed,
      consecutive_failures: state.consecutive_failures,
    }))
  },
})
