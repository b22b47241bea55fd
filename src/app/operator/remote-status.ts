import type { RemoteNote } from '../../domain/remote.ts'
import type { LogCopy } from '../../ports/log-copy.ts'
import type { RemoteNotes } from '../../ports/remote-notes.ts'
import type { Complaint } from './complaint.ts'
import { eventsIn } from './sync-plan.ts'

/** How a clone stands to the team's database beside it, as far as the last attempt knew. */
export interface RemoteStatus {
  /** The database, without the password. */
  readonly remote: string
  readonly together_at: string | null
  readonly last_attempt_at: string | null
  /** Events of this clone that are not known to have arrived. */
  readonly lacking: number
  /** Since when attempts have come to nothing, and what the last of them met. */
  readonly away_since: string | null
  /** True where waiting does not help: a wrong password, say. */
  readonly needs_help: boolean
  readonly error: { readonly message: string; readonly hint?: string | undefined } | null
  readonly is_at_it: boolean
  /** When an attempt was begun whose process was killed; the next one goes on from there. */
  readonly cut_off_at: string | null
  readonly forks: RemoteNote['forks']
  readonly left_apart: RemoteNote['left_apart']
}

/**
 * `configured` is the database that this process was told of, which may be none, or another one than was last tried. What has been
 * recorded since then is counted as well: `here` gives the events of this clone as it is now.
 */
export async function remoteStatus(
  notes: RemoteNotes,
  configured: string | null,
  here: LogCopy,
): Promise<RemoteStatus | null> {
  const known = notes.read()
  const note = configured === null || known?.remote === configured ? known : null
  const remote = configured ?? known?.remote
  if (remote === undefined) return null
  const last = note?.last ?? null
  const isAtIt = note !== null && notes.isRunning(note)
  return {
    remote,
    together_at: note?.together_at ?? null,
    last_attempt_at: last?.ended_at ?? null,
    // Records that git took out of the working tree make it less than nothing.
    lacking: Math.max(0, eventsIn(await here.survey()) - (note?.arrived ?? 0)),
    away_since: note?.away_since ?? null,
    needs_help: last?.outcome === 'refused',
    error: last?.error ?? null,
    is_at_it: isAtIt,
    cut_off_at: isAtIt ? null : (note?.running?.began_at ?? null),
    forks: note?.forks ?? [],
    left_apart: note?.left_apart ?? [],
  }
}

export const TRIED_AGAIN = 'It is tried again by itself while an agent works here, or now: rutter sync.'

/** What a person should know of it. */
export function remoteComplaints({
  remote,
  away_since,
  needs_help,
  error,
  lacking,
  forks,
  left_apart,
}: RemoteStatus): Complaint[] {
  const base = { check: 'remote', where: remote, mended: null } as const
  const waiting = lacking === 0 ? '' : ` ${eventsWaiting(lacking)}.`
  const trouble =
    error === null
      ? []
      : [
          {
            ...base,
            level: needs_help ? 'wrong' : 'note',
            message: `not brought together with this clone since ${away_since}: ${error.message}${waiting}`,
            mend: needs_help ? (error.hint ?? null) : TRIED_AGAIN,
          } as const,
        ]
  const apart = left_apart.map(
    ({ stream, where, message }) =>
      ({
        ...base,
        level: 'wrong',
        where,
        message: `${stream.kind} record ${stream.id} was left apart: ${message}`,
        mend: 'rutter verify says more of a record that is not as it was written; rutter sync tries it again.',
      }) as const,
  )
  const forked = forks.map(
    ({ stream, common, here }) =>
      ({
        ...base,
        level: 'note',
        where: here.in_place,
        message: `${stream.kind} record ${stream.id} and the team's copy of it parted behind event ${common}; that one is kept in ${here.beside}`,
        mend: 'Each side goes on with its own and keeps the other beside it; rutter sync says where all four are.',
      }) as const,
  )
  return [...trouble, ...apart, ...forked]
}

export function eventsWaiting(lacking: number): string {
  return `${lacking} ${lacking === 1 ? 'event' : 'events'} of this clone ${lacking === 1 ? 'has' : 'have'} not arrived there yet`
}
