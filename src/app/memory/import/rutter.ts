import * as z from 'zod'
import { actorSchema } from '../../../domain/event.ts'
import type { Artifact } from '../../../domain/memory/artifact.ts'
import { decisionTextSchema, RESOLUTIONS, REVIEW_REASONS } from '../../../domain/memory/events.ts'
import type { Review } from '../../../domain/memory/review.ts'
import { GLOBAL_PROJECT, SCOPES } from '../../../domain/memory/room.ts'
import { idText } from '../../shapes.ts'
import { JSONL_FORMAT, JSONL_VERSION } from '../export/jsonl.ts'
import { projectId } from '../shapes.ts'
import { broken, checked, type JsonLine, type Source } from './source.ts'

const text = z.string()
const texts = z.array(text)
const moment = z.iso.datetime()
const ids = z.array(idText)

const place = {
  project_id: z.union([z.literal(GLOBAL_PROJECT), projectId]),
  scope: z.enum(SCOPES),
  focus: text.nullable(),
  origin: z.object({ project_id: text, session_id: text.nullable() }),
}
const common = {
  type: z.literal('artifact'),
  id: idText,
  ...place,
  saved_at: moment,
  saved_by: actorSchema,
  sessions: texts,
  produced_by: ids,
  content_hash: text.nullable(),
  supersedes: idText.nullable(),
  superseded_by: ids,
  forgotten: z.boolean(),
}
const summaryText = z.object({
  objective: text,
  actions_taken: texts,
  decisions_made: texts,
  open_items: texts,
  next_actions: texts,
})
const patternText = z.object({
  trigger: text,
  repeatable_steps: texts,
  exclusions: texts,
  last_validated_at: moment,
})
const artifactLine = z.discriminatedUnion('kind', [
  z.object({ ...common, kind: z.literal('summary'), text: summaryText.nullable() }),
  z.object({ ...common, kind: z.literal('decision'), text: decisionTextSchema.nullable() }),
  z.object({ ...common, kind: z.literal('pattern'), text: patternText.nullable() }),
])
const reviewLine = z.object({
  type: z.literal('review'),
  id: idText,
  ...place,
  opened_at: moment,
  decision: decisionTextSchema.nullable(),
  content_hash: text,
  candidate_id: idText,
  similarity: z.number(),
  reason: z.enum(REVIEW_REASONS),
  summary_id: idText.nullable(),
  status: z.enum(['open', 'resolved']),
  resolution: z.enum(RESOLUTIONS).nullable(),
  resolved_at: moment.nullable(),
  artifact_id: idText.nullable(),
})
const headLine = z.object({ format: z.literal(JSONL_FORMAT), version: z.int(), items: z.int().min(0) })

export function isRutter(first: unknown): boolean {
  return headLine.pick({ format: true }).safeParse(first).success
}

/** Our own export. */
export function readRutter([head, ...lines]: readonly JsonLine[]): Source {
  const { version, items } = checked(headLine, head?.json, head?.where ?? 'line 1')
  if (version > JSONL_VERSION) {
    throw broken(
      head?.where ?? '',
      `version ${version} was written by a newer Rutter (this one knows ${JSONL_VERSION})`,
    )
  }
  if (items !== lines.length) {
    throw broken(lines.at(-1)?.where ?? 'line 1', `the file says that it has ${items} items, and has ${lines.length}`)
  }
  const artifacts: Artifact[] = []
  const reviews: Review[] = []
  for (const { where, json } of lines) {
    const type = (json as { type?: unknown } | null)?.type
    if (type === 'artifact') {
      const { type: _type, ...artifact } = checked(artifactLine, json, where)
      if (artifact.text === null && !artifact.forgotten) throw broken(where, 'text is missing, and it is not forgotten')
      mustFit(artifact, where)
      artifacts.push(artifact as Artifact)
    } else if (type === 'review') {
      const { type: _type, ...review } = checked(reviewLine, json, where)
      mustFit(review, where)
      reviews.push(review)
    } else {
      throw broken(where, `type must be "artifact" | "review"; given was ${JSON.stringify(type)}`)
    }
  }
  return { format: 'rutter', artifacts, reviews }
}

/** Something in a room that there cannot be would be found by nobody. */
function mustFit({ project_id, scope, focus }: Pick<Review, 'project_id' | 'scope' | 'focus'>, where: string): void {
  if ((project_id === GLOBAL_PROJECT) !== (scope === 'global')) {
    throw broken(where, `scope "${scope}" does not go with project "${project_id}"`)
  }
  if ((focus === null) !== (scope !== 'focus')) throw broken(where, `scope "${scope}" does not go with focus ${focus}`)
}
