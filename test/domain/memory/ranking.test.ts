import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  chooseTerms,
  fuseRanks,
  type Placed,
  rankDocuments,
  ranksOf,
  SEARCH_COST,
  scoreTexts,
} from '../../../src/domain/memory/ranking.ts'

const NOW = '2026-11-22T12:00:00.000Z'

function doc(id: string, over: Partial<Placed> = {}): Placed {
  return { project_id: 'p', kind: 'decision', id, scope: 'project', at: '2026-01-01T00:00:00.000Z', ...over }
}

describe('the terms that a text is searched by', () => {
  const uses = (counts: Record<string, number>) => Object.entries(counts).map(([term, docs]) => ({ term, docs }))
  const chosen = (counts: Record<string, number>) => {
    const { scored, common } = chooseTerms(uses(counts))
    return { scored: scored.map(({ term }) => term), common: common.map(({ term }) => term) }
  }

  test('are those that some document has, the rarest first', () => {
    expect(chosen({ often: 90, never: 0, once: 1 })).toEqual({ scored: ['once', 'often'], common: [] })
  })

  test('leave the scoring to the rare and only tell these apart by the common', () => {
    expect(chosen({ everywhere: 90_000, rare: 7, wide: 5_000 })).toEqual({
      scored: ['rare'],
      common: ['wide', 'everywhere'],
    })
  })

  test('never cost more than they may', () => {
    const anyUses = fc.array(fc.record({ term: fc.string(), docs: fc.nat(100_000) }), { maxLength: 60 })
    fc.assert(
      fc.property(anyUses, (some) => {
        const { scored, common } = chooseTerms(some)
        expect(scored.length).toBeLessThanOrEqual(SEARCH_COST.scored_terms)
        expect(common.length).toBeLessThanOrEqual(SEARCH_COST.common_terms)
        expect(scored.reduce((sum, { docs }) => sum + docs, 0)).toBeLessThanOrEqual(SEARCH_COST.scored_docs)
        // Something is searched by wherever a term is known at all.
        expect(scored.length + common.length > 0).toBe(some.some(({ docs }) => docs > 0))
      }),
    )
  })
})

describe('the score of a text', () => {
  const posting = (key: string, weight = 1, length = 10) => ({ key, weight, length })
  const corpus = { docs: 100, terms: 1000 }

  test('is BM25', () => {
    const scores = scoreTexts([{ term: 'x', docs: 4, postings: [posting('a', 2, 20)] }], corpus)
    // ln(1 + 96.5 / 4.5) * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 20 / 10))
    expect(scores.get('a')).toBeCloseTo((Math.log(1 + 96.5 / 4.5) * 4.4) / 4.1, 12)
  })

  test('rises with a rarer term, with more of it, and with a shorter text', () => {
    const score = (docs: number, weight: number, length: number) =>
      scoreTexts([{ term: 'x', docs, postings: [posting('a', weight, length)] }], corpus).get('a') ?? 0
    expect(score(2, 1, 10)).toBeGreaterThan(score(20, 1, 10))
    expect(score(2, 3, 10)).toBeGreaterThan(score(2, 1, 10))
    expect(score(2, 1, 10)).toBeGreaterThan(score(2, 1, 40))
  })

  test('is above zero even for a term that every document has', () => {
    const scores = scoreTexts([{ term: 'x', docs: 100, postings: [posting('a')] }], corpus)
    expect(scores.get('a')).toBeGreaterThan(0)
  })

  test('adds up over terms', () => {
    const terms = [
      { term: 'x', docs: 2, postings: [posting('a'), posting('b')] },
      { term: 'y', docs: 1, postings: [posting('b')] },
    ]
    const scores = scoreTexts(terms, corpus)
    expect(scores.get('b')).toBeGreaterThan(scores.get('a') ?? 0)
  })
})

describe('reciprocal rank fusion', () => {
  test('puts first what two rankings have near the top, before what one has at the top', () => {
    const one = new Map([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ])
    const other = new Map([
      ['d', 1],
      ['b', 2],
      ['e', 3],
    ])
    const scores = [...fuseRanks([one, other])].sort((x, y) => y[1] - x[1])
    expect(scores[0]).toEqual(['b', 2 / 62])
    expect(scores.find(([key]) => key === 'a')).toEqual(['a', 1 / 61])
  })

  test('of one ranking keeps its order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string()), (keys) => {
        const fused = [...fuseRanks([new Map(keys.map((key, i) => [key, i + 1]))])].sort((x, y) => y[1] - x[1])
        expect(fused.map(([key]) => key)).toEqual(keys)
      }),
    )
  })

  test('gives equals one rank, and what is named twice its first place', () => {
    const ranks = ranksOf([
      { key: 'a', score: 9 },
      { key: 'b', score: 9 },
      { key: 'c', score: 5 },
      { key: 'a', score: 1 },
    ])
    expect([...ranks]).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 3],
    ])
  })
})

describe('the order of documents', () => {
  const ids = (docs: Placed[], ranks: number[] = docs.map(() => 1)) =>
    rankDocuments(docs, new Map(docs.map((one, i) => [one, ranks[i] ?? 1])), NOW).map((ranked) => ranked.doc.id)

  test('of equal texts goes by scope, then by freshness', () => {
    const docs = [
      doc('global', { scope: 'global' }),
      doc('project'),
      doc('focus', { scope: 'focus' }),
      doc('fresh focus', { scope: 'focus', at: '2026-11-21T00:00:00.000Z' }),
    ]
    expect(ids(docs)).toEqual(['fresh focus', 'focus', 'project', 'global'])
  })

  test('lets the best text stand before one that is ten places down, however fresh and near that is', () => {
    const docs = [doc('best', { scope: 'global' }), doc('near', { scope: 'focus', at: '2026-11-22T00:00:00.000Z' })]
    expect(ids(docs, [1, 11])).toEqual(['best', 'near'])
    expect(ids(docs, [1, 2])).toEqual(['near', 'best'])
  })

  test('takes a time that cannot be read for old', () => {
    expect(ids([doc('b', { at: 'never' }), doc('a', { at: '2026-11-21T00:00:00.000Z' })])).toEqual(['a', 'b'])
  })

  test('does not depend on the order in which they are given', () => {
    const docs = fc.uniqueArray(
      fc.record({
        project_id: fc.constantFrom('p', 'q'),
        kind: fc.constantFrom('decision', 'task'),
        id: fc.constantFrom('a', 'b', 'c'),
        scope: fc.constantFrom('global', 'project', 'focus'),
        at: fc.constantFrom('2026-11-21T00:00:00.000Z', '2020-01-01T00:00:00.000Z'),
      }) as fc.Arbitrary<Placed>,
      { selector: (one) => `${one.project_id} ${one.kind} ${one.id}` },
    )
    fc.assert(
      fc.property(docs, (some) => {
        const same = (given: Placed[]) => rankDocuments(given, new Map(given.map((one) => [one, 1])), NOW)
        expect(same([...some].reverse())).toEqual(same(some))
      }),
    )
  })
})
