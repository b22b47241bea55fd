import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { jaccard } from '../../src/domain/memory/similarity.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { type RoomRef, type SimilarDoc, WordSets } from '../../src/store/sqlite/word-sets.ts'

const ROOM: RoomRef = { project_id: 'p-1', room: 'project' }
const ROOMS: readonly RoomRef[] = [
  ROOM,
  { project_id: 'p-1', room: 'focus:auth' },
  { project_id: 'p-2', room: 'project' },
]
const TABLES = ['word_set_leads', 'word_sets', 'word_set_words', 'word_set_rooms', 'word_set_numbers']

const folder = mkdtempSync(join(tmpdir(), 'rutter-word-sets-'))
let database: Database
let sets: WordSets

beforeAll(async () => {
  database = (await Database.open(join(folder, 'rutter.db'), join(folder, 'torn'))).database
  sets = new WordSets(database)
})
beforeEach(() => sets.dropAll())
afterAll(() => {
  database.close()
  rmSync(folder, { recursive: true, force: true })
})

const split = (text: string) => text.split(' ')
const count = (table: string) => Number(database.sql(`SELECT count(*) AS n FROM ${table}`).get()?.['n'])

/** Runs it on an empty index, and undoes it. */
function undone(work: () => void): void {
  database.begin()
  try {
    work()
  } finally {
    database.rollBack()
  }
}

/** The same by looking at everything. */
class BruteForce {
  readonly #sets = new Map<string, { room: RoomRef; doc: string; words: Set<string> }>()

  put(room: RoomRef, doc: string, words: readonly string[]): void {
    this.#sets.set(JSON.stringify([room, doc]), { room, doc, words: new Set(words) })
  }

  remove(room: RoomRef, doc: string): void {
    this.#sets.delete(JSON.stringify([room, doc]))
  }

  similar(room: RoomRef, words: readonly string[], threshold: number): SimilarDoc[] {
    const query = new Set(words)
    return [...this.#sets.values()]
      .filter((one) => one.room.project_id === room.project_id && one.room.room === room.room)
      .map(({ doc, words }) => ({ doc, similarity: jaccard(query, words) }))
      .filter(({ similarity }) => similarity >= threshold)
      .sort((a, b) => b.similarity - a.similarity || (a.doc < b.doc ? 1 : -1))
  }
}

/** Few words are in most sets, most words in few. */
const zipfWord = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }).map((x) => `w${Math.floor(40 ** x) - 1}`)
const wordsOfLength = (min: number, max: number) => fc.uniqueArray(zipfWord, { minLength: min, maxLength: max })
const words = fc.oneof(
  { weight: 5, arbitrary: wordsOfLength(1, 12) },
  { weight: 1, arbitrary: wordsOfLength(1, 1) },
  { weight: 1, arbitrary: wordsOfLength(0, 35) },
  // A member of a family: the same words but for a few.
  {
    weight: 5,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 24 }), fc.uniqueArray(fc.nat(23), { maxLength: 5 }), wordsOfLength(0, 3))
      .map(([size, without, more]) => {
        const common = Array.from({ length: size }, (_, i) => `w${i}`).filter((_, i) => !without.includes(i))
        return [...new Set([...common, ...more])]
      }),
  },
)
const room = fc.constantFrom(...ROOMS)
const doc = fc.nat(19).map((n) => `doc-${String(n).padStart(2, '0')}`)
const threshold = fc.oneof(
  fc.constantFrom(0.5, 0.7, 0.55, 0.6, 2 / 3, 0.75, 0.9, 1),
  fc.double({ min: 0.5, max: 1, noNaN: true }),
)

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), room, doc, words }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), room, doc }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('look' as const),
      room,
      words: fc
        .tuple(words, fc.array(fc.constantFrom('nobody-1', 'nobody-2', 'nobody-3'), { maxLength: 2 }))
        .map(([known, unknown]) => [...known, ...new Set(unknown)]),
      threshold,
    }),
  },
)

describe('the sets similar to a given one', () => {
  test('are those that looking at all of them finds, whatever was put in and taken out before', () => {
    let found = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), (steps) => {
        undone(() => {
          const all = new BruteForce()
          for (const one of steps) {
            if (one.kind === 'put') {
              sets.put(one.room, one.doc, one.words)
              all.put(one.room, one.doc, one.words)
            } else if (one.kind === 'remove') {
              sets.remove(one.room, one.doc)
              all.remove(one.room, one.doc)
            } else {
              const expected = all.similar(one.room, one.words, one.threshold)
              expect(sets.similar(one.room, one.words, one.threshold)).toEqual(expected)
              found += expected.length
            }
          }
        })
      }),
      { numRuns: 400 },
    )
    // A property that never finds anything would hold whatever the code does.
    expect(found).toBeGreaterThan(400)
  })

  test('are the same whichever order they were put in, one by one or at once', () => {
    const put = fc.record({ room, doc, words })
    const shuffled = fc
      .uniqueArray(put, { minLength: 2, maxLength: 30, selector: ({ room, doc }) => JSON.stringify([room, doc]) })
      .chain((list) =>
        fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length })),
      )
    fc.assert(
      fc.property(
        shuffled,
        fc.array(words, { minLength: 1, maxLength: 5 }),
        threshold,
        ([one, other], asked, atLeast) => {
          const answers = () => asked.flatMap((words) => ROOMS.map((room) => sets.similar(room, words, atLeast)))
          let answered: SimilarDoc[][] = []
          undone(() => {
            for (const { room, doc, words } of one) sets.put(room, doc, words)
            answered = answers()
          })
          undone(() => {
            sets.putAll(other)
            expect(answers()).toEqual(answered)
          })
        },
      ),
      { numRuns: 100 },
    )
  })

  test('come the most similar first, and of equals the one with the greatest id', () => {
    sets.put(ROOM, 'b', split('use pnpm for all packages'))
    sets.put(ROOM, 'c', split('use pnpm for all packages'))
    sets.put(ROOM, 'a', split('use pnpm for all our packages'))
    sets.put(ROOM, 'd', split('something that is quite different'))
    expect(sets.similar(ROOM, split('use pnpm for all our packages'), 0.5)).toEqual([
      { doc: 'a', similarity: 1 },
      { doc: 'c', similarity: 5 / 6 },
      { doc: 'b', similarity: 5 / 6 },
    ])
  })

  test('are found on the threshold and not below it', () => {
    sets.put(ROOM, 'a', split('a b c d e f g'))
    expect(sets.similar(ROOM, split('a b c d e f g h i j'), 0.7)).toEqual([{ doc: 'a', similarity: 0.7 }])
    expect(sets.similar(ROOM, split('a b c d e f g h i j'), 0.7000001)).toEqual([])
  })

  test('are found although words of the given one are in no set', () => {
    sets.put(ROOM, 'a', split('a b'))
    expect(sets.similar(ROOM, split('new1 a b new2'), 0.5)).toEqual([{ doc: 'a', similarity: 0.5 }])
    expect(sets.similar(ROOM, split('new1 a b new2 new3'), 0.5)).toEqual([])
  })

  test('are none of another room, another project or no words', () => {
    sets.put(ROOM, 'a', split('a b c'))
    sets.put(ROOM, 'empty', [])
    for (const other of [...ROOMS.slice(1), { project_id: 'p-1', room: 'never seen' }]) {
      expect(sets.similar(other, split('a b c'), 0.5)).toEqual([])
    }
    expect(sets.similar(ROOM, [], 0.5)).toEqual([])
    expect(sets.similar(ROOM, split('a b c'), 0.5)).toHaveLength(1)
  })

  test('cannot be asked for below what the index was made for', () => {
    for (const wrong of [0.49, 0, -1, 1.1, Number.NaN]) {
      expect(() => sets.similar(ROOM, ['a'], wrong)).toThrow(RangeError)
    }
  })
})

describe('the index of word sets', () => {
  test('is changed by no search', () => {
    sets.put(ROOM, 'a', split('a b c'))
    const before = TABLES.map(count)
    sets.similar(ROOM, split('never seen before'), 0.5)
    sets.similar({ project_id: 'nobody', room: 'nowhere' }, split('a b c'), 0.5)
    expect(TABLES.map(count)).toEqual(before)
  })

  test('keeps nothing of a set that was taken out, and the words', () => {
    sets.put(ROOM, 'a', split('a b c d e f'))
    sets.put(ROOM, 'b', split('a b c x y z'))
    sets.put(ROOM, 'a', split('a b'))
    expect(sets.similar(ROOM, split('a b c d e f'), 0.5)).toEqual([])
    sets.remove(ROOM, 'a')
    sets.remove(ROOM, 'a')
    sets.remove(ROOM, 'b')
    sets.remove({ project_id: 'nobody', room: 'nowhere' }, 'a')
    expect([count('word_set_leads'), count('word_sets'), count('word_set_words')]).toEqual([0, 0, 9])
  })

  test('goes back with the transaction, words and all', () => {
    sets.put(ROOM, 'a', split('a b c'))
    database.begin()
    sets.put(ROOM, 'b', split('d e f'))
    sets.remove(ROOM, 'a')
    database.rollBack()
    expect(sets.similar(ROOM, split('d e f'), 0.5)).toEqual([])
    sets.put(ROOM, 'c', split('g h i'))
    expect(sets.similar(ROOM, split('d e f'), 0.5)).toEqual([])
    expect(sets.similar(ROOM, split('g h i'), 0.5)).toEqual([{ doc: 'c', similarity: 1 }])
    expect(sets.similar(ROOM, split('a b c'), 0.5)).toEqual([{ doc: 'a', similarity: 1 }])
  })

  test('keeps the last of several sets for one doc that are put in at once', () => {
    sets.putAll([
      { room: ROOM, doc: 'a', words: split('a b c') },
      { room: ROOM, doc: 'b', words: split('a b c d') },
      { room: ROOM, doc: 'a', words: split('x y z') },
    ])
    expect(sets.similar(ROOM, split('a b c'), 0.5)).toEqual([{ doc: 'b', similarity: 0.75 }])
    expect(sets.similar(ROOM, split('x y z'), 0.5)).toEqual([{ doc: 'a', similarity: 1 }])
    expect(count('word_sets')).toBe(2)
    for (const doc of ['a', 'b']) sets.remove(ROOM, doc)
    expect(count('word_set_leads')).toBe(0)
  })

  test('takes a word that is given twice as one', () => {
    sets.put(ROOM, 'a', split('a a b'))
    expect(sets.similar(ROOM, split('a b b'), 1)).toEqual([{ doc: 'a', similarity: 1 }])
  })

  test('takes any text for a word, a room and a project', () => {
    const odd = [
      "'",
      '"',
      '%',
      '',
      ' ',
      '\u0000',
      'a\u0000b',
      'a',
      'Ä',
      'A\u0308',
      '语',
      '😀',
      '[1,2]',
      '\ud83d',
      '\ude00',
    ]
    const strange: RoomRef = { project_id: "p'%", room: 'focus:\ud83d"' }
    sets.put(strange, 'a', odd)
    sets.put(strange, 'b', ['a'])
    expect(sets.similar(strange, odd, 1)).toEqual([{ doc: 'a', similarity: 1 }])
    expect(sets.similar(strange, ['a'], 0.5)).toEqual([{ doc: 'b', similarity: 1 }])
  })

  test('finds a set of many thousand words', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => `word-${i}`)
    sets.put(ROOM, 'a', many)
    sets.put(ROOM, 'b', split('word-1 word-2'))
    const [similar] = sets.similar(ROOM, many.slice(0, 15_000), 0.5)
    expect(similar).toEqual({ doc: 'a', similarity: 0.75 })
  })

  test('is empty once all was dropped, and starts anew', () => {
    for (const room of ROOMS) sets.put(room, 'a', split('a b c'))
    sets.dropAll()
    expect(TABLES.map(count)).toEqual(TABLES.map(() => 0))
    sets.put(ROOM, 'b', split('a b c'))
    expect(sets.similar(ROOM, split('a b c'), 0.5)).toEqual([{ doc: 'b', similarity: 1 }])
  })
})
