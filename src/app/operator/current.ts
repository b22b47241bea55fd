import { Refusal } from '../../domain/refusal.ts'
import type { Context } from '../context.ts'
import { sessionToChange } from '../resolve.ts'
import { sessionByPrefix } from './by-prefix.ts'

/** The id of the session that a person means: by its id, by the beginning of it, or by saying nothing at all. */
export async function sessionMeant(context: Context, given: string | undefined): Promise<string> {
  return given === undefined ? await currentSessionId(context) : await sessionByPrefix(context, given)
}

/**
 * The session that a person means who names none: the one that is live, else the one that started last, in whatever slot.
 * An agent's call stays in its own slot; a person looks at the project.
 */
async function currentSessionId({ ledger, connection }: Context): Promise<string> {
  return await ledger.read(async (book) => {
    try {
      return (await sessionToChange(book, connection, undefined)).session_id
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'no_active_session') throw error
      const [last] = await book.sessions({ limit: 1 })
      if (last === undefined) throw new Refusal('no_active_session', 'There is no session in this project yet.')
      return last.session_id
    }
  })
}
