import { calcPrice, findProvider, type MatchLogic } from '@pydantic/genai-prices'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TokenCounts } from '../../src/domain/usage.ts'
import { isSameModel } from '../../src/machine/model-names.ts'
import { listPrices } from '../../src/machine/prices.ts'

const prices = listPrices()
const NO_TOKENS: TokenCounts = { input: 0, output: 0, cache_read: 0, cache_write: 0, reasoning: 0 }

function cost(provider: string | null, model: string | null, tokens: Partial<TokenCounts> = { input: 1_000_000 }) {
  return costAt('2026-06-01T00:00:00.000Z', provider, model, tokens)
}

function costAt(at: string, provider: string | null, model: string | null, tokens: Partial<TokenCounts>) {
  return prices.estimate({ provider, model, at, tokens: { ...NO_TOKENS, ...tokens } })
}

// The figures are worked out by hand from the dollars per million tokens in the price list's own data.
describe('the cost of a turn', () => {
  test('counts each kind of token once and at its own price', async () => {
    // Claude Haiku 4.5: input 1, output 5, cache read 0.10, cache write 1.25.
    //   1000 x 1 + 500 x 5 + 20000 x 0.10 + 3000 x 1.25 = 1000 + 2500 + 2000 + 3750 = 9250 millionths
    const tokens = { input: 1_000, output: 500, cache_read: 20_000, cache_write: 3_000 }
    expect(await cost('anthropic', 'claude-haiku-4-5-20251001', tokens)).toBeCloseTo(0.00925, 12)
  })

  test('does not count the tokens of reasoning a second time', async () => {
    // GPT-5: input 1.25, output 10, cache read 0.125.
    //   2000 x 1.25 + 4000 x 10 + 8000 x 0.125 = 2500 + 40000 + 1000 = 43500 millionths
    const tokens = { input: 2_000, output: 4_000, cache_read: 8_000, reasoning: 3_000 }
    expect(await cost('openai', 'gpt-5', tokens)).toBeCloseTo(0.0435, 12)
  })

  test('is higher for a long context, where what was read from the cache counts as context', async () => {
    // Claude Sonnet 4.5 above 200000 tokens of input: input 6, output 22.50, cache read 0.60; below: 3, 15, 0.30.
    //   1000 x 6 + 1000 x 22.5 + 250000 x 0.6 = 6000 + 22500 + 150000 = 178500 millionths
    const long = { input: 1_000, output: 1_000, cache_read: 250_000 }
    expect(await cost('anthropic', 'claude-sonnet-4-5', long)).toBeCloseTo(0.1785, 12)
    //   1000 x 3 + 1000 x 15 + 150000 x 0.3 = 3000 + 15000 + 45000 = 63000 millionths
    expect(await cost('anthropic', 'claude-sonnet-4-5', { ...long, cache_read: 150_000 })).toBeCloseTo(0.063, 12)
  })

  test('goes by the price of the day', async () => {
    // o3 cost 10 for a million tokens of input until 10 June 2025, and 2 since.
    expect(await costAt('2025-06-09T23:59:59.000Z', 'openai', 'o3', { input: 1_000_000 })).toBeCloseTo(10, 12)
    expect(await costAt('2025-06-10T00:00:00.000Z', 'openai', 'o3', { input: 1_000_000 })).toBeCloseTo(2, 12)
  })

  test('is nothing for no tokens of a known model', async () => {
    expect(await cost('openai', 'gpt-5', {})).toBe(0)
  })
})

describe('whose price it is', () => {
  test.each([
    ['anthropic', 'claude-opus-4-1-20250805', 15],
    ['Claude', 'claude-opus-4-1', 15],
    [' Anthropic ', 'CLAUDE-OPUS-4-1', 15],
    [null, 'claude-opus-4-1', 15],
    ['', 'claude-opus-4-1', 15],
    ['anthropic', 'claude-sonnet-4-20250514', 3],
    ['anthropic', 'claude-haiku-4-5@20251001', 1],
    ['google', 'gemini-2.0-flash-001', 0.1],
    ['gemini', 'gemini-2.0-flash', 0.1],
    ['vertex', 'claude-opus-4-5@20251101', 5],
    ['aws-bedrock', 'us.anthropic.claude-sonnet-4-20250514-v1:0', 3],
    ['bedrock', 'amazon.nova-pro-v1:0', 0.8],
    ['azure-openai', 'gpt-5', 1.25],
    ['openrouter', 'openai/gpt-5', 1.25],
    ['xai', 'grok-4', 3],
  ])('is found for %s %s', async (provider, model, dollars) => {
    expect(await cost(provider, model)).toBeCloseTo(dollars, 12)
  })

  test.each([
    ['anthropic', 'foo'],
    [null, 'foo'],
    [null, 'claude'],
    [null, 'gpt'],
    ['openai', 'gpt-'],
    ['openai', 'gpt-5-something-new'],
    ['openai', 'claude-opus-4-1'],
    ['anthropic', 'gpt-5'],
    ['foo', 'gpt-5'],
    ['my-openai-proxy', 'gpt-5'],
    ['not-google', 'gemini-2.5-pro'],
    ['ollama', 'claude-opus-4-1'],
    ['openai', null],
    ['openai', ''],
    [null, null],
    ['__proto__', 'constructor'],
    // These begin like a model of the list, which would give them its price.
    ['anthropic', 'claude-opus-4-10'],
    ['anthropic', 'claude-opus-4-1x'],
    ['anthropic', 'claude-sonnet-5-5'],
    ['anthropic', 'claude-haiku-4-5-mini'],
    ['google', 'gemini-1.5-flash-8b'],
    ['google', 'gemini-3.6-flash-lite'],
    ['google', 'my-gemini-1.5-flash'],
    ['deepseek', 'deepseek-chat-v9'],
    // In the list, but without any price: unknown is not free.
    ['github-copilot', 'gpt-4.1'],
  ])('is not guessed for %s %s', async (provider, model) => {
    expect(await cost(provider, model)).toBeNull()
  })

  test('is found under every name that the list itself spells out', () => {
    const wholeNames = (match: MatchLogic): string[] => {
      if ('or' in match) return match.or.flatMap(wholeNames)
      return 'equals' in match ? [match.equals] : []
    }
    const refused = [
      'anthropic',
      'openai',
      'google',
      'aws',
      'azure',
      'x-ai',
      'mistral',
      'deepseek',
      'openrouter',
    ].flatMap((providerId) =>
      findProvider({ providerId })!
        .models.flatMap((entry) => wholeNames(entry.match))
        .filter((name) => {
          const price = calcPrice({ input_tokens: 1 }, name, { providerId })
          return price === null || !isSameModel(price.model, name)
        }),
    )
    expect(refused).toEqual([])
  })
})

describe('odd input', () => {
  test('has no price, and breaks nothing', async () => {
    expect(await cost('openai', 'gpt-5', { input: -1 })).toBeNull()
    expect(await cost('openai', 'gpt-5', { input: Number.NaN })).toBeNull()
    expect(await costAt('some day', 'openai', 'gpt-5', { input: 1 })).toBeNull()
  })

  test('whatever it is, gives a number that makes sense or null', async () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('openai', 'anthropic', 'gpt-5', 'claude-opus-4-1', 'a/b', ':'))
    const count = fc.oneof(fc.integer(), fc.double())
    const tokens = fc.record({ input: count, output: count, cache_read: count, cache_write: count, reasoning: count })
    const turn = fc.record({ provider: fc.option(text), model: fc.option(text), at: fc.string(), tokens })
    await fc.assert(
      fc.asyncProperty(turn, fc.boolean(), async (odd, dated) => {
        const price = await prices.estimate(dated ? { ...odd, at: '2026-01-01T00:00:00.000Z' } : odd)
        expect(price === null || (Number.isFinite(price) && price >= 0)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})
