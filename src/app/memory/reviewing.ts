import { type Decision, isInForce } from '../../domain/memory/artifact.ts'
import type { Resolution } from '../../domain/memory/events.ts'
import type { Review } from '../../domain/memory/review.ts'
import { GLOBAL_PROJECT, type Room } from '../../domain/memory/room.ts'
import { Refusal } from '../../domain/refusal.ts'
import type { LedgerReader, LedgerWriter } from '../../ports/ledger.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { Context } from '../context.ts'
import { readBoth } from './both-books.ts'
import { isDecision } from './desk.ts'
import { globalDoor, spentApproval } from './gate.ts'
import { artifactId, Draft, placeOf, type Saying, saved } from './saving.ts'
import type { ReviewView, SaveResult } from './shapes.ts'

/** Longest queue that is shown at once. */
const SHOWN = 100

/** Every decision that waits, of a project and of global scope, the oldest first. */
export async function listReviews(context: Context, projectId: string | null): Promise<ReviewView[]> {
  return await readBoth(context, async (book, global) => [
    ...(await waiting(book, projectId ?? context.ledger.project_id)),
    ...(global === null ? [] : await waiting(global, GLOBAL_PROJECT)),
  ])
}

async function waiting({ memory }: LedgerReader, projectId: string): Promise<ReviewView[]> {
  const views: ReviewView[] = []
  for (const review of await memory.reviews({ project_id: projectId, status: 'open', limit: SHOWN })) {
    const view = await viewOf(memory, review)
    if (view !== null) views.push(view)
  }
  return views
}

async function viewOf(memory: MemoryReader, review: Review): Promise<ReviewView | null> {
  if (review.decision === null) return null
  const candidate = await memory.artifact(review.project_id, review.candidate_id)
  const hasText = candidate !== undefined && isDecision(candidate) && candidate.text !== null
  return {
    id: review.id,
    project_id: review.project_id === GLOBAL_PROJECT ? null : review.project_id,
    scope: review.scope,
    focus: review.focus,
    opened_at: review.opened_at,
    session_id: review.origin.session_id,
    reason: review.reason,
    similarity: review.similarity,
    decision: { ...review.decision },
    candidate: hasText
      ? { id: candidate.id, in_force: isInForce(candidate), ...(candidate.text as NonNullable<Decision['text']>) }
      : null,
    resolutions: ['supersede', 'keep_both', 'discard'],
  }
}

interface Wanted {
  readonly id: string
  readonly resolution: Resolution
  readonly project_id: string | null
  readonly governance_token: string | null
}

/**
 * Ends a review as somebody decided. The same resolution again changes nothing; another one is refused. What lets a text into global
 * scope takes an approval, as saving it there does; an operator is who approves.
 */
export async function resolveReview(context: Context, wanted: Wanted): Promise<SaveResult> {
  const projectId = wanted.project_id ?? context.ledger.project_id
  const isGlobal = await readBoth(context, async (book, global, problem) => {
    if ((await book.memory.review(projectId, wanted.id)) !== undefined) return false
    if ((await global?.memory.review(GLOBAL_PROJECT, wanted.id)) !== undefined) return true
    if (problem !== null) throw notReadable(wanted.id, problem)
    throw notFound(wanted.id, await waiting(book, projectId))
  })
  return isGlobal
    ? await context.ledger.writeWithGlobal((_book, global) => resolve(context, global, GLOBAL_PROJECT, wanted))
    : await context.ledger.write((book) => resolve(context, book, projectId, wanted))
}

async function resolve(
  context: Context,
  book: LedgerWriter,
  projectId: string,
  { id, resolution, governance_token }: Wanted,
): Promise<SaveResult> {
  const review = await book.memory.review(projectId, id)
  if (review === undefined) throw notFound(id, await waiting(book, projectId))
  if (review.status === 'resolved') return resolvedBefore(review, resolution)
  const isApproved =
    projectId !== GLOBAL_PROJECT || resolution === 'discard' || context.connection.actor.kind === 'operator'
  const door = isApproved ? null : await globalDoor(context, book.memory, governance_token)
  if (door?.fault) return door.fault
  const now = context.clock.now()
  const draft = new Draft(context, book.memory, now)
  const result = await outcome(context, draft, review, resolution)
  if (door?.approval) {
    draft.add(spentApproval(door.approval, review, { context, origin: review.origin, summary_id: null }))
  }
  await book.append(await book.memoryStream(), draft.events, { actor: context.connection.actor, at: now })
  return result
}

function resolvedBefore(review: Review, resolution: Resolution): SaveResult {
  if (review.decision === null) return forgottenBefore(review, resolution)
  if (review.resolution === resolution) {
    const message = `Resolved already as ${resolution}, ${review.resolved_at}.`
    return { status: 'saved', artifact_id: review.artifact_id, dedup_outcome: null, message }
  }
  throw new Refusal(
    'invalid_argument',
    `Review ${review.id} was resolved as ${review.resolution} at ${review.resolved_at}; ${resolution} comes too late. Nothing was changed.`,
    { hint: 'To change what is in force now, save_decision with "supersedes", or rutter forget.' },
  )
}

function forgottenBefore({ id, artifact_id }: Review, resolution: Resolution): SaveResult {
  if (resolution === 'discard') {
    const message = 'Its text was forgotten: nothing waits any more.'
    return { status: 'saved', artifact_id, dedup_outcome: null, message }
  }
  throw new Refusal('invalid_argument', `The text of review ${id} was forgotten, so there is nothing to let in.`, {
    hint: 'To have it in force all the same, say it again with save_decision.',
  })
}

async function outcome(context: Context, draft: Draft, review: Review, resolution: Resolution): Promise<SaveResult> {
  const room: Room = { project_id: review.project_id, scope: review.scope, focus: review.focus }
  const saying: Saying = { context, origin: review.origin, summary_id: review.summary_id }
  const place = placeOf(room, saying)
  const close = (artifactId: string | null) =>
    draft.add({
      type: 'review.resolved',
      data: { review_id: review.id, ...place, resolution, artifact_id: artifactId },
    })

  const candidate = await inForce(draft, room, review.candidate_id)
  if (review.artifact_id !== null) {
    return resolveTwins(draft, place, review.artifact_id, resolution, candidate, close)
  }
  if (resolution === 'discard' || review.decision === null) {
    close(null)
    return { status: 'saved', artifact_id: null, dedup_outcome: null, message: 'Discarded: the text is not in force.' }
  }
  // Another clone may have let it in, and a merge brought that here.
  const same = (await draft.desk.withHash(room, 'decision', review.content_hash)).find(isInForce)
  if (same !== undefined) return resolveTwins(draft, place, same.id, resolution, candidate, close)
  const supersedes = resolution === 'supersede' ? (candidate?.id ?? null) : null
  const id = await artifactId(draft, saying, 'decision', room, review.content_hash, supersedes)
  draft.addArtifact({
    type: 'decision.saved',
    data: {
      artifact_id: id,
      ...place,
      ...review.decision,
      content_hash: review.content_hash,
      supersedes,
      similarity: supersedes === review.candidate_id ? review.similarity : null,
      summary_id: review.summary_id,
    },
  })
  close(id)
  if (supersedes === null) return saved(id, 'new', 'In force.')
  return saved(id, 'supersede', `In force, in the place of ${supersedes}.`, { candidate_id: supersedes })
}

/** Two decisions that are both in force and met in a merge: nothing is to be saved, but one of them may give way. */
function resolveTwins(
  draft: Draft,
  place: ReturnType<typeof placeOf>,
  own: string,
  resolution: Resolution,
  candidate: Decision | undefined,
  close: (artifactId: string | null) => void,
): SaveResult {
  const retire = (id: string, by: string) =>
    draft.add({ type: 'decision.retired', data: { artifact_id: id, ...place, superseded_by: by } })
  close(own)
  if (candidate === undefined || candidate.id === own) return saved(own, null, 'In force.')
  if (resolution === 'keep_both') return saved(own, null, 'Both stay in force.')
  const [gone, stays] = resolution === 'supersede' ? [candidate.id, own] : [own, candidate.id]
  retire(gone, stays)
  return saved(stays, 'supersede', `In force, in the place of ${gone}.`, { candidate_id: gone })
}

/** The decision itself, or what is in force in its place by now. */
async function inForce(draft: Draft, room: Room, id: string): Promise<Decision | undefined> {
  const decision = await draft.desk.artifact(room, id)
  if (decision === undefined || !isDecision(decision)) return undefined
  return isInForce(decision) ? decision : await draft.desk.successor(room, decision)
}

function notReadable(id: string, problem: string): Refusal {
  return new Refusal(
    'store_unavailable',
    `There is no review ${id} in this project, and it may be a global one. ${problem}`,
    {
      hint: 'Try again once the global book can be read; rutter doctor says what is wrong with it.',
    },
  )
}

function notFound(id: string, open: readonly ReviewView[]): Refusal {
  const ids = open.map((review) => review.id)
  return new Refusal('artifact_not_found', `There is no review ${id} in this project or in global scope.`, {
    hint: ids.length === 0 ? 'Nothing waits for review.' : `Open are: ${ids.slice(0, 10).join(', ')}.`,
  })
}
