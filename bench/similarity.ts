/** Every decision that is similar to a new one, by the index; against looking at all of them, and against a text search. */
import { join } from 'node:path'
import { Database } from '../src/store/sqlite/database.ts'
import { WordSets } from '../src/store/sqlite/word-sets.ts'
import { type Bench, type BenchResult, compare, type Measure, measure, type Rounds, takeTurns } from './harness.ts'
import { Families } from './similarity-data.ts'
import { BruteForce, TextSearch } from './similarity-others.ts'

const COMPARED = 100_000
const SMALL = 1000
/** Takes minutes to fill, so it is asked for: RUTTER_BENCH_MILLION=1. */
const LARGE = 1_000_000

const THRESHOLD = 0.5
const ROUNDS = 10
const SEARCHES_A_ROUND = 20
const SEARCHES = 1000
const SINGLE_PUTS = 200
/** Decisions put in with one transaction. */
const BATCH = 50_000

const ROOM = { project_id: 'bench', room: 'project' }

export const bench: Bench = {
  name: 'similarity',
  title: `decisions of 15 to 25 words that come in families, those with a similarity of at least ${THRESHOLD} to a new one`,
  async run(folder, say) {
    const results = [await compared(folder, say), await alone(folder, say, SMALL)]
    if (process.env['RUTTER_BENCH_MILLION'] === '1') results.push(await alone(folder, say, LARGE))
    return {
      comparisons: results.flatMap(({ comparisons }) => comparisons),
      measures: results.flatMap(({ measures = [] }) => measures),
      checks: results.flatMap(({ checks = [] }) => checks),
      notes: results.flatMap(({ notes = [] }) => notes),
    }
  },
}

/** The index and what one could do in its place, in turns, over the same decisions. */
async function compared(folder: string, say: (what: string) => void): Promise<BenchResult> {
  say(`putting in ${COMPARED} decisions`)
  const text = new TextSearch(join(folder, 'text.db'))
  const { families, index, bruteForce, filling } = await filled(folder, COMPARED, (words) => text.add(words))
  text.finish()

  const searches = Array.from({ length: ROUNDS * SEARCHES_A_ROUND }, () => families.another())
  const recall = new Recall()
  const inText = { matches: 0, best: 0, with: 0 }
  const truth = searches.map((words) => bruteForce.similar(words, THRESHOLD))
  const inTurn = (search: (words: string[], i: number) => unknown) => {
    let next = 0
    return async () => {
      const from = next
      next += SEARCHES_A_ROUND
      return searches.slice(from, next).map((words, i) => {
        const start = performance.now()
        search(words, from + i)
        return performance.now() - start
      })
    }
  }
  say('searching')
  const taken = await takeTurns(ROUNDS, {
    index: inTurn((words, i) => recall.count(truth[i], index.similar(words))),
    bruteForce: inTurn((words) => bruteForce.similar(words, THRESHOLD)),
    text: inTurn((words, i) => {
      const similar = truth[i] ?? new Map<number, number>()
      const matches = text.search(words).flatMap((doc) => similar.get(doc) ?? [])
      inText.matches += matches.length
      if (similar.size === 0) return
      inText.with++
      if (Math.max(...matches) === Math.max(...similar.values())) inText.best++
    }),
  })
  text.close()
  const what = `the index, ${COMPARED} decisions`
  const found = (inText.matches / recall.all).toFixed(3)
  const matches = (recall.all / searches.length).toFixed(1)
  const result = {
    comparisons: [
      compare('ms', [what, taken.index], ['looking at all of them, in memory', taken.bruteForce], {
        kind: 'at most',
        ratio: 0.2,
      }),
    ],
    measures: [
      measure(`the best five of a stemmed text search for all their words, ${COMPARED} decisions`, 'ms', taken.text),
      ...puts(COMPARED, filling, index, families),
    ],
    checks: [recall.check(COMPARED)],
    notes: [
      `recall of the text search's best five: ${found}, where a search has ${matches} matches; the most similar is among them in ${inText.best} of ${inText.with} searches`,
      index.size(),
    ],
  }
  index.close()
  return result
}

/** The index by itself. */
async function alone(folder: string, say: (what: string) => void, count: number): Promise<BenchResult> {
  say(`putting in ${count} decisions`)
  const { families, index, bruteForce, filling } = await filled(folder, count)
  say('searching')
  const recall = new Recall()
  const timings: Rounds = [[]]
  for (let i = 0; i < SEARCHES; i++) {
    const words = families.another()
    const start = performance.now()
    const found = index.similar(words)
    timings[0]?.push(performance.now() - start)
    if (i < ROUNDS * SEARCHES_A_ROUND) recall.count(bruteForce.similar(words, THRESHOLD), found)
  }
  const result = {
    comparisons: [],
    measures: [measure(`the index, ${count} decisions`, 'ms', timings), ...puts(count, filling, index, families)],
    checks: [recall.check(count)],
    notes: [index.size()],
  }
  index.close()
  return result
}

/** So many decisions in the index, in memory, and wherever else they shall go. */
async function filled(folder: string, count: number, also: (words: readonly string[]) => void = () => {}) {
  const families = new Families()
  const bruteForce = new BruteForce()
  const index = await Index.open(join(folder, `index-${count}`))
  const filling: number[] = []
  for (let from = 0; from < count; from += BATCH) {
    const batch = [...families.decisions(Math.min(BATCH, count - from))]
    filling.push(index.put(batch) / batch.length)
    for (const words of batch) {
      bruteForce.add(words)
      also(words)
    }
  }
  return { families, index, bruteForce, filling }
}

/** Changes the index: to be asked for last. */
function puts(count: number, filling: number[], index: Index, families: Families): Measure[] {
  const one = Array.from({ length: SINGLE_PUTS }, () => index.put([families.another()]))
  return [
    measure(`one more decision put in and committed, at ${count}`, 'ms', [one]),
    measure(`each of ${count} decisions put in ${Math.min(BATCH, count)} at a time, committed once`, 'ms', [filling]),
  ]
}

class Index {
  readonly #database: Database
  readonly #sets: WordSets
  #count = 0

  private constructor(database: Database) {
    this.#database = database
    this.#sets = new WordSets(database)
  }

  static async open(folder: string): Promise<Index> {
    const { database } = await Database.open(join(folder, 'rutter.db'), join(folder, 'torn'))
    return new Index(database)
  }

  /** Gives the milliseconds that it took. */
  put(decisions: readonly string[][]): number {
    const sets = decisions.map((words) => ({ room: ROOM, doc: idOf(this.#count++), words }))
    const start = performance.now()
    this.#database.begin()
    this.#sets.putAll(sets)
    this.#database.commit()
    return performance.now() - start
  }

  similar(words: readonly string[]): Found[] {
    return this.#sets.similar(ROOM, words, THRESHOLD)
  }

  size(): string {
    const row = this.#database
      .sql(`SELECT sum(pgsize) AS bytes FROM dbstat WHERE name LIKE 'word\\_set%' ESCAPE '\\'`)
      .get()
    const bytes = Number(row?.['bytes'])
    return `${(bytes / 1e6).toFixed(1)} MB of index for ${this.#count} decisions: ${Math.round(bytes / this.#count)} bytes each`
  }

  close(): void {
    this.#database.close()
  }
}

type Found = ReturnType<WordSets['similar']>[number]

/** As long as the ids of decisions are. */
const ID_PREFIX = '0193f0aa-0000-7000-8000-'
const idOf = (n: number) => ID_PREFIX + String(n).padStart(12, '0')
const numberOf = (id: string) => Number(id.slice(ID_PREFIX.length))

class Recall {
  all = 0
  #found = 0
  #wrong = 0
  #searches = 0

  count(truth: ReadonlyMap<number, number> = new Map(), found: readonly Found[]): void {
    this.#searches++
    this.all += truth.size
    for (const { doc, similarity } of found) {
      if (truth.get(numberOf(doc)) === similarity) this.#found++
      else this.#wrong++
    }
  }

  check(count: number): { what: string; ok: boolean } {
    const recall = (this.#found / this.all).toFixed(3)
    const what = `recall ${recall} among ${count} decisions: ${this.#found} of ${this.all} matches of ${this.#searches} searches, ${this.#wrong} wrong`
    return { what, ok: this.#found === this.all && this.all > 0 && this.#wrong === 0 }
  }
}
