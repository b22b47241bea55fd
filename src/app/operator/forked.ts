import { type End, NOTHING } from '../../domain/copies.ts'
import type { StreamRef } from '../../domain/event.ts'
import type { SyncedFork } from '../../domain/remote.ts'
import { isSameStream } from '../../domain/stream.ts'
import type { ForkEnd, LogCopy } from '../../ports/log-copy.ts'
import type { Pair, Plan } from './sync-plan.ts'

/**
 * Keeps each side's copy of a forked stream beside the other's, unless it is there already. A copy goes by the first line that only it
 * has, so one that has grown since is the same copy, and takes what it lacks.
 */
export async function keepBoth(
  here: LogCopy,
  there: LogCopy,
  pair: Pair,
  known: Plan['forks'],
  { dry_run, digest }: { readonly dry_run: boolean; readonly digest: (text: string) => string },
): Promise<SyncedFork | { readonly broken: LogCopy }> {
  const { stream } = pair
  const parting = await partingOf(here, there, pair)
  if ('broken' in parting) return parting
  const markOf = (line: string) => digest(line).slice(0, 8)
  const theirs = { mark: markOf(parting.there), upTo: pair.there, known: known.here }
  const mine = { mark: markOf(parting.here), upTo: pair.here, known: known.there }
  if (!dry_run) {
    if (!(await keep(there, here, stream, theirs))) return { broken: there }
    if (!(await keep(here, there, stream, mine))) return { broken: here }
  }
  return {
    stream,
    common: parting.common,
    here: { in_place: here.placeOf(stream), beside: here.placeOf(stream, besideOf(stream, theirs)) },
    there: { in_place: there.placeOf(stream), beside: there.placeOf(stream, besideOf(stream, mine)) },
  }
}

interface Copy {
  readonly mark: string
  readonly upTo: End
  readonly known: readonly ForkEnd[]
}

/** The mark of the very copy, where git or somebody else has put it there under another one; else its own. */
function besideOf(stream: StreamRef, { mark, upTo, known }: Copy): string {
  return known.find((fork) => isSameStream(fork.stream, stream) && fork.hash === upTo.hash)?.mark ?? mark
}

/** False where the copy cannot be read to its end. */
async function keep(from: LogCopy, to: LogCopy, stream: StreamRef, copy: Copy): Promise<boolean> {
  const { mark, upTo, known } = copy
  const forks = known.filter((fork) => isSameStream(fork.stream, stream))
  if (forks.some(({ hash }) => hash === upTo.hash)) return true
  const begun = forks.find((fork) => fork.mark === mark && fork.seq > 0)
  const isBeginning = begun !== undefined && (await from.hashesAt([{ stream, seq: begun.seq }]))[0] === begun.hash
  let end: End = isBeginning ? begun : NOTHING
  for await (const piece of from.lines(stream, end, upTo)) {
    // Another sync may be at it too: it is asked again in the next one.
    if ((await to.keepBeside(mark, piece)) !== 'taken') return true
    end = piece.end
  }
  return end.hash === upTo.hash
}

/** The first line of each copy that the other does not have. */
async function partingOf(
  here: LogCopy,
  there: LogCopy,
  pair: Pair,
): Promise<{ common: number; here: string; there: string } | { broken: LogCopy }> {
  const [mine, theirs] = [linesOf(here, pair.stream, pair.here), linesOf(there, pair.stream, pair.there)]
  try {
    for (let common = 0; ; common++) {
      const [a, b] = await Promise.all([mine.next(), theirs.next()])
      if (a.done === true) return { broken: here }
      if (b.done === true) return { broken: there }
      if (a.value !== b.value) return { common, here: a.value, there: b.value }
    }
  } finally {
    await Promise.all([mine.return(undefined), theirs.return(undefined)])
  }
}

async function* linesOf(copy: LogCopy, stream: StreamRef, upTo: End): AsyncGenerator<string, undefined> {
  for await (const { lines } of copy.lines(stream, NOTHING, upTo)) for (const { line } of lines) yield line
}
