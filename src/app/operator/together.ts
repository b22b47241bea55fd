import { Refusal } from '../../domain/refusal.ts'
import { begun, ended } from '../../domain/remote.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LogCopy } from '../../ports/log-copy.ts'
import type { Processes } from '../../ports/processes.ts'
import type { RemoteNotes } from '../../ports/remote-notes.ts'
import { asRefusal } from '../operation.ts'
import { type Synced, type SyncOptions, sync } from './sync.ts'
import { type Account, eventsIn } from './sync-plan.ts'

export interface Together {
  readonly here: LogCopy
  readonly there: LogCopy
  readonly notes: RemoteNotes
  readonly clock: Clock
  readonly processes: Processes
}

/** How long one that is done by hand waits for another one before it goes on beside it: two at a time do no harm. */
const PATIENCE_BY_HAND_MS = 10_000
const PATIENCE_MS = 60_000

/** One in the background that hears nothing for so long gives up, and one that takes so long leaves the rest to the next. */
const SILENCE_MS = 60_000
const LONGEST_MS = 10 * 60_000

/** Brings a clone's book together with its team's, and notes for all processes of the clone what it came to. */
export async function syncByHand(parts: Together, options: SyncOptions): Promise<Synced> {
  const turn = await parts.notes.turn(PATIENCE_BY_HAND_MS)
  try {
    return await noted(parts, (account) => sync(parts.here, parts.there, { ...options, account }))
  } finally {
    turn?.end()
  }
}

/**
 * The same for nobody who waits: one at a time in a clone, at a pace that leaves others room, and never for long. `null` where somebody
 * else has it in hand, or has done meanwhile what was asked for.
 */
export async function syncInBackground(parts: Together, options: SyncOptions): Promise<Synced | null> {
  const { here, there, notes, clock } = parts
  const asked_at = clock.now()
  const turn = await notes.turn(PATIENCE_MS)
  if (turn === null) return null
  try {
    if (isDoneSince(asked_at, parts)) return null
    return await noted(parts, (account) =>
      within({ silence_ms: SILENCE_MS, longest_ms: LONGEST_MS, where: there.where }, (onProgress) =>
        sync(here, there, { ...options, account, unhurried: true, onProgress }),
      ),
    )
  } finally {
    turn.end()
  }
}

/** Whether another process has brought the very same two together since; a note of before the clock was set back says nothing of it. */
function isDoneSince(asked_at: string, { there, notes, clock }: Together): boolean {
  const note = notes.read()
  if (note?.remote !== there.where || note.last?.outcome !== 'together') return false
  return asked_at <= note.last.began_at && note.last.began_at <= clock.now()
}

async function noted(
  { here, there, notes, clock, processes }: Together,
  work: (account: Account) => Promise<Synced>,
): Promise<Synced> {
  const account: Account = { here: null, sent: 0, received: 0 }
  const began_at = clock.now()
  const remote = there.where
  notes.write(begun(notes.read(), remote, { by: processes.self(), began_at }))
  const end = (came: Pick<Parameters<typeof ended>[2], 'outcome' | 'error' | 'forks' | 'left_apart'>) => {
    const note = begun(notes.read(), remote, { by: processes.self(), began_at })
    notes.write(ended(note, began_at, { ...account, ...came, ended_at: clock.now() }))
  }
  try {
    const synced = await work(account)
    end({ outcome: 'together', error: null, forks: [...synced.forks], left_apart: [...synced.left_apart] })
    return synced
  } catch (error) {
    const { message, hint, passing } = asRefusal(error)
    // Said of a call that was refused; here it would be taken for what this clone has recorded.
    const told = { message: message.replace(/ Nothing was written\.$/, ''), ...(hint === undefined ? {} : { hint }) }
    // Sessions went on meanwhile, and what they have recorded has not arrived either.
    account.here = await here.survey().then(eventsIn, () => account.here)
    end({ outcome: passing === null ? 'refused' : 'away', error: told, forks: [], left_apart: [] })
    throw error
  }
}

interface Bounds {
  readonly silence_ms: number
  readonly longest_ms: number
  readonly where: string
}

/** What was begun goes on when this gives up: whoever calls ends the process, and a sync may be cut off anywhere. */
export function within<T>(bounds: Bounds, work: (onProgress: () => void) => Promise<T>): Promise<T> {
  const { silence_ms, longest_ms } = bounds
  const began = performance.now()
  let heard = began
  return new Promise((resolve, reject) => {
    const look = () => {
      const now = performance.now()
      if (now - began >= longest_ms) reject(givenUp(bounds, now - began, 'is slower than the background waits for'))
      else if (now - heard >= silence_ms) reject(givenUp(bounds, now - began, 'does not answer'))
    }
    const timer = setInterval(look, Math.min(1000, silence_ms, longest_ms))
    const working = work(() => {
      heard = performance.now()
    })
    working.then(resolve, reject).finally(() => clearInterval(timer))
  })
}

function givenUp({ where }: Bounds, ms: number, what: string): Refusal {
  return new Refusal(
    'store_unavailable',
    `The team's store at ${where} ${what}; given up after ${Math.round(ms / 1000)} s. What arrived stays, and the next sync goes on from there.`,
    { hint: 'rutter sync does it by hand, with a progress bar.', passing: 'unknown' },
  )
}
