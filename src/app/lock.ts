import { leaseExpiresAt } from '../domain/lease.ts'
import { Refusal } from '../domain/refusal.ts'
import { hasEnded, type SessionState } from '../domain/session/state.ts'
import type { LeaseStatus, LedgerWriter } from '../ports/ledger.ts'
import type { Context } from './context.ts'
import { record } from './record.ts'

/** Fencing token of each session that a write was granted. */
export type Grants = Map<string, number>

/**
 * A write whose grants become the connection's once it is recorded: a refused call must not leave a token behind that the next
 * holder will be given too.
 */
export function writeWithGrants<T>(
  context: Context,
  work: (book: LedgerWriter, grants: Grants) => Promise<T>,
): Promise<T> {
  return keepingGrants(context, (grants) =>
    context.ledger.write((book) => {
      grants.clear()
      return work(book, grants)
    }),
  )
}

/** The same, in this book and the global one together. */
export function writeWithGlobal<T>(
  context: Context,
  work: (book: LedgerWriter, global: LedgerWriter, grants: Grants) => Promise<T>,
): Promise<T> {
  return keepingGrants(context, (grants) =>
    context.ledger.writeWithGlobal((book, global) => {
      grants.clear()
      return work(book, global, grants)
    }),
  )
}

async function keepingGrants<T>({ connection }: Context, write: (grants: Grants) => Promise<T>): Promise<T> {
  const grants: Grants = new Map()
  const result = await write(grants)
  for (const [sessionId, token] of grants) connection.tokens.set(sessionId, token)
  return result
}

/**
 * Makes sure that the caller may change a session, and keeps its slot alive.
 *
 * A holder that is gone left an orphan, and the first call on it adopts it. A connection whose grant was overtaken by a later
 * one is told so, however it names the session: it slept, and somebody else went on. An operator's word needs no lock.
 */
export async function holdSlot(
  book: LedgerWriter,
  context: Context,
  state: SessionState,
  grants: Grants,
): Promise<SessionState> {
  const { connection } = context
  if (connection.actor.kind === 'operator') return state
  if (state.status === 'interrupted') throw leaseLost(state, null)
  if (hasEnded(state)) return state

  const status = await book.lease(state.slot)
  const isTheirs = status !== undefined && status.lease.session_id !== state.session_id
  if (isTheirs) throw leaseLost(state, status)

  const token = connection.tokens.get(state.session_id)
  if (token !== undefined && token < state.token) throw leaseLost(state, status ?? null)
  if (status?.held) return state
  return await adopt(book, context, state, grants)
}

async function adopt(book: LedgerWriter, context: Context, state: SessionState, grants: Grants): Promise<SessionState> {
  const lease = await book.grant(state.slot, state.session_id)
  const { slot, token, holder } = lease
  const adopted = await record(book, context, state, [
    { type: 'lease.granted', data: { slot, token, reason: 'adopted', holder, book: context.ledger.place } },
  ])
  grants.set(state.session_id, token)
  return adopted
}

/** A slot that is taken: by whom, since when, and what to do. */
export function sessionLocked(status: LeaseStatus, lastHeartbeatAt: string | null, isOwn: boolean): Refusal {
  const { lease } = status
  const { host, pid } = lease.holder
  return new Refusal(
    'session_locked',
    `Slot "${lease.slot}" is held by session ${lease.session_id} (process ${pid} on ${host}, since ${lease.locked_at}).`,
    {
      hint: isOwn
        ? 'It is your own session: go on with it, or end it with session_update { "status": "stopped" } first.'
        : `Wait for it or stop it (rutter stop ${lease.session_id}), or start in another slot: session_initialize { "slot": "..." }.`,
      details: {
        locked_by: lease.session_id,
        locked_at: lease.locked_at,
        last_heartbeat_at: lastHeartbeatAt ?? lease.renewed_at,
        expires_at: leaseExpiresAt(lease),
        holder: lease.holder,
      },
    },
  )
}

function leaseLost(state: SessionState, to: LeaseStatus | null): Refusal {
  const why =
    to === null && !hasEnded(state)
      ? 'another process had adopted it'
      : to === null
        ? `its holder was found gone and it was ended as interrupted at ${state.end_time}`
        : `${to.lease.session_id === state.session_id ? 'another process has adopted it' : `session ${to.lease.session_id} has it`} since ${to.lease.locked_at}`
  return new Refusal(
    'lease_lost',
    `Session ${state.session_id} has lost slot "${state.slot}": ${why}. Nothing was changed.`,
    {
      hint: 'Stop working on its behalf. session_initialize starts a new session where the slot is free.',
      details: {
        session_id: state.session_id,
        slot: state.slot,
        token: state.token,
        ...(to === null ? {} : { held_by: to.lease.session_id, current_token: to.lease.token }),
      },
    },
  )
}
