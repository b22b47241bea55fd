import * as z from 'zod'
import { brief } from '../memory/brief.ts'
import { LEAST_TOKENS, MOST_TOKENS } from '../memory/brief-fit.ts'
import { BRIEF_KINDS, briefShape } from '../memory/brief-shape.ts'
import { DEFAULT_ITEMS, MOST_ITEMS } from '../memory/brief-sources.ts'
import { scope, whichFocus, whichProject } from '../memory/shapes.ts'
import { operation } from '../operation.ts'
import { longText, READS } from '../shapes.ts'

/** Also by the labels that graphs of memories give them: `Decision`, `Pattern`, `Session`. */
const category = z.preprocess((named) => {
  const lower = typeof named === 'string' ? named.toLowerCase() : named
  return lower === 'session' ? 'summary' : lower
}, z.enum(BRIEF_KINDS))

export const retrieveContext = operation({
  name: 'retrieve_context',
  title: 'Read what is known',
  toolset: 'memory',
  summary:
    'Read this before you start: what the last sessions left open, decisions in force, patterns, errors that repeat, conflicts; focus before project before global, never more than max_tokens. Narrow it with focus, topic or categories.',
  input: z.strictObject({
    ...whichProject,
    scope: scope.nullish(),
    ...whichFocus,
    topic: longText.nullish(),
    categories: z.array(category).max(20).nullish(),
    max_items: z.int().min(1).max(MOST_ITEMS).nullish(),
    max_tokens: z.int().min(LEAST_TOKENS).max(MOST_TOKENS).nullish().describe('Default 4000.'),
  }),
  output: briefShape,
  annotations: READS,
  run: (context, { project_id, scope, focus, topic, categories, max_items, max_tokens }) =>
    brief(context, {
      project_id: project_id ?? null,
      scope: scope ?? null,
      focus: focus ?? null,
      topic: topic ?? null,
      kinds: categories && categories.length > 0 ? [...new Set(categories)] : BRIEF_KINDS,
      max_items: max_items ?? DEFAULT_ITEMS,
      max_tokens: max_tokens ?? 4000,
    }),
})
