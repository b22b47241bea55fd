import * as z from 'zod'
import { operation } from '../operation.ts'
import { sessionToRead } from '../resolve.ts'
import { READS, sessionShape, whichSession } from '../shapes.ts'
import { describe } from '../view.ts'

export const sessionGetState = operation({
  name: 'session_get_state',
  title: 'State of a session',
  toolset: 'session',
  summary:
    'Everything about the session now: status, current task, counters, circuit, turns, tokens, cost, the last 5 errors and 20 tasks. After a stop it gives the last session of the slot with active false. Changes nothing.',
  input: z.strictObject(whichSession),
  output: sessionShape,
  annotations: READS,
  async run({ ledger, connection }, input) {
    return await ledger.read(async (book) => describe(book, await sessionToRead(book, connection, input.session_id)))
  },
})
