import * as z from 'zod'
import { type Saved, saveLearnings } from '../memory/save.ts'
import {
  asked,
  decisionInput,
  MAX_ENTRIES,
  orElse,
  patternInput,
  saveResult,
  summaryInput,
  whichPlace,
  withKey,
} from '../memory/shapes.ts'
import { operation } from '../operation.ts'
import { WRITES } from '../shapes.ts'

export const storeSessionWithLearnings = operation({
  name: 'store_session_with_learnings',
  title: 'Save a session with all that it taught',
  toolset: 'memory',
  summary:
    'At the end of a session: save its summary, decisions and patterns in one step, each linked to the summary. Results come in the order given; overall is partial when one failed. Retry with the same idempotency_key. One governance_token covers all global items.',
  input: z.strictObject({
    session: summaryInput,
    decisions: orElse(z.array(decisionInput).max(MAX_ENTRIES), []),
    patterns: orElse(z.array(patternInput).max(MAX_ENTRIES), []),
    ...whichPlace,
    ...withKey,
  }),
  verbatim: ['governance_token', 'idempotency_key'],
  output: z.object({
    session: saveResult,
    decisions: z.array(saveResult),
    patterns: z.array(saveResult),
    overall: z.enum(['saved', 'partial', 'failed', 'blocked_scope']),
  }),
  annotations: WRITES,
  async run(context, input) {
    const { session, decisions, patterns } = input
    const saved = await saveLearnings(context, { ...asked(input), summary: session, decisions, patterns })
    if (saved.summary === null) throw new Error('A summary was given and has no result.')
    const results = { session: saved.summary, decisions: [...saved.decisions], patterns: [...saved.patterns] }
    return { ...results, overall: overallOf(saved) }
  },
})

/** One word for the whole batch; never `saved` when something was not. */
function overallOf({ summary, decisions, patterns }: Saved): 'saved' | 'partial' | 'failed' | 'blocked_scope' {
  const all = [...(summary === null ? [] : [summary]), ...decisions, ...patterns].map(({ status }) => status)
  if (all.every((status) => status === 'saved')) return 'saved'
  if (all.every((status) => status === 'blocked_scope')) return 'blocked_scope'
  // What is only put off is no failure yet, even where nothing at all was saved.
  return all.includes('saved') || all.includes('pending_retry') ? 'partial' : 'failed'
}
