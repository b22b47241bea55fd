import { hasEnded, type SessionState } from '../domain/session/state.ts'
import { type SessionView, sessionView } from '../domain/session/view.ts'
import type { LedgerReader } from '../ports/ledger.ts'

/** A session as the contract shows it, with what the store knows beside its record. */
export async function describe(book: LedgerReader, state: SessionState): Promise<SessionView> {
  const beat = await book.heartbeat(state.session_id)
  return sessionView(state, {
    leased: !hasEnded(state) && (await isLeased(book, state)),
    last_heartbeat_at: beat?.at ?? null,
    next_action: beat?.next_action ?? null,
  })
}

/** True while the session has its slot here, whether its holder still runs or left it an orphan. */
export async function isLeased(book: LedgerReader, state: SessionState): Promise<boolean> {
  return (await book.lease(state.slot))?.lease.session_id === state.session_id
}
