import type { SessionCommand } from '../domain/session/commands.ts'
import { decide } from '../domain/session/decide.ts'
import type { NewSessionEvent } from '../domain/session/events.ts'
import { hasEnded, type SessionState } from '../domain/session/state.ts'
import type { LedgerReader, LedgerWriter } from '../ports/ledger.ts'
import type { Context } from './context.ts'
import { holdSlot, writeWithGrants } from './lock.ts'
import { record, releaseSlot } from './record.ts'
import { sessionToChange } from './resolve.ts'

/** A change that was asked for: of which session, and what; where the book must be asked first, as a question to it. */
export interface Call {
  readonly session_id?: string | undefined
  readonly command: SessionCommand | ((state: SessionState, book: LedgerReader) => Promise<SessionCommand>)
}

/**
 * The one way in which a session changes: find it, make sure that the caller may, decide, record, answer. All of it inside one
 * write, so that nothing that was checked can change before it is recorded. Gives what `answer` makes of the session after it.
 */
export async function change<T>(
  context: Context,
  call: Call,
  answer: (state: SessionState, book: LedgerWriter, events: readonly NewSessionEvent[]) => Promise<T>,
): Promise<T> {
  return await writeWithGrants(context, async (book, grants) => {
    const found = await sessionToChange(book, context.connection, call.session_id)
    const state = await holdSlot(book, context, found, grants)
    const command = typeof call.command === 'function' ? await call.command(state, book) : call.command
    const events = decide(state, command, context.connection.actor)
    const after = await record(book, context, state, events)
    if (hasEnded(after) && !hasEnded(state)) await releaseSlot(book, after)
    return await answer(after, book, events)
  })
}
