import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addTurn, costView, NO_USAGE, roundCost, type Turn, tokensView } from '../../src/domain/usage.ts'
import { turn } from './arbitraries.ts'
import { PLAIN_TURN } from './drive.ts'

const costing = (cost_usd: number | null): Turn => ({ ...PLAIN_TURN, cost_usd })
const total = (turns: readonly Turn[]) => turns.reduce(addTurn, NO_USAGE)

test('adds money without losing a nano-dollar', () => {
  const nano = fc.integer({ min: 0, max: 1_000_000_000_000 })
  fc.assert(
    fc.property(fc.array(nano, { minLength: 1, maxLength: 100 }), (amounts) => {
      const { cost_nano_usd } = total(amounts.map((amount) => costing(amount / 1e9)))
      expect(BigInt(cost_nano_usd ?? -1)).toBe(amounts.reduce((sum, amount) => sum + BigInt(amount), 0n))
    }),
  )
  expect(costView(total(Array.from({ length: 1000 }, () => costing(0.1))))).toBe(100)
})

test('adds turns in any order to the same', () => {
  fc.assert(
    fc.property(fc.array(turn, { maxLength: 30 }), (turns) => {
      expect(total(turns.toReversed())).toEqual(total(turns))
    }),
  )
})

test('knows no cost and no tokens until a turn brings some', () => {
  expect(costView(NO_USAGE)).toBeNull()
  expect(costView(total([costing(null), costing(null)]))).toBeNull()
  expect(costView(total([costing(null), costing(0)]))).toBe(0)
  expect(total([costing(null), costing(1), costing(null)]).turns_without_cost).toBe(2)
  expect(tokensView(total([{ ...PLAIN_TURN, tokens: null }]).tokens)).toBeNull()
})

test('rounds a cost to what the totals will count, and rounding again changes nothing', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1_000_000, noNaN: true }), (usd) => {
      const rounded = roundCost(usd)
      expect(roundCost(rounded)).toBe(rounded)
      expect(costView(total([costing(usd)]))).toBe(rounded)
      expect(Math.abs(rounded - usd)).toBeLessThanOrEqual(0.6e-9 + usd * Number.EPSILON)
    }),
  )
})

test('leaves reasoning out of the total, since the output contains it', () => {
  const tokens = { input: 1, output: 20, cache_read: 300, cache_write: 4000, reasoning: 15 }
  expect(tokensView(tokens)).toEqual({ ...tokens, total: 4321 })
})
