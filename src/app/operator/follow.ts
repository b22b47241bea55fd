import type { RecordedEvent } from '../../domain/event.ts'
import { isMemoryEvent } from '../../domain/memory/events.ts'
import { sessionStream } from '../../domain/session/projection.ts'
import type { Cursor } from '../../ports/ledger.ts'
import type { Context } from '../context.ts'
import { withoutForgotten } from '../memory/learned.ts'
import { existing } from '../resolve.ts'

/** A session is read so often whether or not anything was seen to happen, milliseconds: the price of a wake-up that was lost. */
const LONGEST_MS = 10_000

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
  const unread = async function* () {
    for (;;) {
      const page = await ledger.history(stream, cursor)
      if (page.events.length === 0) return
      cursor = page.cursor
      isOver ||= page.events.some(isLast)
      yield page.events.filter(options.shown)
    }
  }
  for await (const events of unread()) {
    earlier.push(...events)
    earlier.splice(0, Math.max(0, earlier.length - options.earlier))
  }
  yield* await fitToShow(context, earlier)
  if (isOver) return
  for await (const _news of ledger.watch([stream], { signal: options.signal, at_most_ms: LONGEST_MS })) {
    for await (const events of unread()) {
      yield* await fitToShow(context, events)
      if (options.signal.aborted) return
    }
    if (isOver) return
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
