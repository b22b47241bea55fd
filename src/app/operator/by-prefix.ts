import { type Artifact, type ArtifactKind, titleOf } from '../../domain/memory/artifact.ts'
import type { Review } from '../../domain/memory/review.ts'
import { GLOBAL_PROJECT } from '../../domain/memory/room.ts'
import { Refusal, type RefusalCode } from '../../domain/refusal.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { Context } from '../context.ts'
import { readBoth } from '../memory/both-books.ts'
import { existing } from '../resolve.ts'

/** Something with an id that nobody wants to type. */
export interface Named {
  readonly id: string
  /** What a person knows it by. */
  readonly title: string
}

/** Candidates that a refusal lists. */
const MOST_LISTED = 10

/** Ids that begin as a wrong one does, and are told in its place. */
const MOST_NEAREST = 3

/** Ids with the same beginning that are looked at and counted. */
const MOST_MATCHES = 1000

/** Fewer characters of an id than these are a slip of the finger. */
const SHORTEST = 4
const TOO_SHORT = ` The beginning of an id has at least ${SHORTEST} characters.`

/** Of a title that is only there to tell one from another. */
const TITLE_SHOWN = 60

const ELSEWHERE = 'What another project of this book has is found with --project.'
const EITHER = new Intl.ListFormat('en-GB', { type: 'disjunction' })

/** Sorts behind every id that begins alike. */
const LAST = '\u{10FFFF}'

/**
 * The one of `known` that has this id, or whose id alone begins so. Refused when there is none, or several: those are listed.
 * `noun` is what the refusal calls it.
 */
export function byPrefix<T extends Named>(given: string, known: readonly T[], noun: string): T {
  const wanted = given.trim().toLowerCase()
  const exact = known.find(({ id }) => id.toLowerCase() === wanted)
  if (exact !== undefined) return exact
  const candidates = wanted === '' ? [] : known.filter(({ id }) => id.toLowerCase().startsWith(wanted))
  const [only, ...others] = candidates
  if (only === undefined) {
    throw new Refusal('artifact_not_found', `There is no ${noun} ${shown(given)}.`, {
      hint: `Give its id, or the beginning of it, as it is listed.`,
    })
  }
  if (others.length > 0) throw ambiguous(given, candidates, noun)
  return only
}

/** What was learned, or waits for review, with an id that somebody gave. */
export interface Found {
  readonly kind: ArtifactKind | 'review'
  readonly subject: Artifact | Review
  /** What it is about, in its own words; `null` once it was forgotten. */
  readonly title: string | null
}

export async function find(memory: MemoryReader, projectId: string, id: string): Promise<Found | undefined> {
  const artifact = await memory.artifact(projectId, id)
  if (artifact !== undefined) return ofArtifact(artifact)
  const review = await memory.review(projectId, id)
  return review === undefined ? undefined : ofReview(review)
}

/**
 * What of these kinds has this id, or alone has one that begins so: of a project (`null` is the repository's own), else of global
 * scope. `artifact_not_found` with ids that begin alike where there is none.
 */
export async function findByPrefix(
  { ledger }: Context,
  given: string,
  kinds: readonly Found['kind'][],
  projectId: string | null,
): Promise<Found> {
  const project = projectId ?? ledger.project_id
  const wanted = given.trim().toLowerCase()
  return await readBoth({ ledger }, async (book, global, problem) => {
    const places: Place[] = [{ memory: book.memory, project_id: project }]
    if (global !== null) places.push({ memory: global.memory, project_id: GLOBAL_PROJECT })
    const beginning = async (id_prefix: string, limit: number) => {
      const found: Found[] = []
      for (const place of places) found.push(...(await allOf(place, kinds, id_prefix, limit)))
      return found
    }
    for (const { memory, project_id } of places) {
      const exact = await find(memory, project_id, wanted)
      if (exact !== undefined && kinds.includes(exact.kind)) return exact
    }
    const noun = EITHER.format(kinds)
    const known = wanted.length < SHORTEST ? [] : (await beginning(wanted, MOST_MATCHES)).map(namedOf)
    if (known.length > 0) return byPrefix(wanted, known, noun).found
    if (problem !== null) {
      const message = `There is no ${noun} ${shown(given)} in project "${project}", and it may be a global one. ${problem}`
      throw new Refusal('store_unavailable', message, {
        hint: 'Try again once the global book can be read; rutter doctor says what is wrong with it.',
      })
    }
    const alike = wanted.slice(0, SHORTEST)
    const near = alike === '' ? [] : (await beginning(alike, MOST_NEAREST)).slice(0, MOST_NEAREST).map(namedOf)
    const isEmpty = near.length === 0 && (await beginning('', 1)).length === 0
    throw notFound(given, `${noun} ${shown(given)} in project "${project}" or in global scope`, near, isEmpty)
  })
}

/** The whole id of an artifact of this project, or of global scope, that was given in full or by its beginning. */
export async function artifactByPrefix(
  context: Context,
  given: string,
  kinds: readonly ArtifactKind[],
  projectId: string | null = null,
): Promise<string> {
  return (await findByPrefix(context, given, kinds, projectId)).subject.id
}

/** The whole id of a review that was given in full or by its beginning. */
export async function reviewByPrefix(context: Context, given: string, projectId: string | null): Promise<string> {
  return (await findByPrefix(context, given, ['review'], projectId)).subject.id
}

/** The whole id of a session that was given in full or by its beginning; `session_not_found` with the latest where there is none. */
export async function sessionByPrefix({ ledger }: Context, given: string): Promise<string> {
  const wanted = given.trim()
  return await ledger.read(async (book) => {
    if ((await book.session(wanted)) !== undefined) return wanted
    if (wanted.length < SHORTEST) {
      const hint = 'rutter sessions lists them.'
      throw new Refusal('session_not_found', `There is no session ${shown(given)}.${TOO_SHORT}`, { hint })
    }
    // Newest first: those that begin so are the first of all that sort before the end of them.
    const upTo = await book.sessions({ before: `${wanted}${LAST}`, limit: MOST_MATCHES })
    const candidates = upTo.filter(({ session_id }) => session_id.startsWith(wanted))
    const [only, ...others] = candidates
    if (only === undefined) return (await existing(book, given)).session_id
    if (others.length === 0) return only.session_id
    const named = candidates.map(({ session_id: id, status, slot }) => ({ id, title: `${status}, slot "${slot}"` }))
    throw ambiguous(given, named, 'session', 'ambiguous_session')
  })
}

function namedOf(found: Found): Named & { readonly found: Found } {
  return { id: found.subject.id, title: found.title ?? 'forgotten', found }
}

interface Place {
  readonly memory: MemoryReader
  readonly project_id: string
}

/** Everything of these kinds with an id that begins so, forgotten or not. */
async function allOf(
  { memory, project_id }: Place,
  kinds: readonly Found['kind'][],
  id_prefix: string,
  limit: number,
): Promise<Found[]> {
  const learned = kinds.filter((kind) => kind !== 'review')
  const filter = { project_id, id_prefix, limit }
  const artifacts = learned.length === 0 ? [] : await memory.artifacts({ ...filter, kinds: learned, in_force: false })
  const reviews = kinds.includes('review') ? await memory.reviews(filter) : []
  return [...artifacts.map(ofArtifact), ...reviews.map(ofReview)]
}

function ofArtifact(artifact: Artifact): Found {
  return { kind: artifact.kind, subject: artifact, title: titleOf(artifact) }
}

function ofReview(review: Review): Found {
  return { kind: 'review', subject: review, title: review.decision?.title ?? null }
}

function notFound(given: string, what: string, near: readonly Named[], isEmpty: boolean): Refusal {
  const short = given.trim().length < SHORTEST ? TOO_SHORT : ''
  const hint =
    near.length > 0
      ? `${ELSEWHERE}\nIds that begin alike:${listed(near)}`
      : isEmpty
        ? 'Nothing has been saved there yet.'
        : `Give its id, or the beginning of it, as it is listed. ${ELSEWHERE}`
  const details = { id: given, nearest: near.map(({ id }) => id) }
  return new Refusal('artifact_not_found', `There is no ${what}.${short}`, { hint, details })
}

function ambiguous(
  given: string,
  candidates: readonly Named[],
  noun: string,
  code: RefusalCode = 'invalid_argument',
): Refusal {
  const first = candidates.slice(0, MOST_LISTED)
  const left = candidates.length - first.length
  const orMore = candidates.length >= MOST_MATCHES ? ' or more' : ''
  return new Refusal(code, `${candidates.length}${orMore} ids of a ${noun} begin with ${shown(given)}.`, {
    hint: `Give more of it:${listed(first)}${left > 0 ? `\n  and ${left}${orMore} others` : ''}`,
    details: { candidates: first.map(({ id, title }) => ({ id, title })) },
  })
}

/** A line each: people choose from a column. */
function listed(named: readonly Named[]): string {
  return named.map(({ id, title }) => `\n  ${id} (${title.replace(/\s+/g, ' ').slice(0, TITLE_SHOWN)})`).join('')
}

function shown(given: string): string {
  return `"${given.slice(0, 80)}"`
}
