import type { Context } from '../context.ts'
import { surface } from '../memory/surface.ts'
import { knownProjects, otherProjects } from './by-scope.ts'

/** Matches that are counted: who finds so many wants other words rather than the number of all. */
const MOST_COUNTED = 100

export interface Search extends Awaited<ReturnType<typeof surface>> {
  /** How many matches `limit` left out. */
  readonly more: number
  /** True where nobody counted to the end. */
  readonly or_more: boolean
}

/** Searches as an agent does, and says how much more there is, and what other projects where one is not known. */
export async function search(context: Context, given: Parameters<typeof surface>[1]): Promise<Search> {
  const found = await surface(context, given)
  const isCut = found.matches.length === given.limit
  const counted = isCut ? (await surface(context, { ...given, limit: MOST_COUNTED })).matches.length : 0
  const message = await withOthers(context, given.project_id ?? null, found.message)
  return { ...found, message, more: Math.max(0, counted - given.limit), or_more: counted === MOST_COUNTED }
}

async function withOthers({ ledger }: Context, project: string | null, message: string | null): Promise<string | null> {
  if (message === null || project === null || project === ledger.project_id) return message
  const others = await ledger.read((book) => otherProjects(book.memory, ledger.project_id))
  return others.includes(project) ? message : `${message} ${knownProjects(others)}`
}
