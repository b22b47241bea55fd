import type { RecordedEvent } from '../../domain/event.ts'
import { type Artifact, isInForce, SAYS, titleOf } from '../../domain/memory/artifact.ts'
import { isMemoryEvent, type MemoryEvent } from '../../domain/memory/events.ts'
import type { Review } from '../../domain/memory/review.ts'
import { GLOBAL_PROJECT, type Scope } from '../../domain/memory/room.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { Context } from '../context.ts'
import { readBoth } from './both-books.ts'
import { RESOLVED } from './phrases.ts'
import { percent } from './saving.ts'

/** Something that a session learned, as it stands now. */
export interface Learned {
  readonly kind: Artifact['kind'] | 'review'
  readonly id: string
  readonly scope: Scope
  readonly focus: string | null
  /** `null` once it was forgotten. */
  readonly title: string | null
  readonly outcome: 'new' | 'duplicate_skip' | 'supersede' | 'manual_review'
  /** What became of it, for a person. */
  readonly said: string
}

/** Artifacts that are read at first where all of a time are wanted; most sessions look back on fewer. */
const FIRST_LOOK = 500

/** Stands where a text stood that somebody wanted forgotten. */
const FORGOTTEN = '(forgotten)'

/**
 * A session's record without the texts that were forgotten since, and what the session learned: from its record, and of what it saved
 * after its end or in global scope, which stands in other records. There it has what the session said first: what had been known before it
 * began, and was only said again, is not looked for.
 */
export async function withLearned(
  context: Pick<Context, 'ledger'>,
  session: { session_id: string; start_time: string },
  events: readonly RecordedEvent[],
): Promise<{ events: RecordedEvent[]; learned: Learned[] }> {
  return await readBoth(context, async (book, global) => {
    const own = events.filter(isMemoryEvent)
    const shown = own.length === 0 ? [...events] : await withoutForgotten(book.memory, events)
    const learned = new Map<string, Learned>()
    const add = async (memory: MemoryReader, artifact: Artifact) =>
      learned.set(artifact.id, await artifactLearned(memory, artifact, session.session_id))
    const addReview = async (memory: MemoryReader, review: Review) =>
      learned.set(review.id, await reviewLearned(memory, review))

    for (const { type, data } of own) {
      const { project_id } = data
      if (type === 'review.opened') {
        const review = await book.memory.review(project_id, data.review_id)
        if (review !== undefined) await addReview(book.memory, review)
      } else if (SAYS.has(type) && 'artifact_id' in data && data.artifact_id !== null) {
        const artifact = await book.memory.artifact(project_id, data.artifact_id)
        if (artifact !== undefined) await add(book.memory, artifact)
      }
    }
    const elsewhere = [[book.memory, context.ledger.project_id] as const]
    if (global !== null) elsewhere.push([global.memory, GLOBAL_PROJECT])
    for (const [memory, project_id] of elsewhere) {
      for (const artifact of await savedSince(memory, project_id, session.start_time)) {
        if (artifact.sessions.includes(session.session_id) && !learned.has(artifact.id)) await add(memory, artifact)
      }
      for (const review of await memory.reviews({ project_id, limit: Number.MAX_SAFE_INTEGER })) {
        if (review.origin.session_id === session.session_id && !learned.has(review.id)) await addReview(memory, review)
      }
    }
    return { events: shown, learned: [...learned.values()] }
  })
}

/** Every artifact that was saved at this time or later, the oldest first. Costs what was learned since, not all that is known. */
async function savedSince(memory: MemoryReader, projectId: string, since: string): Promise<Artifact[]> {
  for (let limit = FIRST_LOOK; ; limit *= 4) {
    const newest = await memory.artifacts({ project_id: projectId, in_force: false, limit })
    const wanted = newest.filter(({ saved_at }) => saved_at >= since)
    if (wanted.length < limit) return wanted.toReversed()
  }
}

async function artifactLearned(memory: MemoryReader, artifact: Artifact, sessionId: string): Promise<Learned> {
  const { id, kind, scope, focus, supersedes, superseded_by, forgotten, project_id } = artifact
  const isFirst = artifact.origin.session_id === sessionId
  const outcome = !isFirst ? 'duplicate_skip' : supersedes === null ? 'new' : 'supersede'
  const said = [
    ...(outcome === 'duplicate_skip' ? ['known already'] : kind === 'summary' ? [] : outcome === 'new' ? ['new'] : []),
    ...(outcome === 'supersede' ? [`in the place of ${await named(memory, project_id, supersedes ?? '')}`] : []),
    ...placed(scope, focus),
    ...(isInForce(artifact) || forgotten
      ? []
      : [`superseded since by ${await named(memory, project_id, superseded_by[0] ?? '')}`]),
  ]
  return { kind, id, scope, focus, title: titleOf(artifact), outcome, said: said.join(', ') }
}

async function reviewLearned(memory: MemoryReader, review: Review): Promise<Learned> {
  const { id, scope, focus, decision, candidate_id, similarity, status, resolution, project_id } = review
  const like = `${percent(similarity)} like ${await named(memory, project_id, candidate_id)}`
  const said = [
    status === 'open' ? `waits for review, ${like}` : `reviewed: ${RESOLVED[resolution ?? 'discard']}`,
    ...placed(scope, focus),
  ]
  const title = decision?.title ?? null
  return { kind: 'review', id, scope, focus, title, outcome: 'manual_review', said: said.join(', ') }
}

async function named(memory: MemoryReader, projectId: string, id: string): Promise<string> {
  const artifact = await memory.artifact(projectId, id)
  const title = artifact === undefined ? null : titleOf(artifact)
  return title === null ? id : `"${title}" (${id.slice(0, 8)})`
}

function placed(scope: Scope, focus: string | null): string[] {
  if (scope === 'global') return ['for all projects']
  return scope === 'focus' ? [`in focus ${focus}`] : []
}

/** Events as somebody may be shown them: a text that was forgotten stands in the record, and in no answer. */
export async function withoutForgotten(
  memory: MemoryReader,
  events: readonly RecordedEvent[],
): Promise<RecordedEvent[]> {
  const shown: RecordedEvent[] = []
  for (const event of events) {
    const hides = isMemoryEvent(event) && (await isForgotten(memory, event))
    shown.push(hides ? { ...event, data: withoutText(event) } : event)
  }
  return shown
}

async function isForgotten(memory: MemoryReader, { type, data }: MemoryEvent): Promise<boolean> {
  if (type === 'review.opened') return (await memory.review(data.project_id, data.review_id))?.decision === null
  if (!TEXTS.has(type) || !('artifact_id' in data) || data.artifact_id === null) return false
  return (await memory.artifact(data.project_id, data.artifact_id))?.forgotten === true
}

/** Those that hold a text. */
const TEXTS: ReadonlySet<MemoryEvent['type']> = new Set(['summary.saved', 'decision.saved', 'pattern.saved'])

function withoutText({ type, data }: MemoryEvent): MemoryEvent['data'] {
  switch (type) {
    case 'summary.saved': {
      const lists = { actions_taken: [], decisions_made: [], open_items: [], next_actions: [] }
      return { ...data, objective: FORGOTTEN, ...lists }
    }
    case 'decision.saved':
      return { ...data, title: FORGOTTEN, rationale: FORGOTTEN, owner: FORGOTTEN }
    case 'pattern.saved':
      return { ...data, trigger: FORGOTTEN, repeatable_steps: [], exclusions: [] }
    case 'review.opened':
      return { ...data, decision: { ...data.decision, title: FORGOTTEN, rationale: FORGOTTEN, owner: FORGOTTEN } }
    default:
      return data
  }
}
