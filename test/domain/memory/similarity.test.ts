import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jaccard, jaccardOfDescending, leadingWords, searchPlan } from '../../../src/domain/memory/similarity.ts'

const threshold = fc.oneof(
  fc.constantFrom(0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 1, 1 / 3, 2 / 3),
  fc.double({ min: 0.05, max: 1, noNaN: true }),
)

/** Two sets, as positions in one order of all words, with what they share anywhere in it. */
const pair = fc
  .array(fc.constantFrom('both', 'both', 'first', 'second'), { minLength: 1, maxLength: 60 })
  .map((sides) => ({
    first: sides.flatMap((side, i) => (side === 'second' ? [] : [i])),
    second: sides.flatMap((side, i) => (side === 'first' ? [] : [i])),
  }))

/** How often the plan of a search for what is similar to `given` meets `stored`, of which only the leading words are kept. */
function meetings(given: number[], stored: number[], atLeast: number, lowest: number): number {
  const plan = searchPlan(given.length, atLeast)
  const leads = stored.slice(0, leadingWords(stored.length, lowest))
  return plan.maxSizes.filter((maxSize, i) => {
    const position = leads.indexOf(given[i] as number)
    const last = plan.lastPosition.perWord * stored.length + plan.lastPosition.offset
    return position >= 0 && stored.length >= plan.minSize && stored.length <= maxSize && position <= last
  }).length
}

describe('a search plan', () => {
  test('meets whatever is similar enough as often as it asks, in the leading words alone', () => {
    fc.assert(
      fc.property(pair, threshold, threshold, ({ first, second }, one, other) => {
        const [lowest, atLeast] = [Math.min(one, other), Math.max(one, other)]
        fc.pre(jaccard(new Set(first.map(String)), new Set(second.map(String))) >= atLeast)
        expect(meetings(first, second, atLeast, lowest)).toBeGreaterThanOrEqual(
          searchPlan(first.length, atLeast).meetings,
        )
      }),
      { numRuns: 3000 },
    )
  })

  test('misses nothing that lies on the threshold itself, however the product is rounded', () => {
    for (let union = 1; union <= 60; union++) {
      for (let shared = 1; shared <= union; shared++) {
        for (let only = 0; only <= union - shared; only++) {
          // The words that are shared come last: nothing could stand further back.
          const given = range(0, only).concat(range(union, union + shared))
          const stored = range(only, union - shared).concat(range(union, union + shared))
          const similarity = shared / union
          const plan = searchPlan(given.length, similarity)
          if (meetings(given, stored, similarity, similarity) >= plan.meetings) continue
          expect.fail(`missed: ${given.length} and ${stored.length} words that share ${shared}`)
        }
      }
    }
  })

  test('asks for nothing on behalf of no words', () => {
    expect(searchPlan(0, 0.5).maxSizes).toEqual([])
    expect(leadingWords(0, 0.5)).toBe(0)
  })

  test('asks one meeting of a single word, since it can be met only once', () => {
    expect(searchPlan(1, 0.7)).toMatchObject({ meetings: 1, minSize: 1, maxSizes: [1] })
    expect(leadingWords(1, 0.5)).toBe(1)
  })

  test('asks about few words where much must be shared', () => {
    expect(searchPlan(20, 0.5).maxSizes).toHaveLength(12)
    expect(searchPlan(20, 0.9).maxSizes).toHaveLength(4)
    expect(leadingWords(20, 0.5)).toBe(12)
  })

  test.each([0, -0.5, 1.01, Number.NaN, Number.POSITIVE_INFINITY])('refuses the threshold %s', (wrong) => {
    expect(() => searchPlan(5, wrong)).toThrow(RangeError)
    expect(() => leadingWords(5, wrong)).toThrow(RangeError)
  })
})

describe('the Jaccard similarity', () => {
  test('is what is shared by what there is', () => {
    expect(jaccard(new Set(['a', 'b', 'c']), new Set(['b', 'c', 'd']))).toBe(0.5)
    expect(jaccard(new Set(['a']), new Set(['a']))).toBe(1)
    expect(jaccard(new Set(['a']), new Set(['b']))).toBe(0)
  })

  test('of sets without words is 0', () => {
    expect(jaccard(new Set(), new Set())).toBe(0)
    expect(jaccard(new Set(), new Set(['a']))).toBe(0)
  })

  test('is the same both ways round, and by merging', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(40)), fc.uniqueArray(fc.nat(40)), (a, b) => {
        const [first, second] = [new Set(a.map(String)), new Set(b.map(String))]
        const all = new Set([...a, ...b]).size
        const expected = all === 0 ? 0 : (a.length + b.length - all) / all
        expect(jaccard(first, second)).toBe(expected)
        expect(jaccard(second, first)).toBe(expected)
        const descending = (list: number[]) => [...list].sort((x, y) => y - x)
        expect(jaccardOfDescending(descending(a), descending(b))).toBe(expected)
      }),
    )
  })
})

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}
