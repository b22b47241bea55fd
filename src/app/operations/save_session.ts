import * as z from 'zod'
import { saveLearnings } from '../memory/save.ts'
import { asked, saveResult, summaryInput, whichFocus, whichProject, whichRun, withKey } from '../memory/shapes.ts'
import { operation } from '../operation.ts'
import { WRITES } from '../shapes.ts'

export const saveSession = operation({
  name: 'save_session',
  title: 'Save a session summary',
  toolset: 'memory',
  summary:
    'Keep a summary of this session for whoever goes on: objective, what was done and decided, what is open, what comes next. Linked to the live session. Never deduplicated; the same idempotency_key gives the same artifact. With decisions or patterns, use store_session_with_learnings.',
  input: z.strictObject({
    session: summaryInput,
    ...whichProject,
    ...whichFocus,
    ...whichRun,
    ...withKey,
  }),
  verbatim: ['idempotency_key'],
  output: saveResult,
  annotations: WRITES,
  async run(context, input) {
    const { summary } = await saveLearnings(context, { ...asked(input), summary: input.session })
    if (summary === null) throw new Error('A summary was given and has no result.')
    return summary
  },
})
