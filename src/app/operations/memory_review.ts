import * as z from 'zod'
import { RESOLUTIONS } from '../../domain/memory/events.ts'
import { Refusal } from '../../domain/refusal.ts'
import { listReviews, resolveReview } from '../memory/reviewing.ts'
import { reviewShape, saveResult, whichProject } from '../memory/shapes.ts'
import { operation } from '../operation.ts'
import { idText, WRITES_ONCE } from '../shapes.ts'

export const memoryReview = operation({
  name: 'memory_review',
  title: 'Look through decisions that wait',
  toolset: 'memory',
  summary:
    'List decisions kept aside because they are much like one in force, or resolve one: supersede (it replaces the old), keep_both, or discard. Best left to a person; resolve only what you were told to.',
  input: z.strictObject({
    action: z.enum(['list', 'resolve']),
    id: idText.nullish(),
    resolution: z.enum(RESOLUTIONS).nullish(),
    ...whichProject,
  }),
  output: z.object({ reviews: z.array(reviewShape), resolved: saveResult.nullable() }),
  annotations: WRITES_ONCE,
  async run(context, { action, id, resolution, project_id }) {
    if (action === 'list') return { reviews: await listReviews(context, project_id ?? null), resolved: null }
    if (!id || !resolution) {
      throw new Refusal(
        'invalid_argument',
        'memory_review: to resolve takes an id and a resolution. Nothing was changed.',
        {
          hint: `Call memory_review { "action": "list" } for the ids; resolution is ${RESOLUTIONS.join(', ')}.`,
        },
      )
    }
    const resolved = await resolveReview(context, { id, resolution, project_id: project_id ?? null })
    return { reviews: await listReviews(context, project_id ?? null), resolved }
  },
})
