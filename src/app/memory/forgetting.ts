import type { Artifact, ArtifactKind } from '../../domain/memory/artifact.ts'
import type { NewMemoryEvent } from '../../domain/memory/events.ts'
import type { PurgeableText } from '../../domain/memory/purged.ts'
import type { Review } from '../../domain/memory/review.ts'
import { GLOBAL_PROJECT, type Room, roomKey } from '../../domain/memory/room.ts'
import type { LedgerWriter, Purged } from '../../ports/ledger.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { Context } from '../context.ts'
import { find, findByPrefix } from '../operator/by-prefix.ts'

/** More than any queue has: each review is looked at for the text that is to go. */
const ALL_REVIEWS = 1_000_000

const FORGETTABLE = ['decision', 'pattern', 'summary', 'review'] as const

/** What somebody wants to have forgotten, and where it is. */
export interface Wanted {
  /** Or the beginning of it. */
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

/** Shows what would be forgotten; `artifact_not_found` with ids that begin alike where there is no such thing. */
export async function forgettable(context: Context, wanted: Wanted): Promise<Forgettable> {
  const { kind, subject, title } = await findByPrefix(context, wanted.id, FORGETTABLE, wanted.project_id)
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
  if (projectId !== GLOBAL_PROJECT) return await ledger.read((book) => work(book.memory))
  return await ledger.readWithGlobal((book, global) => work((global ?? book).memory))
}
