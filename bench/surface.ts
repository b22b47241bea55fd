/** memory_surface over stdio among many artifacts, against a read by primary key over the same stdio. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Connected, connect } from './client.ts'
import { type Aim, type Bench, type Comparison, measure, percentile, takeTurns, times } from './harness.ts'
import { bundle, ship } from './shipped.ts'
import { Families } from './similarity-data.ts'

const ARTIFACTS = 100_000
const WARM_UP = 200
const ROUNDS = 20
/** Calls of one contender in one round. */
const CALLS = 25
/** Words of a query, as an agent asks. */
const QUERY_WORDS = 6
/** The words that most decisions have, by Zipf's law. */
const COMMONEST = ['w1', 'w2', 'w3', 'w4', 'w5', 'w6']

export const bench: Bench = {
  name: 'surface',
  title: `memory_surface over stdio among ${ARTIFACTS} artifacts`,
  async run(folder, say) {
    say('building')
    const { bundle: rutter } = ship(folder)
    const floorServer = await bundle('primary-key-server.ts', folder)
    const clients: Connected[] = []
    try {
      say(`recording ${ARTIFACTS} decisions`)
      const book = join(folder, 'book')
      mkdirSync(book)
      execFileSync(process.execPath, [join(import.meta.dirname, 'memory-fill.ts'), book, String(ARTIFACTS)])
      const ours = await connect([rutter, 'mcp'], book)
      clients.push(ours)
      const floor = await connect([floorServer, join(folder, 'floor.db'), String(ARTIFACTS)], folder)
      clients.push(floor)

      const drawn = new Families()
      for (const _ of drawn.decisions(1000));
      let n = 0
      const search = () => ours.call('memory_surface', { query: drawn.another().slice(0, QUERY_WORDS).join(' ') })
      const common = () => ours.call('memory_surface', { query: COMMONEST.slice(n++ % 3).join(' ') })
      const read = () => floor.call('read', { id: (n++ * 7919) % ARTIFACTS })
      say('warming up')
      for (const contender of [search, common, read]) await times(WARM_UP, contender)
      say('measuring')
      const taken = await takeTurns(ROUNDS, {
        search: () => times(CALLS, search),
        common: () => times(CALLS, common),
        read: () => times(CALLS, read),
      })
      const floorMeasure = measure('the median of a read by primary key', 'ms', taken.read)
      const tail = (what: string, rounds: number[][], aim: Aim): Comparison => {
        const p99 = percentile(rounds.flat(), 0.99)
        const ours = { what, unit: 'ms', median: p99, p99: null, samples: rounds.flat().length } as const
        return { ours, floor: floorMeasure, ratio: p99 / floorMeasure.median, aim }
      }
      return {
        comparisons: [
          tail(`the p99 of a query of ${QUERY_WORDS} words of a decision`, taken.search, {
            kind: 'at most',
            ratio: 20,
          }),
          tail('the p99 of a query of only the commonest words', taken.common, { kind: 'at most', ratio: 60 }),
        ],
        measures: [
          measure(`a query of ${QUERY_WORDS} words of a decision`, 'ms', taken.search),
          measure('a query of only the commonest words', 'ms', taken.common),
        ],
      }
    } finally {
      for (const { client } of clients) await client.close()
    }
  },
}
