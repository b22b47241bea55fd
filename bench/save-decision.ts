/** save_decision over stdio, by the number of decisions that are known. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Connected, connect } from './client.ts'
import { type Bench, compare, takeTurns, times } from './harness.ts'
import { decisionOf } from './memory-data.ts'
import { ship } from './shipped.ts'
import { Families } from './similarity-data.ts'

const MANY = 100_000
const FEW = 1_000
const WARM_UP = 300
const ROUNDS = 20
/** Calls of one contender in one round. */
const CALLS = 40

export const bench: Bench = {
  name: 'save-decision',
  title: 'save_decision over stdio, by the number of decisions known',
  async run(folder, say) {
    say('building')
    const { bundle } = ship(folder)
    const clients: Connected[] = []
    const projectOf = async (decisions: number) => {
      const book = join(folder, `book-${decisions}`)
      mkdirSync(book)
      execFileSync(process.execPath, [join(import.meta.dirname, 'memory-fill.ts'), book, String(decisions)])
      const server = await connect([bundle, 'mcp'], book)
      clients.push(server)
      const drawn = new Families()
      for (const _ of drawn.decisions(FEW));
      return () => server.call('save_decision', { decision: decisionOf(drawn.another()) })
    }
    try {
      say(`recording ${MANY} decisions`)
      const many = await projectOf(MANY)
      const few = await projectOf(FEW)
      say('warming up')
      await times(WARM_UP, many)
      await times(WARM_UP, few)
      say('measuring')
      const taken = await takeTurns(ROUNDS, { many: () => times(CALLS, many), few: () => times(CALLS, few) })
      return {
        comparisons: [
          compare(
            'ms',
            [`with ${MANY} decisions known`, taken.many],
            [`with ${FEW}, and those of this bench`, taken.few],
            {
              kind: 'at most',
              ratio: 1.5,
            },
          ),
        ],
        notes: ['decisions come in families, so a call may be judged new, supersede or manual_review'],
      }
    } finally {
      for (const { client } of clients) await client.close()
    }
  },
}
