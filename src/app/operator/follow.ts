import { setTimeout as sleep } from 'node:timers/promises'
import type { RecordedEvent } from '../../domain/event.ts'
import { isMemoryEvent } from '../../domain/memory/events.ts'
import { sessionStream } from '../../domain/session/projection.ts'
import type { Cursor } from '../../ports/ledger.ts'
import type { Context } from '../context.ts'
import { withoutForgotten } from '../memory/learned.ts'
import { existing } from '../resolve.ts'

/** How often a session that is followed is looked at, milliseconds. Reading nothing new costs one look at a file. */
const POLL_MS = 250

export interface FollowOptions {
  readonly session_id: string
  /** How many earlier events to give first. */
  readonly earlier: number
  /** Which events count and are given. */
  readonly shown: (event: RecordedEvent) => boolean
  /** Ends it. */
  readonly signal: AbortSignal
}

/** The events of a session as they are recorded, until its last one or until `signal`. */
export async function* follow(context: Context, options: FollowOptions): AsyncGenerator<RecordedEvent> {
  const { ledger } = context
  const { session_id } = await ledger.read((book) => existing(book, options.session_id))
  const stream = sessionStream(session_id)
  const earlier: RecordedEvent[] = []
  let cursor: Cursor | undefined
  let isOver = false
  for (;;) {
    const page = await ledger.history(stream, cursor)
    if (page.events.length === 0) break
    earlier.push(...page.events.filter(options.shown))
    earlier.splice(0, Math.max(0, earlier.length - options.earlier))
    isOver = page.events.some(isLast)
    cursor = page.cursor
  }
  yield* await fitToShow(context, earlier)
  while (!isOver && !options.signal.aborted) {
    const page = await ledger.history(stream, cursor)
    cursor = page.cursor
    yield* await fitToShow(context, page.events.filter(options.shown))
    isOver = page.events.some(isLast)
    if (page.events.length === 0) await pause(options.signal)
  }
}

/** What was forgotten meanwhile stands in the record, and is in no answer. */
async function fitToShow({ ledger }: Context, events: readonly RecordedEvent[]): Promise<readonly RecordedEvent[]> {
  if (!events.some(isMemoryEvent)) return events
  return await ledger.read((book) => withoutForgotten(book.memory, events))
}

function isLast(event: RecordedEvent): boolean {
  return event.type === 'session.ended'
}

async function pause(signal: AbortSignal): Promise<void> {
  // An abort is no error here: whoever asked for it is told by the end of the events.
  await sleep(POLL_MS, undefined, { signal }).catch(() => {})
}
