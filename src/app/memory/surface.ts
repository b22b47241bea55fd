import { GLOBAL_PROJECT } from '../../domain/memory/room.ts'
import type { MatchKind } from '../../domain/memory/search-doc.ts'
import type { Match } from '../../ports/memory.ts'
import type { Context } from '../context.ts'
import { readBoth } from './both-books.ts'

/** Searches a project's memory and the global one; an unknown project has nothing, which is no error. */
export async function surface(
  context: Context,
  given: {
    query: string
    project_id?: string | null | undefined
    limit: number
    /** Every kind where it is left out. */
    kinds?: readonly MatchKind[] | undefined
  },
) {
  const own = context.ledger.project_id
  const projectId = given.project_id ?? own
  const now = context.clock.now()
  return await readBoth(context, async (book, global, problem) => {
    const wanted = { text: given.query, limit: given.limit, kinds: given.kinds, now }
    const found = await book.memory.search({ project_ids: [projectId], ...wanted })
    const everywhere = global === null ? [] : await global.memory.search({ project_ids: [GLOBAL_PROJECT], ...wanted })
    const isKnown = projectId === own || (await book.memory.projects()).includes(projectId)
    const notes = [...(isKnown ? [] : [nothingKnown(projectId, own)]), ...(problem === null ? [] : [problem])]
    const matches = merged(found, everywhere).slice(0, given.limit).map(viewOf)
    return { matches, message: notes.length === 0 ? null : notes.join(' ') }
  })
}

/** Of two lists that were ranked apart: by score, and of equals what is nearer. */
function merged(near: readonly Match[], far: readonly Match[]): Match[] {
  return [...near, ...far].sort((a, b) => b.score - a.score)
}

function viewOf({ project_id, at, ...match }: Match) {
  return { ...match, project_id: project_id === GLOBAL_PROJECT ? null : project_id, saved_at: at }
}

/** What to say of a project in which nobody ever saved anything. */
export function nothingKnown(projectId: string, own: string): string {
  return `Nothing is known of project "${projectId}"; this repository's own is "${own}".`
}
