import fc from 'fast-check'
import { expect, test } from 'vitest'
import { newSessionId } from '../../src/domain/session/id.ts'

const moment = fc
  .date({ min: new Date('2020-01-01'), max: new Date('2999-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString())
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

test('looks as the contract shows it, and is safe as a file name on every system', () => {
  fc.assert(
    fc.property(moment, random, (at, number) => {
      const id = newSessionId(at, () => number)
      expect(id).toMatch(/^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-[0-9a-z]{6}$/)
      expect(id.startsWith(at.slice(0, 19).replaceAll(':', '-'))).toBe(true)
    }),
  )
})

test('sorts by time, also within one second', () => {
  const near = fc.tuple(moment, fc.integer({ min: 1, max: 2000 }))
  fc.assert(
    fc.property(near, random, random, ([at, later], a, b) => {
      const next = new Date(Date.parse(at) + later).toISOString()
      expect(newSessionId(at, () => a) < newSessionId(next, () => b)).toBe(true)
    }),
  )
})

test('seldom comes twice in a millisecond', () => {
  const at = '2026-11-21T22:23:05.999Z'
  const ids = new Set(Array.from({ length: 1000 }, () => newSessionId(at, Math.random)))
  // Of 1000 among 36^4 a third of one pair is to be expected; six would come once in many million runs.
  expect(ids.size).toBeGreaterThan(994)
})
