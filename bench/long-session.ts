/** The same call in a session that has gone on for long, against one that has just begun. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Connected, connect } from './client.ts'
import { type Bench, compare, takeTurns, times } from './harness.ts'
import { ship } from './shipped.ts'

const LONG = 100_000
const SHORT = 100
const WARM_UP = 1000
const ROUNDS = 30
/** Calls of one contender in one round. */
const CALLS = 100

export const bench: Bench = {
  name: 'long-session',
  title: 'session_update over stdio, by the length of the session',
  async run(folder, say) {
    say('building')
    const { bundle } = ship(folder)
    const clients: Connected[] = []
    const sessionOf = async (events: number) => {
      const book = join(folder, `book-${events}`)
      mkdirSync(book)
      // In a process of its own, which is gone when the server comes: the server adopts the session, as after a reconnect.
      execFileSync(process.execPath, [join(import.meta.dirname, 'long-session-fill.ts'), book, String(events)])
      const server = await connect([bundle, 'mcp'], book)
      clients.push(server)
      let n = 0
      return () => server.call('session_update', { current_task_id: `more-${n++}` })
    }
    try {
      say(`recording ${LONG} events`)
      const long = await sessionOf(LONG)
      const short = await sessionOf(SHORT)
      say('warming up')
      await times(WARM_UP, long)
      // What the warm-up adds to the short one is a tenth of what the long one was given in advance, and less.
      await times(WARM_UP, short)
      say('measuring')
      const taken = await takeTurns(ROUNDS, { long: () => times(CALLS, long), short: () => times(CALLS, short) })
      return {
        comparisons: [
          compare(
            'ms',
            [`in a session of ${LONG} events and more`, taken.long],
            [`in a session of ${SHORT} events, and those of this bench`, taken.short],
            { kind: 'at most', ratio: 1.2 },
          ),
        ],
      }
    } finally {
      for (const { client } of clients) await client.close()
    }
  },
}
