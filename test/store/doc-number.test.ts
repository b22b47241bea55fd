import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MATCH_KINDS } from '../../src/domain/memory/search-doc.ts'
import { firstNumber, isOfKind, kindMask, lengthOf, nextNumber } from '../../src/store/sqlite/doc-number.ts'

const anyTime = fc.date({ noInvalidDate: true, min: new Date('1900-01-01'), max: new Date('2900-01-01') })
const anyKind = fc.constantFrom(...MATCH_KINDS)

describe('the number of a document', () => {
  test('tells its kind and about its length', () => {
    fc.assert(
      fc.property(anyTime, anyKind, fc.integer({ min: 1, max: 40_000 }), (at, kind, terms) => {
        const number = nextNumber(firstNumber(at.toISOString()), null, kind, terms) ?? Number.NaN
        expect(Number.isSafeInteger(number)).toBe(true)
        for (const other of MATCH_KINDS) expect(isOfKind(number, kindMask([other]))).toBe(other === kind)
        expect(isOfKind(number, kindMask())).toBe(true)
        expect(isOfKind(number, kindMask([]))).toBe(false)
        expect(lengthOf(number) / terms).toBeGreaterThan(0.7)
        expect(lengthOf(number) / terms).toBeLessThan(1.45)
      }),
    )
  })

  test('is higher for the later second', () => {
    fc.assert(
      fc.property(anyTime, anyTime, anyKind, anyKind, (one, other, kind, otherKind) => {
        const number = (at: Date, of: typeof kind) => nextNumber(firstNumber(at.toISOString()), null, of, 5) ?? 0
        const seconds = Math.floor(one.getTime() / 1000) - Math.floor(other.getTime() / 1000)
        if (seconds !== 0) expect(Math.sign(number(one, kind) - number(other, otherKind))).toBe(Math.sign(seconds))
      }),
    )
  })

  test('comes after the one before in the same second, until the second is full', () => {
    const first = firstNumber('2026-11-22T12:00:00.000Z')
    let last: number | null = null
    let count = 0
    for (;;) {
      const next: number | null = nextNumber(first, last, 'error', 10 ** 9)
      if (next === null) break
      expect(next).toBeGreaterThan(last ?? first)
      expect(next).toBeLessThan(firstNumber('2026-11-22T12:00:01.000Z'))
      last = next
      count++
    }
    expect(count).toBe(1024)
  })
})
