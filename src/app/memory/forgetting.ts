import { type Artifact, type ArtifactKind, titleOf } from '../../domain/memory/artifact.ts'
import type { NewMemoryEvent } from '../../domain/memory/events.ts'
import type { PurgeableText } from '../../domain/memory/purged.ts'
import type { Review } from '../../domain/memory/review.ts'
import { GLOBAL_PROJECT, type Room, roomKey } from '../../domain/memory/room.ts'
import { Refusal } from '../../domain/refusal.ts'
import { nearestIds } from '../../domain/task.ts'
import type { LedgerWriter, Purged } from '../../ports/ledger.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { Context } from '../context.ts'

/** More than any queue has: each review is looked at for the text that is to go. */
const ALL_REVIEWS = 1_000_000

/** Ids among which the nearest to a wrong one are looked for. */
const COMPARED = 5_000

/** So much of an id as lists show; its beginning is enough where nothing else begins so. */
const SHORT_ID = 8

/** What somebody wants to have forgotten, and where it is. */
export interface Wanted {
  readonly id: string
  /** The repository's own where it is `null`. */
  readonly project_id: string | null
}

/** A text as it stands before it is forgotten. */
export interface Forgettable {
  readonly id: string
  readonly kind: ArtifactKind | 'review'
  /** `null` for what is global. */
  readonly project_id: string | null
  readonly scope: Room['scope']
  readonly focus: string | null
  readonly saved_at: string
  /** What it is about, in its own words; `null` once it was forgotten. */
  readonly title: string | null
  readonly is_forgotten: boolean
}

export interface Forgotten extends Omit<Forgettable, 'title' | 'is_forgotten'> {
  /** True where nothing was left to be forgotten. */
  readonly was_forgotten: boolean
  /** What was taken out of the records; `null` where that was not asked for. */
  readonly purged: Purged | null
  /** Artifacts that say the very same words and stay as they are: each is forgotten by its own id. */
  readonly said_again_as: readonly string[]
}

/** Shows what would be forgotten; `artifact_not_found` with the nearest ids where there is no such thing. */
export async function forgettable({ ledger }: Context, wanted: Wanted): Promise<Forgettable> {
  return await ledger.readWithGlobal(async (book, global) => {
    const projectId = wanted.project_id ?? ledger.project_id
    const found =
      (await find(book.memory, projectId, wanted.id)) ??
      (global === null ? undefined : await find(global.memory, GLOBAL_PROJECT, wanted.id)) ??
      (await findByBeginning(book.memory, global?.memory ?? null, projectId, wanted.id))
    const { kind, subject, title } = found
    const { id, scope, focus } = subject
    return {
      id,
      kind,
      project_id: subject.project_id === GLOBAL_PROJECT ? null : subject.project_id,
      scope,
      focus,
      saved_at: 'saved_at' in subject ? subject.saved_at : subject.opened_at,
      title,
      is_forgotten: title === null,
    }
  })
}

/**
 * Takes a text out of everything that answers. What it superseded stays superseded, and what superseded it stays in force. The text
 * stays in the record, unless it is to be purged; the copy that waits for review goes with it. Forgetting twice changes nothing.
 */
export async function forget(context: Context, wanted: Wanted, { purge }: { purge: boolean }): Promise<Forgotten> {
  const { ledger } = context
  const before = await forgettable(context, wanted)
  const projectId = before.project_id ?? GLOBAL_PROJECT
  const record = (again = false) => {
    const what = { project_id: projectId, id: before.id, purged: purge, again }
    return (book: LedgerWriter) => recordForgotten(context, book, what)
  }
  const write = async (work: (book: LedgerWriter) => Promise<void>) =>
    projectId === GLOBAL_PROJECT
      ? await ledger.writeWithGlobal((_own, global) => work(global))
      : await ledger.write(work)

  const purged = purge ? await ledger.purge(await purgeable(context, projectId, before.id), record()) : null
  if (purged === null) await write(record())
  // It was forgotten and still in the record: what other clones are told is that it is not any more.
  else if (before.is_forgotten && purged.lines > 0) await write(record(true))
  const { title: _title, is_forgotten, ...what } = before
  const said_again_as = await saidAgainAs(context, projectId, before.id)
  return { ...what, was_forgotten: is_forgotten, purged, said_again_as }
}

interface Found {
  readonly kind: ArtifactKind | 'review'
  readonly subject: Artifact | Review
  readonly title: string | null
}

async function find(memory: MemoryReader, projectId: string, id: string): Promise<Found | undefined> {
  const artifact = await memory.artifact(projectId, id)
  if (artifact !== undefined) return { kind: artifact.kind, subject: artifact, title: titleOf(artifact) }
  const review = await memory.review(projectId, id)
  return review === undefined ? undefined : { kind: 'review', subject: review, title: review.decision?.title ?? null }
}

/** Records it of the text, and of every review that holds the same one; of those that are forgotten already only if told to. */
async function recordForgotten(
  { ledger, clock, connection }: Context,
  book: LedgerWriter,
  { project_id, id, purged, again }: { project_id: string; id: string; purged: boolean; again: boolean },
): Promise<void> {
  const found = await find(book.memory, project_id, id)
  if (found === undefined) return
  const { kind, subject, title } = found
  const origin = { project_id: ledger.project_id, session_id: null }
  const event = ({ id: gone, scope, focus }: Room & { id: string }): NewMemoryEvent => ({
    type: 'artifact.forgotten',
    data: { artifact_id: gone, project_id, scope, focus, origin, purged },
  })
  const reviews = kind === 'review' ? [] : await reviewsOf(book.memory, subject as Artifact)
  const waiting = reviews.filter(({ decision }) => decision !== null)
  const events = [...(title === null && !again ? [] : [event(subject)]), ...waiting.map(event)]
  await book.append(await book.memoryStream(), events, { actor: connection.actor, at: clock.now() })
}

/** Reviews that hold the artifact's own text: those that it came from or is in, by id or by its words. */
async function reviewsOf(memory: MemoryReader, artifact: Artifact): Promise<Review[]> {
  if (artifact.kind !== 'decision') return []
  const reviews = await memory.reviews({ project_id: artifact.project_id, limit: ALL_REVIEWS })
  return reviews.filter(
    (review) =>
      review.artifact_id === artifact.id ||
      (review.content_hash === artifact.content_hash && roomKey(review) === roomKey(artifact)),
  )
}

async function purgeable(context: Context, projectId: string, id: string): Promise<PurgeableText> {
  return await readIn(context, projectId, async (memory) => {
    const artifact = await memory.artifact(projectId, id)
    const hash = artifact?.kind === 'decision' ? artifact.content_hash : null
    const same = artifact === undefined || hash === null ? null : { room: roomKey(artifact), content_hash: hash }
    return { project_id: projectId, id, same }
  })
}

async function saidAgainAs(context: Context, projectId: string, id: string): Promise<string[]> {
  return await readIn(context, projectId, async (memory) => {
    const found = await find(memory, projectId, id)
    const { subject, kind } = found ?? {}
    if (subject === undefined || subject.content_hash === null || kind === 'summary') return []
    const alike = await memory.withHash(subject, kind === 'pattern' ? 'pattern' : 'decision', subject.content_hash)
    return alike.filter((one) => one.id !== id && !one.forgotten).map((one) => one.id)
  })
}

async function readIn<T>(
  { ledger }: Context,
  projectId: string,
  work: (memory: MemoryReader) => Promise<T>,
): Promise<T> {
  return await ledger.readWithGlobal((book, global) =>
    work(projectId === GLOBAL_PROJECT && global !== null ? global.memory : book.memory),
  )
}

/** The one thing whose id begins so; refused where there is none, with the ids that are nearest. */
async function findByBeginning(
  memory: MemoryReader,
  global: MemoryReader | null,
  projectId: string,
  given: string,
): Promise<Found> {
  const here = await idsOf(memory, projectId)
  const everywhere = global === null ? [] : await idsOf(global, GLOBAL_PROJECT)
  const begins = (id: string) => given.length >= SHORT_ID && id.startsWith(given)
  const [id, ...others] = [...here, ...everywhere].filter(begins)
  const only = id === undefined || others.length > 0 ? undefined : await find(memory, projectId, id)
  const found = only ?? (id === undefined || global === null ? undefined : await find(global, GLOBAL_PROJECT, id))
  if (found !== undefined && others.length === 0) return found
  const nearest = id === undefined ? nearestIds(given, [...here, ...everywhere], 3) : [id, ...others].slice(0, 3)
  throw new Refusal(
    'artifact_not_found',
    id !== undefined
      ? `More than one id begins with "${given}". Nothing was changed.`
      : given.length < SHORT_ID
        ? `"${given}" is too short: at least the first ${SHORT_ID} characters of an id are needed. Nothing was changed.`
        : `There is nothing called "${given}" in project "${projectId}" or in global scope. Nothing was changed.`,
    {
      hint:
        nearest.length === 0
          ? 'Nothing has been saved there yet.'
          : `The nearest ids are: ${nearest.join(', ')}. What another project of this book has is named with --project.`,
      details: { id: given, nearest },
    },
  )
}

/** Everything that has a text which could be forgotten, the newest first. */
async function idsOf(memory: MemoryReader, projectId: string): Promise<string[]> {
  const artifacts = await memory.artifacts({ project_id: projectId, in_force: false, limit: COMPARED })
  const reviews = await memory.reviews({ project_id: projectId, status: 'open', limit: COMPARED })
  return [...artifacts, ...reviews].map(({ id }) => id)
}
