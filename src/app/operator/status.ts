import type { Holder } from '../../domain/lease.ts'
import { leaseExpiresAt } from '../../domain/lease.ts'
import type { Whisper } from '../../domain/session/state.ts'
import { type SessionView, sessionRow } from '../../domain/session/view.ts'
import { inOrderOfUrgency } from '../../domain/session/whispers.ts'
import type { Heartbeat, LeaseStatus, LedgerReader } from '../../ports/ledger.ts'
import type { Context } from '../context.ts'
import { describe } from '../view.ts'

/** A slot that is taken: by which session, who keeps it, and what waits for it. */
export interface SlotStatus {
  readonly slot: string
  readonly session_id: string
  readonly holder: Holder
  /** `orphan` when the holder is provably gone: the next call on the session adopts it, a new one in the slot clears it. */
  readonly held: 'held' | 'orphan'
  readonly gone: LeaseStatus['gone']
  readonly locked_at: string
  readonly expires_at: string
  /** `null` where the record of the session that holds the slot is not there. */
  readonly session: SessionView | null
  readonly heartbeat: Heartbeat | null
  readonly whispers_waiting: readonly Whisper[]
  readonly whispers_unacknowledged: number
}

/** The project at a glance: every slot that is taken, and the session that started last. */
export interface BookStatus {
  readonly project_id: string
  readonly slots: readonly SlotStatus[]
  readonly last_session: ReturnType<typeof sessionRow> | null
}

/** What goes on in a project now. Changes nothing. */
export async function statusOf({ ledger }: Context): Promise<BookStatus> {
  return await ledger.read(async (book) => {
    const slots: SlotStatus[] = []
    for (const status of await book.leases()) slots.push(await slotStatus(book, status))
    const [last] = await book.sessions({ limit: 1 })
    const isLive = slots.some(({ session_id }) => session_id === last?.session_id)
    return {
      project_id: ledger.project_id,
      slots,
      last_session: last === undefined ? null : sessionRow(last, isLive),
    }
  })
}

/** How it was found that a session's holder is gone. */
export type Gone = NonNullable<LeaseStatus['gone']>

/**
 * Sessions that were left behind: they are not over, and nobody keeps their slot any more. Their record cannot say so, since whoever
 * was to write it is gone.
 */
export async function leftBehind({ ledger }: Context): Promise<ReadonlyMap<string, Gone>> {
  const statuses = await ledger.read((book) => book.leases())
  return new Map(statuses.flatMap(({ lease, gone }) => (gone === null ? [] : [[lease.session_id, gone] as const])))
}

async function slotStatus(book: LedgerReader, { lease, held, gone }: LeaseStatus): Promise<SlotStatus> {
  const state = await book.session(lease.session_id)
  return {
    slot: lease.slot,
    session_id: lease.session_id,
    holder: lease.holder,
    held: held ? 'held' : 'orphan',
    gone,
    locked_at: lease.locked_at,
    expires_at: leaseExpiresAt(lease),
    session: state === undefined ? null : await describe(book, state),
    heartbeat: (await book.heartbeat(lease.session_id)) ?? null,
    whispers_waiting: inOrderOfUrgency(state?.whispers_waiting ?? []),
    whispers_unacknowledged: state?.whispers_unacknowledged.length ?? 0,
  }
}
