import { type Artifact, type Decision, isInForce } from '../../domain/memory/artifact.ts'
import { judge, type Verdict } from '../../domain/memory/judge.ts'
import { type Room, roomKey } from '../../domain/memory/room.ts'
import { canonicalWords, wordsOf } from '../../domain/memory/words.ts'
import type { Identity } from '../../ports/identity.ts'
import { isDecision } from './desk.ts'
import { artifactId, type Draft, notSaved, percent, placeOf, type Saying, saved } from './saving.ts'
import { type DecisionInput, roomName, type SaveResult } from './shapes.ts'

/** A decision's words, and the digest of them in their order. To find them takes longer than all else, so it is done once. */
export interface DecisionWords {
  readonly hash: string
  readonly words: ReadonlySet<string>
}

export function readDecision(identity: Identity, { title, rationale }: DecisionInput): DecisionWords {
  const parts = [wordsOf(title), wordsOf(rationale)]
  return { hash: identity.digest(canonicalWords(parts)), words: new Set(parts.flat()) }
}

/** Saves one decision among those that are known, those of the same call included. */
export async function saveDecision(
  draft: Draft,
  saying: Saying,
  room: Room,
  input: DecisionInput,
  read: DecisionWords = readDecision(saying.context.identity, input),
): Promise<SaveResult> {
  const { hash, words } = read
  const told = await savedBefore(draft, saying, room, hash)
  if (told !== undefined) return saved(told.id, 'duplicate_skip', `Saved already with this summary, ${told.saved_at}.`)
  const target = await namedTarget(draft, room, input.supersedes ?? null, hash)
  if ('status' in target) return target
  const verdict = judge(input, await draft.desk.around(room, words, hash, target.decision))
  switch (verdict.outcome) {
    case 'duplicate_skip':
      return repeat(draft, saying, room, verdict)
    case 'manual_review':
      return await queue(draft, saying, room, input, hash, verdict)
    default:
      return await say(draft, saying, room, input, read, verdict)
  }
}

/**
 * What this very summary brought already: then the batch is told again, by a caller who never heard the answer, and whatever has
 * taken the decision's place since then, in the rest of the batch above all, stays.
 */
async function savedBefore(
  draft: Draft,
  { summary_id }: Saying,
  room: Room,
  hash: string,
): Promise<Artifact | undefined> {
  if (summary_id === null) return undefined
  const alike = await draft.memory.withHash(room, 'decision', hash)
  return alike.find(({ forgotten, produced_by }) => !forgotten && produced_by.includes(summary_id))
}

type Target = { readonly decision: Decision | undefined }

/** The decision that the caller names as superseded, or why it cannot be; none where this very text has taken its place already. */
async function namedTarget(draft: Draft, room: Room, id: string | null, hash: string): Promise<Target | SaveResult> {
  if (id === null) return { decision: undefined }
  const found = await draft.desk.artifact(room, id)
  const inRoom = found !== undefined && isDecision(found) && roomKey(found) === roomKey(room)
  if (inRoom && isInForce(found)) return { decision: found }
  for (const by of inRoom ? found.superseded_by : []) {
    const heir = await draft.desk.artifact(room, by)
    if (heir?.content_hash === hash && isInForce(heir)) return { decision: undefined }
  }
  const why = !inRoom
    ? `there is no decision ${id} in ${roomName(room)}`
    : found.forgotten
      ? `decision ${id} was forgotten`
      : `decision ${id} is superseded already, by ${found.superseded_by.join(' and ')}`
  return notSaved(
    'failed',
    'artifact_not_found',
    `supersedes: ${why}. This decision was not saved.`,
    'Name a decision in force of the same project, scope and focus (retrieve_context gives their ids), or leave supersedes out.',
  )
}

function repeat(
  draft: Draft,
  saying: Saying,
  room: Room,
  { of, retires }: Extract<Verdict, { outcome: 'duplicate_skip' }>,
): SaveResult {
  const place = placeOf(room, saying)
  if (draft.desk.links(of, saying.summary_id)) {
    draft.add({ type: 'decision.repeated', data: { artifact_id: of.id, ...place, summary_id: saying.summary_id } })
  }
  const first = `Decided already, ${of.saved_at}.`
  if (retires === null) return saved(of.id, 'duplicate_skip', first)
  draft.add({ type: 'decision.retired', data: { artifact_id: retires.id, ...place, superseded_by: of.id } })
  draft.desk.retire(retires.id, of.id)
  return saved(of.id, 'duplicate_skip', `${first} It now takes the place of ${retires.id} too.`)
}

async function say(
  draft: Draft,
  saying: Saying,
  room: Room,
  input: DecisionInput,
  { hash, words }: DecisionWords,
  verdict: Extract<Verdict, { outcome: 'new' | 'supersede' }>,
): Promise<SaveResult> {
  const supersedes = verdict.outcome === 'supersede' ? verdict.target.id : null
  const similarity = verdict.outcome === 'supersede' ? verdict.similarity : null
  const id = await artifactId(draft, saying, 'decision', room, hash, supersedes)
  const { title, rationale, owner, date, confidence } = input
  const data = {
    artifact_id: id,
    ...placeOf(room, saying),
    title,
    rationale,
    owner,
    date,
    confidence,
    content_hash: hash,
    supersedes,
    similarity,
    summary_id: saying.summary_id,
  }
  const artifact = draft.addArtifact({ type: 'decision.saved', data }, words)
  await closeReview(draft, saying, room, hash, artifact.id, supersedes)
  if (verdict.outcome === 'new') return saved(id, 'new', null)
  const { target } = verdict
  const title_ = target.text?.title ?? target.id
  const message = {
    named: `Takes the place of "${title_}" (${target.id}), as named.`,
    decided_again: `Decided again: takes the place of "${title_}" (${target.id}), which had superseded it.`,
    similar: `Takes the place of "${title_}" (${target.id}), which is ${percent(similarity ?? 1)} alike.`,
  }[verdict.because]
  const more = similarity === null ? {} : { similarity: rounded(similarity) }
  return saved(id, 'supersede', message, { candidate_id: target.id, ...more })
}

/** A text that waited for review and is in force by now has nothing to wait for. */
async function closeReview(
  draft: Draft,
  saying: Saying,
  room: Room,
  hash: string,
  artifactId: string,
  supersedes: string | null,
): Promise<void> {
  const { id, review } = await reviewOf(draft, saying, room, hash)
  if (review?.status !== 'open') return
  const resolution = supersedes === review.candidate_id ? 'supersede' : 'keep_both'
  const data = { review_id: id, ...placeOf(room, saying), resolution, artifact_id: artifactId } as const
  draft.add({ type: 'review.resolved', data })
}

/** The review of a text in a room: the same text again is the same review, until it was let in once, or forgotten. */
async function reviewOf(draft: Draft, { context }: Saying, room: Room, hash: string) {
  for (let time = 1; ; time++) {
    const id = context.identity.idOf(['review', room.project_id, roomKey(room), hash, String(time)])
    const review = await draft.review(room, id)
    if (review === undefined && !(await draft.memory.isKnownId(room.project_id, id))) return { id, review }
    const isDiscarded = review?.resolution === 'discard' && review.decision !== null
    if (review?.status === 'open' || isDiscarded) return { id, review }
  }
}

async function queue(
  draft: Draft,
  saying: Saying,
  room: Room,
  input: DecisionInput,
  hash: string,
  verdict: Extract<Verdict, { outcome: 'manual_review' }>,
): Promise<SaveResult> {
  const { candidate, similarity, negations } = verdict
  const { id, review } = await reviewOf(draft, saying, room, hash)
  if (review === undefined) {
    const { title, rationale, owner, date, confidence } = input
    draft.add({
      type: 'review.opened',
      data: {
        review_id: id,
        ...placeOf(room, saying),
        decision: { title, rationale, owner, date, confidence },
        content_hash: hash,
        candidate_id: candidate.id,
        similarity,
        reason: negations.length > 0 ? 'negation' : 'similar',
        artifact_id: null,
        summary_id: saying.summary_id,
      },
    })
  }
  const alike = `It is ${percent(similarity)} like "${candidate.text?.title ?? candidate.id}" (${candidate.id})`
  const why =
    negations.length > 0 ? `${alike}, but they differ in ${quoted(negations)}, which turns a meaning round` : alike
  const kept =
    review?.status === 'resolved'
      ? `Its review was resolved as discard on ${review.resolved_at}.`
      : 'The text is kept in the review queue.'
  return {
    status: 'failed',
    artifact_id: null,
    dedup_outcome: 'manual_review',
    message: `Not in force yet. ${why}. ${kept}`,
    candidate_id: candidate.id,
    similarity: rounded(similarity),
    review_id: id,
    next_step:
      review?.status === 'resolved'
        ? `Say it in other words, or name what it replaces: save_decision with "supersedes": "${candidate.id}".`
        : `A person resolves it with rutter review; or memory_review { "action": "resolve", "id": "${id}", "resolution": "supersede" | "keep_both" | "discard" }.`,
  }
}

function quoted(words: readonly string[]): string {
  return words.map((word) => `"${word}"`).join(', ')
}

/** Four digits: more would promise a precision that word sets do not have. */
function rounded(similarity: number): number {
  return Math.round(similarity * 10_000) / 10_000
}
