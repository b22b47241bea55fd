import * as z from 'zod'
import { RESOLUTIONS } from '../../domain/memory/events.ts'
import { Refusal } from '../../domain/refusal.ts'
import { listReviews, resolveReview } from '../memory/reviewing.ts'
import { reviewShape, saveResult, whichProject, withToken } from '../memory/shapes.ts'
import { operation, refusalSchema } from '../operation.ts'
import { idText, WRITES_ONCE } from '../shapes.ts'

export const memoryReview = operation({
  name: 'memory_review',
  title: 'Look through decisions that wait',
  toolset: 'memory',
  summary:
    'List decisions kept aside because they are much like one in force, or resolve one: supersede (it replaces the old), keep_both, or discard. Best left to a person; resolve only what you were told to. To let a global one in needs a governance_token.',
  input: z.strictObject({
    action: z.enum(['list', 'resolve']),
    id: idText.nullish(),
    resolution: z.enum(RESOLUTIONS).nullish(),
    ...whichProject,
    ...withToken,
  }),
  verbatim: ['id', 'governance_token'],
  output: z.object({
    reviews: z.array(reviewShape),
    resolved: saveResult.nullable(),
    error: refusalSchema.optional(),
  }),
  annotations: WRITES_ONCE,
  async run(context, { action, id, resolution, project_id, governance_token }) {
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
    const wanted = { id, resolution, project_id: project_id ?? null, governance_token: governance_token ?? null }
    const resolved = await resolveReview(context, wanted)
    const reviews = await listReviews(context, project_id ?? null)
    return resolved.error === undefined ? { reviews, resolved } : { reviews, resolved, error: resolved.error }
  },
})
