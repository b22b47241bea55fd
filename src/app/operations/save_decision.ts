import * as z from 'zod'
import { saveLearnings } from '../memory/save.ts'
import { asked, decisionInput, saveResult, whichPlace } from '../memory/shapes.ts'
import { operation } from '../operation.ts'
import { WRITES_ONCE } from '../shapes.ts'

export const saveDecision = operation({
  name: 'save_decision',
  title: 'Save a decision',
  toolset: 'memory',
  summary:
    'Keep a decision with its reason. The same again is a duplicate_skip; one nearly the same supersedes the old; one half alike waits as manual_review (status failed, text kept). Name what it replaces with supersedes. Global scope needs a governance_token.',
  input: z.strictObject({
    decision: decisionInput,
    ...whichPlace,
  }),
  verbatim: ['governance_token'],
  output: saveResult,
  annotations: WRITES_ONCE,
  async run(context, input) {
    const { decisions } = await saveLearnings(context, { ...asked(input), decisions: [input.decision] })
    const [result] = decisions
    if (result === undefined) throw new Error('A decision was given and has no result.')
    return result
  },
})
