import type { End } from '../../domain/copies.ts'
import type { StreamRef } from '../../domain/event.ts'
import type { LeftApart, SyncedFork } from '../../domain/remote.ts'
import { streamKey } from '../../domain/stream.ts'
import type { Progress } from '../../ports/ledger.ts'
import type { LogCopy, Piece, TakenIn } from '../../ports/log-copy.ts'
import { AT_FULL_SPEED, Carrier, UNHURRIED } from './carrier.ts'
import { keepBoth } from './forked.ts'
import { type Account, otherProject, type Pair, type Plan, planOf } from './sync-plan.ts'

/** What went one way. */
interface Moved {
  readonly streams: number
  readonly events: number
}

export interface Synced {
  readonly project_id: string
  readonly here: string
  readonly there: string
  readonly dry_run: boolean
  /** Those that both copies had alike before. */
  readonly equal: number
  readonly sent: Moved
  readonly received: Moved
  readonly forks: readonly SyncedFork[]
  readonly left_apart: readonly LeftApart[]
}

export interface SyncOptions {
  readonly dry_run: boolean
  /** Leaves those who work on the copy that is here the greater part of the time, however much there is to receive. */
  readonly unhurried?: boolean
  readonly account?: Account
  /** SHA-256 of a text, hex. */
  readonly digest: (text: string) => string
  readonly onProgress?: (progress: Progress) => void
}

/** How often everything is compared again because somebody added to a copy meanwhile. */
const ROUNDS = 3
/**
 * Brings two copies of a project's log together, in both directions. Only ends are compared; what is read is what one of them lacks.
 * It may be cut off anywhere and begun again: whole steps go over in order, so what is there is always the beginning of a stream.
 */
export async function sync(here: LogCopy, there: LogCopy, options: SyncOptions): Promise<Synced> {
  if (here.project_id !== there.project_id) throw otherProject(here, there, there.project_id)
  const { account = { here: null, sent: 0, received: 0 } } = options
  const sent = new Tally((events) => {
    account.sent += events
  })
  const received = new Tally((events) => {
    account.received += events
    account.here = (account.here ?? 0) + events
  })
  const forks = new Map<string, SyncedFork>()
  const leftApart = new Map<string, LeftApart>()
  let equal: number | undefined
  for (let round = 1; ; round++) {
    const plan = await planOf(here, there, account)
    equal ??= plan.equal
    leftApart.clear()
    const apart = (copy: LogCopy, stream: StreamRef, message: string) =>
      leftApart.set(streamKey(stream), { stream, where: copy.placeOf(stream), message })
    if (options.dry_run) {
      for (const { stream, here: mine, there: theirs } of plan.send) sent.add(stream, mine.seq - theirs.seq)
      for (const { stream, here: mine, there: theirs } of plan.receive) received.add(stream, theirs.seq - mine.seq)
    } else {
      const done = progressOf(plan, options)
      const overtaken = [
        ...(await carry(here, there, plan.send.map(toThere), { tally: sent, apart, onEvents: done })),
        ...(await carry(there, here, plan.receive.map(toHere), {
          ...{ tally: received, apart, onEvents: done, unhurried: options.unhurried === true },
        })),
      ]
      if (overtaken.length > 0 && round < ROUNDS) continue
      for (const stream of overtaken) apart(there, stream, 'somebody added to it meanwhile; sync again')
    }
    for (const pair of plan.forked) {
      const fork = await keepBoth(here, there, pair, plan.forks, options)
      if ('broken' in fork) apart(fork.broken, pair.stream, BROKEN)
      else forks.set(streamKey(pair.stream), fork)
    }
    return {
      ...{ project_id: here.project_id, here: here.where, there: there.where, dry_run: options.dry_run, equal },
      ...{ sent: sent.result, received: received.result },
      ...{ forks: [...forks.values()], left_apart: [...leftApart.values()] },
    }
  }
}

const BROKEN = 'its lines are not chained as they were written, and nothing is taken from behind the flaw'

interface Errand {
  readonly stream: StreamRef
  readonly after: End
  readonly upTo: End
}

const toThere = ({ stream, here, there }: Pair): Errand => ({ stream, after: there, upTo: here })
const toHere = ({ stream, here, there }: Pair): Errand => ({ stream, after: here, upTo: there })

interface Carriage {
  readonly tally: Tally
  readonly apart: (copy: LogCopy, stream: StreamRef, message: string) => void
  readonly onEvents: (events: number) => void
  readonly unhurried?: boolean
}

/** Carries what one copy lacks over to it; gives the streams that did not end where they were said to. */
async function carry(
  from: LogCopy,
  to: LogCopy,
  errands: readonly Errand[],
  { tally, apart, onEvents, unhurried = false }: Carriage,
): Promise<StreamRef[]> {
  const overtaken = new Map<string, StreamRef>()
  const onOutcome = ({ stream, lines }: Piece, outcome: TakenIn) => {
    if (outcome === 'taken') tally.add(stream, lines.length)
    if (outcome === 'moved') overtaken.set(streamKey(stream), stream)
    if (outcome === 'unnameable') apart(from, stream, 'a record with such an id cannot be kept in a file')
    onEvents(lines.length)
  }
  const carrier = new Carrier(to, onOutcome, unhurried ? UNHURRIED : AT_FULL_SPEED)
  for (const { stream, after, upTo } of errands) {
    let end = after
    for await (const piece of from.lines(stream, after, upTo)) {
      await carrier.add(piece)
      end = piece.end
    }
    if (end.hash !== upTo.hash) apart(from, stream, `${BROKEN} (event ${end.seq})`)
  }
  await carrier.end()
  return [...overtaken.values()]
}

/** Streams and events that went one way; a stream counts once. */
class Tally {
  readonly #streams = new Set<string>()
  readonly #onEvents: (events: number) => void
  #events = 0

  constructor(onEvents: (events: number) => void) {
    this.#onEvents = onEvents
  }

  add(stream: StreamRef, events: number): void {
    this.#streams.add(streamKey(stream))
    this.#events += events
    this.#onEvents(events)
  }

  get result(): Moved {
    return { streams: this.#streams.size, events: this.#events }
  }
}

function progressOf({ send, receive }: Plan, { onProgress }: SyncOptions): (events: number) => void {
  const lacking = ({ here, there }: Pair) => Math.abs(here.seq - there.seq)
  const total = [...send, ...receive].reduce((sum, pair) => sum + lacking(pair), 0)
  let done = 0
  return (events) => {
    done += events
    onProgress?.({ done, total })
  }
}
