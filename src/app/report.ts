import type { RecordedEvent } from '../domain/event.ts'
import { sessionStream } from '../domain/session/projection.ts'
import { type Statistics, statistics } from '../domain/session/statistics.ts'
import type { SessionView } from '../domain/session/view.ts'
import type { Cursor } from '../ports/ledger.ts'
import type { Context } from './context.ts'
import { type Learned, withLearned } from './memory/learned.ts'
import { existing, sessionToRead } from './resolve.ts'
import { describe } from './view.ts'

/** Everything there is to tell about one run. */
export interface SessionReport {
  readonly session: SessionView
  readonly statistics: Statistics
  readonly events: readonly RecordedEvent[]
  /** What was learned in it, in the order in which it was saved. */
  readonly learned: readonly Learned[]
}

/** Gathers a run's report: of the session named, or of the one that the connection is about. */
export async function reportOf(context: Context, sessionId?: string): Promise<SessionReport> {
  const { ledger, connection, clock } = context
  const { session, figures } = await ledger.read(async (book) => {
    const state =
      sessionId === undefined ? await sessionToRead(book, connection, undefined) : await existing(book, sessionId)
    return {
      session: await describe(book, state),
      figures: statistics(state, await book.taskSync(state.session_id), clock.now()),
    }
  })
  const history = await wholeHistory(context, session.session_id)
  return { session, statistics: figures, ...(await withLearned(context, session, history)) }
}

async function wholeHistory({ ledger }: Context, sessionId: string): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = []
  let cursor: Cursor | undefined
  for (;;) {
    const page = await ledger.history(sessionStream(sessionId), cursor)
    if (page.events.length === 0) return events
    events.push(...page.events)
    cursor = page.cursor
  }
}
