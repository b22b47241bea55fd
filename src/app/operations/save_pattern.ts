import * as z from 'zod'
import { saveLearnings } from '../memory/save.ts'
import { asked, patternInput, saveResult, whichPlace } from '../memory/shapes.ts'
import { operation } from '../operation.ts'
import { WRITES_ONCE } from '../shapes.ts'

export const savePattern = operation({
  name: 'save_pattern',
  title: 'Save a pattern',
  toolset: 'memory',
  summary:
    'Keep a way of working that proved itself: when it applies, its steps, when not. The same trigger and steps again give the existing id and advance last_validated_at. Global scope needs a governance_token.',
  input: z.strictObject({
    pattern: patternInput,
    ...whichPlace,
  }),
  verbatim: ['governance_token'],
  output: saveResult,
  annotations: WRITES_ONCE,
  async run(context, input) {
    const { patterns } = await saveLearnings(context, { ...asked(input), patterns: [input.pattern] })
    const [result] = patterns
    if (result === undefined) throw new Error('A pattern was given and has no result.')
    return result
  },
})
