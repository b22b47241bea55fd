import * as z from 'zod'
import { change } from '../call.ts'
import { operation } from '../operation.ts'
import { count, sessionShape, shortText, WRITES_ONCE, whichSession } from '../shapes.ts'
import { describe } from '../view.ts'

export const sessionUpdate = operation({
  name: 'session_update',
  title: 'Change a session',
  toolset: 'session',
  summary:
    'Report what you do: the task you start ("" for none), pause, resume or stop, failed and skipped totals (never lower than before). Only what you send changes. Too many failures in a row pause the session; status running lifts that. Gives the full state.',
  input: z.strictObject({
    current_task_id: shortText.optional(),
    status: z.enum(['running', 'paused', 'stopped']).optional(),
    auth_method: z.enum(['claude_pro', 'api_key']).optional(),
    tasks_failed: count.optional(),
    tasks_skipped: count.optional(),
    consecutive_failures: count.optional(),
    ...whichSession,
  }),
  output: sessionShape,
  annotations: WRITES_ONCE,
  async run(context, { session_id, ...changes }) {
    return await change(context, { session_id, command: { kind: 'update', changes } }, (state, book) =>
      describe(book, state),
    )
  },
})
