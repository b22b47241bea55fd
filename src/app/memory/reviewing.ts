import { isInForce } from '../../domain/memory/artifact.ts'
import type { Resolution } from '../../domain/memory/events.ts'
import type { Review } from '../../domain/memory/review.ts'
import { GLOBAL_PROJECT, type Room } from '../../domain/memory/room.ts'
import { Refusal } from '../../domain/refusal.ts'
import type { LedgerReader, LedgerWriter } from '../../ports/ledger.ts'
import type { Context } from '../context.ts'
import { readBoth } from './both-books.ts'
import { globalDoor, spentApproval } from './gate.ts'
import { nameOf } from './names.ts'
import { type Sides, showsTheSame, sidesOf, viewOf } from './review-view.ts'
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

/** A review that waits, in this project or in global scope, as it stands now; `null` where it does not wait any more. */
export async function waitingReview(
  context: Context,
  projectId: string | null,
  id: string,
): Promise<ReviewView | null> {
  return await readBoth(context, async (book, global) => {
    const own = await book.memory.review(projectId ?? context.ledger.project_id, id)
    const [memory, review] =
      own === undefined ? [global?.memory, await global?.memory.review(GLOBAL_PROJECT, id)] : [book.memory, own]
    return memory === undefined || review?.status !== 'open' ? null : await viewOf(memory, review)
  })
}

interface Wanted {
  readonly id: string
  readonly resolution: Resolution
  readonly project_id: string | null
  readonly governance_token: string | null
  /** What somebody saw who decided: refused where the review shows other decisions by now. */
  readonly shown?: ReviewView
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
  { id, resolution, governance_token, shown }: Wanted,
): Promise<SaveResult> {
  const review = await book.memory.review(projectId, id)
  if (review === undefined) throw notFound(id, await waiting(book, projectId))
  if (review.status === 'resolved') return resolvedBefore(review, resolution)
  if (shown !== undefined) refuseUnlessShown(shown, await viewOf(book.memory, review))
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

function refuseUnlessShown(shown: ReviewView, now: ReviewView | null): void {
  if (now !== null && showsTheSame(shown, now)) return
  const texts = [now?.decision, now?.candidate].filter((text) => text?.in_place_of != null)
  const names = texts.map((text) => `"${text?.title}" (${text?.id}) took the place of ${text?.in_place_of}`)
  const what = names.length === 0 ? 'what it is about has changed' : names.join(', and ')
  throw new Refusal('invalid_argument', `Since review ${shown.id} was shown, ${what}. Nothing was changed.`, {
    hint: 'Look at it again, and then decide: rutter review.',
  })
}

async function outcome(context: Context, draft: Draft, review: Review, resolution: Resolution): Promise<SaveResult> {
  const room: Room = { project_id: review.project_id, scope: review.scope, focus: review.focus }
  const saying: Saying = { context, origin: review.origin, summary_id: review.summary_id }
  const place = placeOf(room, saying)
  const sides = await sidesOf(draft.desk, review)
  const { own, candidate, similarity } = sides
  const isReplaced = candidate !== undefined && candidate.id !== review.candidate_id
  const close = (artifactId: string | null) => {
    const against = isReplaced ? { candidate_id: candidate.id, similarity } : {}
    const data = { review_id: review.id, ...place, resolution, artifact_id: artifactId, ...against }
    draft.add({ type: 'review.resolved', data })
  }

  if (review.artifact_id !== null || own !== undefined) return resolveTwins(draft, place, sides, resolution, close)
  const { decision: text } = review
  if (text === null) throw new Error('A review whose text was forgotten is resolved.')
  const rival = candidate !== undefined && isInForce(candidate) ? candidate : undefined
  if (resolution === 'discard') {
    close(null)
    const stays = rival === undefined ? '' : `; ${nameOf(rival)} stays`
    const message = `Discarded: "${text.title}" is not in force${stays}.`
    return { status: 'saved', artifact_id: null, dedup_outcome: null, message }
  }
  const supersedes = resolution === 'supersede' ? (rival?.id ?? null) : null
  const id = await artifactId(draft, saying, 'decision', room, review.content_hash, supersedes)
  const { content_hash, summary_id } = review
  const alike = supersedes === null ? null : similarity
  const data = { artifact_id: id, ...place, ...text, content_hash, supersedes, similarity: alike, summary_id }
  const name = `"${text.title}" (${id})`
  draft.addArtifact({ type: 'decision.saved', data })
  close(id)
  if (rival === undefined) {
    return saved(id, 'new', `${name} is in force; nothing gave way to it, since what it was like is not in force.`)
  }
  if (supersedes === null) return saved(id, 'new', `Both are in force: ${name} and ${nameOf(rival)}.`)
  const since = isReplaced ? `, which took the place of ${review.candidate_id} since` : ''
  const message = `${name} is in force, in the place of ${nameOf(rival)}${since}.`
  return saved(id, 'supersede', message, { candidate_id: rival.id })
}

/** Two that are decisions already: nothing is to be saved, but one of them may give way. */
function resolveTwins(
  draft: Draft,
  place: ReturnType<typeof placeOf>,
  { own, candidate }: Sides,
  resolution: Resolution,
  close: (artifactId: string | null) => void,
): SaveResult {
  const [one, other] = [own, candidate].filter((side) => side !== undefined).filter(isInForce)
  if (one === undefined) {
    close(null)
    const message = 'Neither of the two is in force any more, so nothing gave way.'
    return { status: 'saved', artifact_id: null, dedup_outcome: null, message }
  }
  if (other === undefined || other.id === one.id) {
    close(one.id)
    return saved(one.id, null, `By now only ${nameOf(one)} is in force, so nothing gave way.`)
  }
  if (resolution === 'keep_both') {
    close(one.id)
    return saved(one.id, null, `Both stay in force: ${nameOf(one)} and ${nameOf(other)}.`)
  }
  const [gone, stays] = resolution === 'supersede' ? [other, one] : [one, other]
  close(stays.id)
  draft.add({ type: 'decision.retired', data: { artifact_id: gone.id, ...place, superseded_by: stays.id } })
  const message = `${nameOf(stays)} is in force; ${nameOf(gone)} gave way to it.`
  return saved(stays.id, 'supersede', message, { candidate_id: gone.id })
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
