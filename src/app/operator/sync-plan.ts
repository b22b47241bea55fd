import { type End, NOTHING, type StreamEnd, standingOf } from '../../domain/copies.ts'
import type { StreamRef } from '../../domain/event.ts'
import { Refusal } from '../../domain/refusal.ts'
import { byStream, streamKey } from '../../domain/stream.ts'
import type { ForkEnd, LogCopy, Survey } from '../../ports/log-copy.ts'

/** Streams that are asked about at once. */
const ASKED_AT_ONCE = 500
/** Streams by which it is told that a store has this book under another name. */
const ASKED_FOR_HOME = 100

/** One stream in both copies. */
export interface Pair {
  readonly stream: StreamRef
  readonly here: End
  readonly there: End
}

export interface Plan {
  readonly equal: number
  readonly send: readonly Pair[]
  readonly receive: readonly Pair[]
  readonly forked: readonly Pair[]
  readonly forks: { readonly here: readonly ForkEnd[]; readonly there: readonly ForkEnd[] }
}

/** How far a sync has come, for whoever wants to know that of one that failed as well. */
export interface Account {
  /** Events in the copy that is here; `null` as long as they were not counted. */
  here: number | null
  sent: number
  received: number
}

/** Of all streams; what is kept beside a stream that forked is not counted. */
export function eventsIn({ streams }: Survey): number {
  return streams.reduce((sum, { seq }) => sum + seq, 0)
}

/** Compares the ends of all streams. Refused, before anything goes anywhere, where the other copy is of another project. */
export async function planOf(here: LogCopy, there: LogCopy, account: Account): Promise<Plan> {
  const asked = there.survey()
  // Told to whoever waits for it below.
  asked.catch(() => {})
  const mine = await here.survey()
  account.here = eventsIn(mine)
  const theirs = await asked
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

function pairsOf(here: readonly StreamEnd[], there: readonly StreamEnd[]): Pair[] {
  const pairs = new Map<string, Pair>(here.map((end) => [streamKey(end.stream), { ...end, here: end, there: NOTHING }]))
  for (const end of there) {
    const key = streamKey(end.stream)
    pairs.set(key, { stream: end.stream, here: pairs.get(key)?.here ?? NOTHING, there: end })
  }
  // The oldest first, as ids sort by time: what was cut off half-way has no gaps.
  return [...pairs.values()].sort((a, b) => byStream(a.stream, b.stream))
}

function isLongerHere({ here, there }: Pair): boolean {
  return here.seq > there.seq
}

export function otherProject(here: LogCopy, there: LogCopy, home: string): Refusal {
  return new Refusal(
    'invalid_argument',
    `This book is project "${here.project_id}"; at ${there.where} its records are project "${home}". Nothing was sent or received.`,
    { hint: `Both must have the same project_id: see .bot/rutter.json, here and in the other clones of the team.` },
  )
}
