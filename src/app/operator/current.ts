import { Refusal } from '../../domain/refusal.ts'
import type { Context } from '../context.ts'
import { sessionToChange } from '../resolve.ts'

/**
 * The session that a person means who names none: the one that is live, else the one that started last, in whatever slot.
 * An agent's call stays in its own slot; a person looks at the project.
 */
export async function currentSessionId({ ledger, connection }: Context): Promise<string> {
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
