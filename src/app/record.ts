import type { NewSessionEvent } from '../domain/session/events.ts'
import { sessionStream } from '../domain/session/projection.ts'
import type { SessionState } from '../domain/session/state.ts'
import type { LedgerWriter } from '../ports/ledger.ts'
import type { Context } from './context.ts'

/** Appends events to a session. A record's times never go back, whatever the wall clock does. */
export async function record(
  book: LedgerWriter,
  context: Context,
  state: Pick<SessionState, 'session_id' | 'last_at'>,
  events: readonly NewSessionEvent[],
): Promise<SessionState> {
  const now = context.clock.now()
  const at = now > state.last_at ? now : state.last_at
  await book.append(sessionStream(state.session_id), events, { actor: context.connection.actor, at })
  const after = await book.session(state.session_id)
  if (after === undefined) throw new Error(`Session ${state.session_id} is gone in the middle of a write.`)
  return after
}

/** Frees the slot of a session that is over, unless somebody else has it by now. */
export async function releaseSlot(book: LedgerWriter, state: SessionState): Promise<void> {
  const status = await book.lease(state.slot)
  if (status?.lease.session_id === state.session_id) await book.release(state.slot)
}
