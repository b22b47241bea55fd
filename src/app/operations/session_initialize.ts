import * as z from 'zod'
import { leaseExpiresAt } from '../../domain/lease.ts'
import { newSessionId } from '../../domain/session/id.ts'
import { hasEnded } from '../../domain/session/state.ts'
import type { LedgerWriter } from '../../ports/ledger.ts'
import type { Context } from '../context.ts'
import { sessionLocked, writeWithGrants } from '../lock.ts'
import { operation } from '../operation.ts'
import { record } from '../record.ts'
import { idText, lockShape, SLOT_NAME, SLOT_RULE, sessionShape, shortText, WRITES } from '../shapes.ts'
import { describe } from '../view.ts'

/** Entries that a session's metadata may have. */
const MAX_METADATA = 50

export const sessionInitialize = operation({
  name: 'session_initialize',
  title: 'Start a session',
  toolset: 'session',
  summary:
    'Start a run: takes the lock of a workflow slot and opens its record. Call it once, first. Refused with session_locked, naming the holder, while another run has the slot; a dead run is cleared away and kept as interrupted.',
  input: z.strictObject({
    session_type: z.enum(['autonomous', 'manual']),
    workflow: shortText.optional(),
    slot: idText.regex(SLOT_NAME, SLOT_RULE).optional(),
    provider: shortText.optional(),
    model: shortText.optional(),
    metadata: z
      .record(idText, z.string().max(1000))
      .refine((entries) => Object.keys(entries).length <= MAX_METADATA, `at most ${MAX_METADATA} entries`)
      .optional(),
  }),
  output: z.object({
    session_id: z.string(),
    session: sessionShape,
    lock: lockShape,
    reclaimed: z.object({ session_id: z.string(), reason: z.enum(['process_gone', 'lease_expired']) }).nullable(),
  }),
  annotations: WRITES,
  async run(context, input) {
    const { connection, settings, ledger } = context
    const slot = input.slot ?? connection.slot
    connection.refused_for = null
    const started = await writeWithGrants(context, async (book, grants) => {
      const joined = await joinedRun(book, context, slot)
      if (joined !== null) return joined
      const reclaimed = await clearSlot(book, context, slot)
      const id = await freshId(book, context)
      const lease = await book.grant(slot, id)
      grants.set(id, lease.token)
      const { token, holder } = lease
      const state = await record(book, context, { session_id: id, last_at: '' }, [
        {
          type: 'session.started',
          data: {
            session_id: id,
            session_type: input.session_type,
            slot,
            workflow: input.workflow ?? null,
            provider: input.provider ?? null,
            model: input.model ?? null,
            metadata: input.metadata ?? {},
            max_consecutive_failures: settings.max_consecutive_failures,
          },
        },
        { type: 'lease.granted', data: { slot, token, reason: 'initialized', holder, book: ledger.place } },
      ])
      return { lease, reclaimed, session: await describe(book, state) }
    })
    const { lease, session, reclaimed } = started
    connection.session_id = session.session_id
    const lock = { slot, token: lease.token, expires_at: leaseExpiresAt(lease) }
    return { session_id: session.session_id, session, lock, reclaimed }
  },
})

/** An agent that a wrapper started as a session has it already: its own lock is not to be refused to it. */
async function joinedRun(book: LedgerWriter, { connection }: Context, slot: string) {
  const status = await book.lease(slot)
  if (connection.runs_as === null || status?.lease.session_id !== connection.runs_as) return null
  const state = await book.session(connection.runs_as)
  if (state === undefined || hasEnded(state)) return null
  return { lease: status.lease, reclaimed: null, session: await describe(book, state) }
}

/** Refuses a slot whose holder lives; ends the session of one that is provably gone. */
async function clearSlot(book: LedgerWriter, context: Context, slot: string) {
  const status = await book.lease(slot)
  if (status === undefined) return null
  const state = await book.session(status.lease.session_id)
  if (state === undefined || hasEnded(state)) return null
  if (status.gone === null) {
    const isOwn = status.mine && context.connection.tokens.has(state.session_id)
    if (!isOwn) context.connection.refused_for = state.session_id
    throw sessionLocked(status, (await book.heartbeat(state.session_id))?.at ?? null, isOwn)
  }
  const { pid, host } = status.lease.holder
  const how = status.gone === 'process_gone' ? 'no longer runs' : 'let its lease run out'
  const detail = `process ${pid} on ${host} ${how}; cleared by a new session in slot "${slot}"`
  await record(book, context, state, [{ type: 'session.ended', data: { reason: status.gone, detail, command: null } }])
  return { session_id: state.session_id, reason: status.gone }
}

async function freshId(book: LedgerWriter, context: Context): Promise<string> {
  for (;;) {
    const id = newSessionId(context.clock.now(), context.random)
    if ((await book.session(id)) === undefined) return id
  }
}
