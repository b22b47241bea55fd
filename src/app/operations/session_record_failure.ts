import * as z from 'zod'
import { change } from '../call.ts'
import { operation } from '../operation.ts'
import {
  circuitShape,
  count,
  idText,
  longText,
  sessionStatusShape,
  shortText,
  WRITES,
  whichSession,
} from '../shapes.ts'

export const sessionRecordFailure = operation({
  name: 'session_record_failure',
  title: 'Count a failed or skipped task',
  toolset: 'session',
  summary:
    'Count a task as failed or skipped and keep the error, in one step. Failures in a row beyond the threshold open the circuit and pause the session; the answer says so.',
  input: z.strictObject({
    outcome: z.enum(['failed', 'skipped']),
    error: z.strictObject({ message: longText, kind: shortText.optional(), detail: longText.optional() }),
    task_id: idText.optional(),
    ...whichSession,
  }),
  output: z.object({
    session_id: z.string(),
    outcome: z.enum(['failed', 'skipped']),
    tasks_failed: count,
    tasks_skipped: count,
    consecutive_failures: count,
    status: sessionStatusShape,
    circuit: circuitShape,
  }),
  annotations: WRITES,
  async run(context, { session_id, outcome, error, task_id }) {
    const details = { message: error.message, kind: error.kind ?? null, detail: error.detail ?? null }
    const command = { kind: 'record_failure', outcome, error: details, task_id: task_id ?? null } as const
    return await change(context, { session_id, command }, async (state) => ({
      session_id: state.session_id,
      outcome,
      tasks_failed: state.tasks_failed,
      tasks_skipped: state.tasks_skipped,
      consecutive_failures: state.consecutive_failures,
      status: state.status,
      circuit: state.circuit,
    }))
  },
})
