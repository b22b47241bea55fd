import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { jaccard } from '../../src/domain/memory/similarity.ts'

interface RoomRef {
  readonly project_id: string
  readonly room: string
}
interface SimilarDoc {
  readonly doc: string
  readonly similarity: number
}

type Soon<T> = T | Promise<T>

/** An index of word sets, whichever database it is in. */
export interface WordSetsIndex {
  readonly sets: {
    put(room: RoomRef, doc: string, words: Iterable<string>): Soon<void>
    putAll(sets: Iterable<{ room: RoomRef; doc: string; words: Iterable<string> }>): Soon<void>
    remove(room: RoomRef, doc: string): Soon<void>
    similar(room: RoomRef, words: Iterable<string>, threshold: number): Soon<SimilarDoc[]>
  }
  /** Empties it, of all projects. */
  dropAll(): Soon<void>
  /** A transaction. */
  begin(): Soon<void>
  rollBack(): Soon<void>
  /** Rows in a table. */
  count(table: string): Soon<number>
}

const ROOM: RoomRef = { project_id: 'p-1', room: 'project' }
export const ROOMS: readonly RoomRef[] = [
  ROOM,
  { project_id: 'p-1', room: 'focus:auth' },
  { project_id: 'p-2', room: 'project' },
]
const TABLES = ['word_set_leads', 'word_sets', 'word_set_words', 'word_set_rooms', 'word_set_numbers']

const split = (text: string) => text.split(' ')

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

/** What every index of word sets promises. `runs` is how often what holds for all is tried. */
export function wordSetsContract(name: string, index: () => WordSetsIndex, { runs }: { runs: number }): void {
  const sets = () => index().sets
  const counts = async (tables: readonly string[]) => await Promise.all(tables.map((table) => index().count(table)))

  /** Runs it on an empty index, and undoes it. */
  async function undone(work: () => Promise<void>): Promise<void> {
    await index().begin()
    try {
      await work()
    } finally {
      await index().rollBack()
    }
  }

  beforeEach(() => index().dropAll())

  describe(`${name}: the sets similar to a given one`, () => {
    test('are those that looking at all of them finds, whatever was put in and taken out before', async () => {
      let found = 0
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), async (steps) => {
          await undone(async () => {
            const all = new BruteForce()
            for (const one of steps) {
              if (one.kind === 'put') {
                await sets().put(one.room, one.doc, one.words)
                all.put(one.room, one.doc, one.words)
              } else if (one.kind === 'remove') {
                await sets().remove(one.room, one.doc)
                all.remove(one.room, one.doc)
              } else {
                const expected = all.similar(one.room, one.words, one.threshold)
                expect(await sets().similar(one.room, one.words, one.threshold)).toEqual(expected)
                found += expected.length
              }
            }
          })
        }),
        { numRuns: runs },
      )
      // A property that never finds anything would hold whatever the code does.
      expect(found).toBeGreaterThan(runs)
    })

    test('are the same whichever order they were put in, one by one or at once', async () => {
      const put = fc.record({ room, doc, words })
      const shuffled = fc
        .uniqueArray(put, { minLength: 2, maxLength: 30, selector: ({ room, doc }) => JSON.stringify([room, doc]) })
        .chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length })),
        )
      await fc.assert(
        fc.asyncProperty(
          shuffled,
          fc.array(words, { minLength: 1, maxLength: 5 }),
          threshold,
          async ([one, other], asked, atLeast) => {
            const pairs = asked.flatMap((words) => ROOMS.map((room) => ({ room, words })))
            const answers = () =>
              Promise.all(pairs.map(async ({ room, words }) => sets().similar(room, words, atLeast)))
            let answered: SimilarDoc[][] = []
            await undone(async () => {
              for (const { room, doc, words } of one) await sets().put(room, doc, words)
              answered = await answers()
            })
            await undone(async () => {
              await sets().putAll(other)
              expect(await answers()).toEqual(answered)
            })
          },
        ),
        { numRuns: runs / 4 },
      )
    })

    test('come the most similar first, and of equals the one with the greatest id', async () => {
      await sets().put(ROOM, 'b', split('use pnpm for all packages'))
      await sets().put(ROOM, 'c', split('use pnpm for all packages'))
      await sets().put(ROOM, 'a', split('use pnpm for all our packages'))
      await sets().put(ROOM, 'd', split('something that is quite different'))
      expect(await sets().similar(ROOM, split('use pnpm for all our packages'), 0.5)).toEqual([
        { doc: 'a', similarity: 1 },
        { doc: 'c', similarity: 5 / 6 },
        { doc: 'b', similarity: 5 / 6 },
      ])
    })

    test('are found on the threshold and not below it', async () => {
      await sets().put(ROOM, 'a', split('a b c d e f g'))
      expect(await sets().similar(ROOM, split('a b c d e f g h i j'), 0.7)).toEqual([{ doc: 'a', similarity: 0.7 }])
      expect(await sets().similar(ROOM, split('a b c d e f g h i j'), 0.7000001)).toEqual([])
    })

    test('are found although words of the given one are in no set', async () => {
      await sets().put(ROOM, 'a', split('a b'))
      expect(await sets().similar(ROOM, split('new1 a b new2'), 0.5)).toEqual([{ doc: 'a', similarity: 0.5 }])
      expect(await sets().similar(ROOM, split('new1 a b new2 new3'), 0.5)).toEqual([])
    })

    test('are none of another room, another project or no words', async () => {
      await sets().put(ROOM, 'a', split('a b c'))
      await sets().put(ROOM, 'empty', [])
      for (const other of [...ROOMS.slice(1), { project_id: 'p-1', room: 'never seen' }]) {
        expect(await sets().similar(other, split('a b c'), 0.5)).toEqual([])
      }
      expect(await sets().similar(ROOM, [], 0.5)).toEqual([])
      expect(await sets().similar(ROOM, split('a b c'), 0.5)).toHaveLength(1)
    })

    test('cannot be asked for below what the index was made for', async () => {
      for (const wrong of [0.49, 0, -1, 1.1, Number.NaN]) {
        await expect(async () => sets().similar(ROOM, ['a'], wrong)).rejects.toThrow(RangeError)
      }
    })
  })

  describe(`${name}: the index of word sets`, () => {
    test('is changed by no search', async () => {
      await sets().put(ROOM, 'a', split('a b c'))
      const before = await counts(TABLES)
      await sets().similar(ROOM, split('never seen before'), 0.5)
      await sets().similar({ project_id: 'nobody', room: 'nowhere' }, split('a b c'), 0.5)
      expect(await counts(TABLES)).toEqual(before)
    })

    test('keeps nothing of a set that was taken out, and the words', async () => {
      await sets().put(ROOM, 'a', split('a b c d e f'))
      await sets().put(ROOM, 'b', split('a b c x y z'))
      await sets().put(ROOM, 'a', split('a b'))
      expect(await sets().similar(ROOM, split('a b c d e f'), 0.5)).toEqual([])
      await sets().remove(ROOM, 'a')
      await sets().remove(ROOM, 'a')
      await sets().remove(ROOM, 'b')
      await sets().remove({ project_id: 'nobody', room: 'nowhere' }, 'a')
      expect(await counts(['word_set_leads', 'word_sets', 'word_set_words'])).toEqual([0, 0, 9])
    })

    test('goes back with the transaction, words and all', async () => {
      await sets().put(ROOM, 'a', split('a b c'))
      await index().begin()
      await sets().put(ROOM, 'b', split('d e f'))
      await sets().remove(ROOM, 'a')
      await index().rollBack()
      expect(await sets().similar(ROOM, split('d e f'), 0.5)).toEqual([])
      await sets().put(ROOM, 'c', split('g h i'))
      expect(await sets().similar(ROOM, split('d e f'), 0.5)).toEqual([])
      expect(await sets().similar(ROOM, split('g h i'), 0.5)).toEqual([{ doc: 'c', similarity: 1 }])
      expect(await sets().similar(ROOM, split('a b c'), 0.5)).toEqual([{ doc: 'a', similarity: 1 }])
    })

    test('keeps the last of several sets for one doc that are put in at once', async () => {
      await sets().putAll([
        { room: ROOM, doc: 'a', words: split('a b c') },
        { room: ROOM, doc: 'b', words: split('a b c d') },
        { room: ROOM, doc: 'a', words: split('x y z') },
      ])
      expect(await sets().similar(ROOM, split('a b c'), 0.5)).toEqual([{ doc: 'b', similarity: 0.75 }])
      expect(await sets().similar(ROOM, split('x y z'), 0.5)).toEqual([{ doc: 'a', similarity: 1 }])
      expect(await counts(['word_sets'])).toEqual([2])
      for (const doc of ['a', 'b']) await sets().remove(ROOM, doc)
      expect(await counts(['word_set_leads'])).toEqual([0])
    })

    test('takes a word that is given twice as one', async () => {
      await sets().put(ROOM, 'a', split('a a b'))
      expect(await sets().similar(ROOM, split('a b b'), 1)).toEqual([{ doc: 'a', similarity: 1 }])
    })

    test('takes any text for a word, a room and a project', async () => {
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
      await sets().put(strange, 'a', odd)
      await sets().put(strange, 'b', ['a'])
      expect(await sets().similar(strange, odd, 1)).toEqual([{ doc: 'a', similarity: 1 }])
      expect(await sets().similar(strange, ['a'], 0.5)).toEqual([{ doc: 'b', similarity: 1 }])
    })

    test('finds a set of many thousand words', async () => {
      const many = Array.from({ length: 20_000 }, (_, i) => `word-${i}`)
      await sets().put(ROOM, 'a', many)
      await sets().put(ROOM, 'b', split('word-1 word-2'))
      const [similar] = await sets().similar(ROOM, many.slice(0, 15_000), 0.5)
      expect(similar).toEqual({ doc: 'a', similarity: 0.75 })
    })

    test('is empty once all was dropped, and starts anew', async () => {
      for (const room of ROOMS) await sets().put(room, 'a', split('a b c'))
      await index().dropAll()
      expect(await counts(TABLES)).toEqual(TABLES.map(() => 0))
      await sets().put(ROOM, 'b', split('a b c'))
      expect(await sets().similar(ROOM, split('a b c'), 0.5)).toEqual([{ doc: 'b', similarity: 1 }])
    })
  })
}
