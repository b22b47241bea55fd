import { type ArtifactKind, titleOf } from '../../domain/memory/artifact.ts'
import { GLOBAL_PROJECT } from '../../domain/memory/room.ts'
import { Refusal } from '../../domain/refusal.ts'
import type { LedgerReader } from '../../ports/ledger.ts'
import type { Context } from '../context.ts'
import { readBoth } from '../memory/both-books.ts'
import { listReviews } from '../memory/reviewing.ts'

/** Something with an id that nobody wants to type. */
export interface Named {
  readonly id: string
  /** What a person knows it by. */
  readonly title: string
}

/** Candidates that a refusal lists. */
const MOST_LISTED = 10

/** Artifacts that are looked through for an id which was not given whole. */
const MOST_KNOWN = 100_000

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
  if (others.length === 0) return only
  const listed = candidates.slice(0, MOST_LISTED).map(({ id, title }) => `${id} (${title})`)
  const left = candidates.length - listed.length
  throw new Refusal('invalid_argument', `${candidates.length} ids of a ${noun} begin with ${shown(given)}.`, {
    hint: `Give more of it: ${listed.join(', ')}${left > 0 ? `, and ${left} more` : ''}.`,
    details: { candidates: candidates.slice(0, MOST_LISTED).map(({ id, title }) => ({ id, title })) },
  })
}

function shown(given: string): string {
  return `"${given.slice(0, 80)}"`
}

/** The whole id of an artifact of this project, or of global scope, that was given in full or by its beginning. */
export async function artifactByPrefix(
  { ledger }: Context,
  given: string,
  kinds: readonly ArtifactKind[],
  projectId: string | null = null,
): Promise<string> {
  return await readBoth({ ledger }, async (book, global) => {
    const project = projectId ?? ledger.project_id
    const places: [LedgerReader, string][] = [[book, project]]
    if (global !== null) places.push([global, GLOBAL_PROJECT])
    for (const [{ memory }, project_id] of places) {
      const exact = await memory.artifact(project_id, given)
      if (exact !== undefined && kinds.includes(exact.kind)) return exact.id
    }
    const known: Named[] = []
    for (const [{ memory }, project_id] of places) {
      const artifacts = await memory.artifacts({ project_id, kinds, in_force: false, limit: MOST_KNOWN })
      known.push(...artifacts.map((artifact) => ({ id: artifact.id, title: titleOf(artifact) ?? 'forgotten' })))
    }
    return byPrefix(given, known, kinds.join(' or ')).id
  })
}

/** The whole id of a review; one that waits may be given by its beginning. */
export async function reviewByPrefix(context: Context, given: string, projectId: string | null): Promise<string> {
  if (UUID.test(given)) return given
  const waiting = await listReviews(context, projectId)
  const known = waiting.map(({ id, decision }) => ({ id, title: decision.title }))
  return byPrefix(given, known, 'decision that waits for review').id
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
