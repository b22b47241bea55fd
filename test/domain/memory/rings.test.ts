import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Decision } from '../../../src/domain/memory/artifact.ts'
import { ringsAmong } from '../../../src/domain/memory/rings.ts'
import { decision } from '../../support/memory.ts'

/** Decisions by who took whose place; later letters are newer. */
function book(superseded: Readonly<Record<string, string>>, forgotten = ''): Decision[] {
  return Object.entries(superseded).map(([id, by]) =>
    decision(id, { id, days: 100 - id.charCodeAt(0) / 2, superseded_by: [...by], forgotten: forgotten.includes(id) }),
  )
}
const rings = (decisions: readonly Decision[]) => ringsAmong(decisions).map((ring) => ring.map(({ id }) => id).join(''))

describe('a ring', () => {
  test.each([
    ['of three', { a: 'b', b: 'c', c: 'a' }, ['cba']],
    ['of one that took its own place', { a: 'a' }, ['a']],
    ['that others gave way to', { a: 'b', b: 'c', c: 'd', d: 'e', e: 'c' }, ['edc']],
    ['of two rings that share one', { a: 'b', b: 'a', c: 'bd', d: 'c' }, ['ba']],
    ['of two that nothing joins', { a: 'b', b: 'a', c: 'd', d: 'c', e: 'ac' }, ['dc', 'ba']],
    ['with a way through it', { a: 'bc', b: 'c', c: 'a' }, ['cba']],
  ])('%s is found once, its newest first', (_what, superseded, expected) => {
    expect(rings(book(superseded))).toEqual(expected)
    expect(rings(book(superseded).reverse())).toEqual(expected)
  })

  test.each([
    ['comes to one in force', { a: 'b', b: 'c', c: '' }],
    ['goes round, with a way out to one in force', { a: 'b', b: 'ac', c: '' }],
    ['ends in one whose record is not here', { a: 'b', b: 'x' }],
    ['goes round, with a way out to one whose record is not here', { a: 'b', b: 'ax' }],
  ])('is not what %s', (_what, superseded) => {
    expect(rings(book(superseded))).toEqual([])
  })

  test('is not what ends in one that was forgotten', () => {
    expect(rings(book({ a: 'b', b: '' }, 'b'))).toEqual([])
  })

  test('stays one where a member was forgotten, and is none once all were', () => {
    const ring = { a: 'b', b: 'c', c: 'a' }
    expect(rings(book(ring, 'c'))).toEqual(['cba'])
    expect(rings(book(ring, 'ac'))).toEqual(['cba'])
    expect(rings(book({ ...ring, d: 'a' }, 'abc'))).toEqual([])
  })

  test('at the end of a long line is found without looking at the line again and again', () => {
    const n = 20_000
    const line = Array.from({ length: n }, (_, i) =>
      decision(`d${i}`, { id: `d${i}`, superseded_by: [i === n - 1 ? `d${n - 3}` : `d${i + 1}`] }),
    )
    expect(rings(line)).toEqual([`d${n - 1}d${n - 2}d${n - 3}`])
  })

  test('is every lost end, and nothing that is not lost', () => {
    const ids = [...'abcdefgh']
    const graphs = fc.array(fc.tuple(fc.constantFrom(...ids), fc.constantFrom(...ids)), { maxLength: 14 })
    fc.assert(
      fc.property(graphs, (edges) => {
        const superseded = Object.fromEntries(ids.map((id) => [id, '']))
        for (const [from, to] of edges) superseded[from] += to
        const onwards = (id: string): Set<string> => {
          const seen = new Set([id])
          for (const one of seen) for (const next of superseded[one] ?? '') seen.add(next)
          return seen
        }
        const isLost = (id: string) => [...onwards(id)].every((one) => superseded[one] !== '')
        const isLast = (id: string) => [...onwards(id)].every((one) => onwards(one).has(id))
        const expected = ids.filter((id) => isLost(id) && isLast(id))
        expect(rings(book(superseded)).join('').split('').sort()).toEqual(expected)
      }),
    )
  })
})
