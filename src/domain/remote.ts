import * as z from 'zod'
import { holderSchema } from './lease.ts'

const apart = z.object({ stream: z.object({ kind: z.enum(['session', 'memory']), id: z.string() }) })

/** Where a fork's two copies are on one side. */
const copies = z.object({
  /** The copy that goes on as the stream itself. */
  in_place: z.string(),
  /** The other side's. */
  beside: z.string(),
})

/** A stream whose two copies each have something that the other does not. Both are kept on both sides. */
const syncedFork = apart.extend({
  /** The last event that both have. */
  common: z.int(),
  here: copies,
  there: copies,
})
export type SyncedFork = z.infer<typeof syncedFork>

/** A stream of which the two copies could not be brought together, and why. */
const leftApart = apart.extend({ where: z.string(), message: z.string() })
export type LeftApart = z.infer<typeof leftApart>

/** What an attempt to bring a clone's book together with its team's came to. */
const attempt = z.object({
  began_at: z.iso.datetime(),
  ended_at: z.iso.datetime(),
  /** `away` passes by itself, `refused` does not. */
  outcome: z.enum(['together', 'away', 'refused']),
  sent: z.int(),
  received: z.int(),
  /** How many in a row came to nothing, this one included. */
  failures: z.int(),
  /** Without the password; `null` where nothing went wrong. */
  error: z.object({ message: z.string(), hint: z.string().optional() }).nullable(),
})
export type Attempt = z.infer<typeof attempt>

/** What is known in a clone of how it stands to its team's database. Live state of one machine, never a part of any record. */
export const remoteNoteSchema = z.object({
  v: z.literal(1),
  /** The database, without its password. */
  remote: z.string(),
  /** Who is at it, and since when; whoever was killed never took it back. */
  running: z.object({ by: holderSchema, began_at: z.iso.datetime() }).nullable(),
  last: attempt.nullable(),
  together_at: z.iso.datetime().nullable(),
  /** Since when attempts have come to nothing. */
  away_since: z.iso.datetime().nullable(),
  /** Events of this clone that are known to be there. */
  arrived: z.int(),
  forks: z.array(syncedFork),
  left_apart: z.array(leftApart),
})
export type RemoteNote = z.infer<typeof remoteNoteSchema>

/** Streams of which a note tells that they have parted; the rest are told by whoever syncs by hand. */
const TOLD = 20

/** A note with somebody at work. One that is about another database, or that cannot be read, counts for nothing. */
export function begun(
  known: RemoteNote | null,
  remote: string,
  running: NonNullable<RemoteNote['running']>,
): RemoteNote {
  if (known?.remote === remote) return { ...known, running }
  const nothing = { last: null, together_at: null, away_since: null, arrived: 0, forks: [], left_apart: [] }
  return { v: 1, remote, running, ...nothing }
}

/** What an attempt came to, for the note. */
export interface Came {
  readonly ended_at: string
  readonly outcome: Attempt['outcome']
  readonly sent: number
  readonly received: number
  readonly error: Attempt['error']
  /** Events of this clone now; `null` where they could not be counted. */
  readonly here: number | null
  readonly forks: RemoteNote['forks']
  readonly left_apart: RemoteNote['left_apart']
}

export function ended(note: RemoteNote, began_at: string, came: Came): RemoteNote {
  const { ended_at, outcome, sent, received, error, here } = came
  const isTogether = outcome === 'together'
  const failures = isTogether ? 0 : (note.last?.failures ?? 0) + 1
  const arrived = isTogether ? (here ?? note.arrived) : note.arrived + sent + received
  return {
    ...note,
    running: null,
    last: { began_at, ended_at, outcome, sent, received, failures, error },
    together_at: isTogether ? ended_at : note.together_at,
    away_since: isTogether ? null : (note.away_since ?? began_at),
    arrived,
    forks: isTogether ? came.forks.slice(0, TOLD) : note.forks,
    left_apart: isTogether ? came.left_apart.slice(0, TOLD) : note.left_apart,
  }
}

const SECOND = 1000
const MINUTE = 60 * SECOND

/** What is recorded goes out once nothing was for so long, and at the latest after so long. */
const CALM_MS = 2 * SECOND
const LATEST_MS = 15 * SECOND
/** So often what others have recorded is looked for. */
const EVERY_MS = 5 * MINUTE
/** Between the end of one attempt and the next, whoever makes them. */
const LEAST_MS = 3 * SECOND
/** The first wait while the database is away; doubled each time, up to the last one. */
const AWAY_MS = 2 * SECOND
const LONGEST_AWAY_MS = MINUTE
/** A wrong password does not become right by asking. A process that begins asks sooner: it may have been given another one. */
const REFUSED_MS = 10 * MINUTE
const REFUSED_AT_START_MS = 30 * SECOND

/** What the next attempt depends on; times in milliseconds of one clock. */
export interface Standing {
  /** When this process began to keep the book together. */
  readonly started_at: number
  /** The first and last time that something was recorded since an attempt that took it along. */
  readonly recorded: { readonly first: number; readonly last: number } | null
  /** The last attempt that ended, whoever made it. */
  readonly last: {
    readonly ended_at: number
    readonly outcome: Attempt['outcome']
    readonly failures: number
    /** Whether it was begun since this process began. */
    readonly is_of_now: boolean
  } | null
}

/** When the books are to be brought together next. `spread`, in [0, 1), keeps many clones from asking in one moment. */
export function nextAttemptAt({ started_at, recorded, last }: Standing, spread: number): number {
  if (last === null) return started_at
  if (last.outcome === 'refused') {
    const wait = last.is_of_now ? REFUSED_MS : REFUSED_AT_START_MS
    return last.ended_at + wait * (1 + spread / 4)
  }
  if (last.outcome === 'away') {
    const wait = Math.min(LONGEST_AWAY_MS, AWAY_MS * 2 ** Math.min(last.failures - 1, 16))
    return last.ended_at + wait * (0.5 + spread / 2)
  }
  const regular = last.is_of_now ? last.ended_at + EVERY_MS * (0.9 + spread / 5) : started_at
  const prompt = recorded === null ? regular : Math.min(recorded.last + CALM_MS, recorded.first + LATEST_MS)
  return Math.max(last.ended_at + LEAST_MS, Math.min(regular, prompt))
}
