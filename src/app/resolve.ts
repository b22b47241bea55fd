import { Refusal } from '../domain/refusal.ts'
import { hasEnded, type SessionState } from '../domain/session/state.ts'
import type { LedgerReader } from '../ports/ledger.ts'
import type { Connection } from './context.ts'
import { sessionLocked } from './lock.ts'

/**
 * The session that a call is about: the one it names, else the one that its connection initialised, else the one live
 * session of its slot, else the one live session of the project.
 */
async function sessionMeant(
  book: LedgerReader,
  connection: Connection,
  named: string | undefined,
): Promise<SessionState> {
  const wanted = named ?? connection.session_id
  if (wanted !== null) return await existing(book, wanted)

  const live = await liveSessions(book)
  const inSlot = live.filter((state) => state.slot === connection.slot)
  const candidates = inSlot.length > 0 ? inSlot : live
  const [only, ...others] = candidates
  if (only === undefined) {
    throw new Refusal(
      'no_active_session',
      `No session is live in slot "${connection.slot}" or any other of this project.`,
      {
        hint: 'Call session_initialize first.',
      },
    )
  }
  if (others.length > 0) throw ambiguous(connection, candidates)
  return only
}

/**
 * The same, for a change. An agent that was told that a run has the slot, and calls on without naming one, means a run of its own:
 * what it reports may not be counted on the other, let alone end it.
 */
export async function sessionToChange(
  book: LedgerReader,
  connection: Connection,
  named: string | undefined,
): Promise<SessionState> {
  const state = await sessionMeant(book, connection, named)
  const isNamed = named !== undefined || connection.session_id !== null
  if (isNamed || state.session_id !== connection.refused_for) return state
  const status = await book.lease(state.slot)
  if (!status?.held || status.lease.session_id !== state.session_id) return state
  throw sessionLocked(status, (await book.heartbeat(state.session_id))?.at ?? null, false)
}

/** The session that a call wants to look at: as for a change, and failing that the last one of the slot, over or not. */
export async function sessionToRead(
  book: LedgerReader,
  connection: Connection,
  named: string | undefined,
): Promise<SessionState> {
  try {
    return await sessionMeant(book, connection, named)
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'no_active_session') throw error
    const last = await book.lastSessionIn(connection.slot)
    if (last === undefined) throw error
    return last
  }
}

/** The session of that id, or a refusal that helps to find the right one. */
export async function existing(book: LedgerReader, id: string): Promise<SessionState> {
  const state = await book.session(id)
  if (state !== undefined) return state
  const recent = await book.sessions({ limit: 3 })
  const known = recent.map(({ session_id }) => session_id)
  throw new Refusal('session_not_found', `There is no session "${id}" in this project.`, {
    hint:
      known.length === 0
        ? 'Call session_initialize first.'
        : `The latest are: ${known.join(', ')}. session_list shows more.`,
    details: { session_id: id },
  })
}

/** Every session that has a slot here, whether its holder still runs or left it an orphan. */
async function liveSessions(book: LedgerReader): Promise<SessionState[]> {
  const states: SessionState[] = []
  for (const { lease } of await book.leases()) {
    const state = await book.session(lease.session_id)
    if (state !== undefined && !hasEnded(state)) states.push(state)
  }
  return states
}

function ambiguous(connection: Connection, live: readonly SessionState[]): Refusal {
  const listed = live.map(({ session_id, slot }) => `${session_id} (slot "${slot}")`).join(', ')
  return new Refusal(
    'ambiguous_session',
    `Slot "${connection.slot}" has no live session and ${live.length} others do: ${listed}.`,
    {
      hint: 'Name one with session_id.',
      details: { sessions: live.map(({ session_id, slot, status }) => ({ session_id, slot, status })) },
    },
  )
}
