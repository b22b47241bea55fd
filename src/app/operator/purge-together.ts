import { Refusal } from '../../domain/refusal.ts'
import type { Copyable } from '../../ports/log-copy.ts'
import type { RemoteNotes } from '../../ports/remote-notes.ts'
import type { Context } from '../context.ts'
import { type Forgotten, forget, type Wanted } from '../memory/forgetting.ts'
import { type SyncOptions, sync } from './sync.ts'

/** One book, opened, as whoever purges in two of them needs it. */
export interface Side {
  readonly context: Context
  readonly copies: Copyable
}

/** How long a sync that is under way is waited for. */
const PATIENCE_MS = 60_000

/**
 * Purges a text in a clone and in the team's database beside it. On one side alone it would come back with the next sync, as the other
 * copy of a record that has forked. Both are brought together first, and nobody else syncs until it is done: the same lines are then
 * written anew in the same way, so the records stay alike. Nothing is changed where the database cannot be reached.
 */
export async function purgeOnBothSides(
  { here, there, notes }: { here: Side; there: Side; notes: RemoteNotes },
  wanted: Wanted,
  digest: SyncOptions['digest'],
): Promise<{ here: Forgotten; there: Forgotten }> {
  const turn = await notes.turn(PATIENCE_MS)
  if (turn === null) {
    throw new Refusal(
      'store_unavailable',
      'This clone is being brought together with its team just now, and takes long.',
      {
        hint: 'Nothing was forgotten. Call it again when that is over; rutter status says.',
      },
    )
  }
  try {
    const copy = there.copies.copyOf('own')
    await sync(here.copies.copyOf('own'), copy, { dry_run: false, digest }).catch((error: unknown) => {
      throw notBoth(error, copy.where)
    })
    // The database first: what is left undone there would come back here.
    const gone = await forget(there.context, wanted, { purge: true })
    return { here: await forget(here.context, wanted, { purge: true }), there: gone }
  } finally {
    turn.end()
  }
}

function notBoth(error: unknown, where: string): unknown {
  if (!(error instanceof Refusal)) return error
  return new Refusal(
    error.code,
    `The text would come back from ${where}, and there it could not be purged: ${error.message} Nothing was forgotten.`,
    {
      hint: 'Purge it when the database is there. In this clone alone, with RUTTER_REMOTE unset, it is gone until the next sync.',
      cause: error,
    },
  )
}
