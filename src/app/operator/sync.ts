import { type End, NOTHING, type StreamEnd, standingOf } from '../../domain/copies.ts'
import type { StreamRef } from '../../domain/event.ts'
import { byText } from '../../domain/order.ts'
import { Refusal } from '../../domain/refusal.ts'
import type { Progress } from '../../ports/ledger.ts'
import type { ForkEnd, LogCopy, Piece } from '../../ports/log-copy.ts'
import { Carrier } from './carrier.ts'
import { keepBoth, type SyncedFork } from './forked.ts'

/** What went one way. */
interface Moved {
  readonly streams: number
  readonly events: number
}

/** A stream of which the two copies could not be brought together, and why. */
interface LeftApart {
  readonly stream: StreamRef
  readonly where: string
  readonly message: string
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
  /** SHA-256 of a text, hex. */
  readonly digest: (text: string) => string
  readonly onProgress?: (progress: Progress) => void
}

/** How often everything is compared again because somebody added to a copy meanwhile. */
const ROUNDS = 3
/** Streams that are asked about at once. */
const ASKED_AT_ONCE = 500
/** Streams by which it is told that a store has this book under another name. */
const ASKED_FOR_HOME = 100

/** One stream in both copies. */
interface Pair {
  readonly stream: StreamRef
  readonly here: End
  readonly there: End
}

interface Plan {
  readonly equal: number
  readonly send: readonly Pair[]
  readonly receive: readonly Pair[]
  readonly forked: readonly Pair[]
  readonly forks: { readonly here: readonly ForkEnd[]; readonly there: readonly ForkEnd[] }
}

/**
 * Brings two copies of a project's log together, in both directions. Only ends are compared; what is read is what one of them lacks.
 * It may be cut off anywhere and begun again: whole steps go over in order, so what is there is always the beginning of a stream.
 */
export async function sync(here: LogCopy, there: LogCopy, options: SyncOptions): Promise<Synced> {
  if (here.project_id !== there.project_id) throw otherProject(here, there, there.project_id)
  const sent = new Tally()
  const received = new Tally()
  const forks = new Map<string, SyncedFork>()
  const leftApart = new Map<string, LeftApart>()
  let equal: number | undefined
  for (let round = 1; ; round++) {
    const plan = await planOf(here, there)
    equal ??= plan.equal
    leftApart.clear()
    const apart = (copy: LogCopy, stream: StreamRef, message: string) =>
      leftApart.set(keyOf(stream), { stream, where: copy.placeOf(stream), message })
    if (options.dry_run) {
      for (const { stream, here: mine, there: theirs } of plan.send) sent.add(stream, mine.seq - theirs.seq)
      for (const { stream, here: mine, there: theirs } of plan.receive) received.add(stream, theirs.seq - mine.seq)
    } else {
      const done = progressOf(plan, options)
      const overtaken = [
        ...(await carry(here, there, plan.send.map(toThere), sent, apart, done)),
        ...(await carry(there, here, plan.receive.map(toHere), received, apart, done)),
      ]
      if (overtaken.length > 0 && round < ROUNDS) continue
      for (const stream of overtaken) apart(there, stream, 'somebody added to it meanwhile; sync again')
    }
    for (const pair of plan.forked) {
      const fork = await keepBoth(here, there, pair, plan.forks, options)
      if ('broken' in fork) apart(fork.broken, pair.stream, BROKEN)
      else forks.set(keyOf(pair.stream), fork)
    }
    return {
      ...{ project_id: here.project_id, here: here.where, there: there.where, dry_run: options.dry_run, equal },
      ...{ sent: sent.result, received: received.result },
      ...{ forks: [...forks.values()], left_apart: [...leftApart.values()] },
    }
  }
}

const BROKEN = 'its lines are not chained as they were written, and nothing is taken from behind the flaw'

async function planOf(here: LogCopy, there: LogCopy): Promise<Plan> {
  const [mine, theirs] = await Promise.all([here.survey(), there.survey()])
  if (theirs.streams.length === 0 && mine.streams.length > 0) {
    const home = await there.otherHome(mine.streams.slice(-ASKED_FOR_HOME).map(({ stream }) => stream))
    if (home !== null) throw otherProject(here, there, home)
  }
  const pairs = pairsOf(mine.streams, theirs.streams)
  const differing = pairs.filter((pair) => pair.here.hash !== pair.there.hash)
  const plan = {
    equal: pairs.length - differing.length,
    ...{ send: [] as Pair[], receive: [] as Pair[], forked: [] as Pair[] },
    forks: { here: mine.forks, there: theirs.forks },
  }
  const longer = { here: differing.filter(isLongerHere), there: differing.filter((pair) => !isLongerHere(pair)) }
  for (const [copy, some] of [
    [here, longer.here],
    [there, longer.there],
  ] as const) {
    for (let i = 0; i < some.length; i += ASKED_AT_ONCE) {
      const asked = some.slice(i, i + ASKED_AT_ONCE)
      const hashes = await hashesWhereShorterEnds(copy, asked)
      for (const [nth, pair] of asked.entries()) {
        const standing = standingOf(pair.here, pair.there, hashes[nth] ?? null)
        if (standing === 'here_has_more') plan.send.push(pair)
        if (standing === 'there_has_more') plan.receive.push(pair)
        if (standing === 'forked') plan.forked.push(pair)
      }
    }
  }
  return plan
}

/** Only for those that both copies have, and not of one length: of the rest it is known without asking. */
async function hashesWhereShorterEnds(copy: LogCopy, pairs: readonly Pair[]): Promise<(string | null)[]> {
  const ends = pairs.map(({ stream, here, there }) => ({ stream, seq: Math.min(here.seq, there.seq), here, there }))
  const asked = ends.filter(({ seq, here, there }) => seq > 0 && here.seq !== there.seq)
  const answers = asked.length === 0 ? [] : await copy.hashesAt(asked)
  const known = new Map(asked.map((one, i) => [one, answers[i] ?? null]))
  return ends.map((one) => known.get(one) ?? null)
}

interface Errand {
  readonly stream: StreamRef
  readonly after: End
  readonly upTo: End
}

const toThere = ({ stream, here, there }: Pair): Errand => ({ stream, after: there, upTo: here })
const toHere = ({ stream, here, there }: Pair): Errand => ({ stream, after: here, upTo: there })

/** Carries what one copy lacks over to it; gives the streams that did not end where they were said to. */
async function carry(
  from: LogCopy,
  to: LogCopy,
  errands: readonly Errand[],
  tally: Tally,
  apart: (copy: LogCopy, stream: StreamRef, message: string) => void,
  onEvents: (events: number) => void,
): Promise<StreamRef[]> {
  const overtaken = new Map<string, StreamRef>()
  const carrier = new Carrier(to, ({ stream, lines }: Piece, outcome) => {
    if (outcome === 'taken') tally.add(stream, lines.length)
    if (outcome === 'moved') overtaken.set(keyOf(stream), stream)
    if (outcome === 'unnameable') apart(from, stream, 'a record with such an id cannot be kept in a file')
    onEvents(lines.length)
  })
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
  #events = 0

  add(stream: StreamRef, events: number): void {
    this.#streams.add(keyOf(stream))
    this.#events += events
  }

  get result(): Moved {
    return { streams: this.#streams.size, events: this.#events }
  }
}

function pairsOf(here: readonly StreamEnd[], there: readonly StreamEnd[]): Pair[] {
  const pairs = new Map<string, Pair>(here.map((end) => [keyOf(end.stream), { ...end, here: end, there: NOTHING }]))
  for (const end of there) {
    const key = keyOf(end.stream)
    pairs.set(key, { stream: end.stream, here: pairs.get(key)?.here ?? NOTHING, there: end })
  }
  // The oldest first, as ids sort by time: what was cut off half-way has no gaps.
  return [...pairs.values()].sort((a, b) => byText(a.stream.kind, b.stream.kind) || byText(a.stream.id, b.stream.id))
}

function isLongerHere({ here, there }: Pair): boolean {
  return here.seq > there.seq
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

function keyOf({ kind, id }: StreamRef): string {
  return `${kind} ${id}`
}

function otherProject(here: LogCopy, there: LogCopy, home: string): Refusal {
  return new Refusal(
    'invalid_argument',
    `This book is project "${here.project_id}"; at ${there.where} its records are project "${home}". Nothing was sent or received.`,
    { hint: `Both must have the same project_id: see .bot/rutter.json, here and in the other clones of the team.` },
  )
}
