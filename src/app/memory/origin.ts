import type { StreamRef } from '../../domain/event.ts'
import { Refusal } from '../../domain/refusal.ts'
import { sessionStream } from '../../domain/session/projection.ts'
import { hasEnded, type SessionState } from '../../domain/session/state.ts'
import type { LedgerWriter } from '../../ports/ledger.ts'
import type { Connection, Context } from '../context.ts'
import { type Grants, holdSlot } from '../lock.ts'
import { existing } from '../resolve.ts'

/** In whose name something is saved, and the record that takes it. */
export interface Origin {
  /** The run that it is linked to; `null` where there is none. */
  readonly session_id: string | null
  readonly stream: StreamRef
  /** Not before this, so that times in one record never go back. ISO 8601 UTC, or empty. */
  readonly not_before: string
  /** What the caller is told besides: that its slot is another's now, which any other call would be refused for. */
  readonly note: string | null
}

/**
 * The session that something learned is linked to: the one that is named, else the one of this connection, also right after its
 * end; else the one that its slot holds and nobody else runs. A live session's own record takes it, and in every other case the
 * clone's memory: what an agent learned is not lost because its run has ended or lost its slot.
 */
export async function originOf(
  book: LedgerWriter,
  context: Context,
  named: string | null,
  grants: Grants,
): Promise<Origin> {
  const state = await sessionOf(book, context, named)
  if (state === undefined) return { session_id: null, stream: await book.memoryStream(), not_before: '', note: null }
  const { session_id } = state
  const held = await unlessLost(() => holdSlot(book, context, state, grants))
  if (held !== null && !hasEnded(held)) {
    return { session_id, stream: sessionStream(session_id), not_before: held.last_at, note: null }
  }
  const note = held === null && isOwn(context, session_id) ? lostNote(state) : null
  return { session_id, stream: await book.memoryStream(), not_before: '', note }
}

/** A run of somebody else that was interrupted is no news to whoever saves something about it. */
function isOwn({ connection }: Context, sessionId: string): boolean {
  return ownSession(connection) === sessionId || connection.tokens.has(sessionId)
}

function ownSession({ session_id, runs_as }: Connection): string | null {
  return session_id ?? runs_as
}

function lostNote({ session_id, slot }: SessionState): string {
  return `Kept beside session ${session_id}: this connection holds its slot "${slot}" no longer (lease_lost). Stop working on its behalf.`
}

async function sessionOf(
  book: LedgerWriter,
  context: Context,
  named: string | null,
): Promise<SessionState | undefined> {
  if (named !== null) return await existing(book, named)
  const { slot } = context.connection
  const own = ownSession(context.connection)
  if (own !== null) return await book.session(own)
  // A client that connects anew goes on with the orphan that it left; a stranger's run is none of its business.
  const status = await book.lease(slot)
  if (status === undefined || (status.held && !status.mine)) return undefined
  const state = await book.session(status.lease.session_id)
  return state === undefined || hasEnded(state) ? undefined : state
}

async function unlessLost(hold: () => Promise<SessionState>): Promise<SessionState | null> {
  try {
    return await hold()
  } catch (error) {
    if (error instanceof Refusal && error.code === 'lease_lost') return null
    throw error
  }
}
