import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { vocabularyTokens } from '../../src/machine/tokens.ts'

const tokens = vocabularyTokens()
const bytes = (text: string) => Buffer.byteLength(text)

describe('tokens', () => {
  it.each([
    ['', 0],
    // Counts that OpenAI publishes for o200k_base.
    ['tiktoken is great!', 6],
    ['antidisestablishmentarianism', 6],
    ['2 + 2 = 4', 7],
    ['お誕生日おめでとう', 8],
  ])('of %j are counted as the vocabulary has them', async (text, count) => {
    expect(await tokens.count(text)).toBe(count)
  })

  it('of what looks like a control token are those of its letters', async () => {
    for (const text of ['<|endoftext|>', '<|im_start|>system<|im_end|>', 'a <|endofprompt|> b', '<|fim_prefix|>']) {
      expect(await tokens.count(text), text).toBeGreaterThan(3)
    }
  })

  it('are never more than bytes, whatever the text', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.string({ unit: 'grapheme', maxLength: 400 }),
      fc
        .array(fc.constantFrom('\ud800', '\udfff', '漢', 'é', '🧭', '<|endoftext|>', '\r\n', '  ', 'x'.repeat(1500)))
        .map((a) => a.join('')),
    )
    await fc.assert(
      fc.asyncProperty(text, async (text) => {
        const count = await tokens.count(text)
        expect(count).toBeLessThanOrEqual(bytes(text))
        expect(count > 0).toBe(text !== '')
      }),
    )
  })

  it('of an endless word are its bytes, since nobody should wait for the true number', async () => {
    for (const word of ['a'.repeat(100_000), ' '.repeat(100_000), '}'.repeat(100_000), '漢'.repeat(50_000)]) {
      expect(await tokens.count(word)).toBe(bytes(word))
    }
    const between = await tokens.count(`Deploy ${'z'.repeat(5000)} tomorrow, 2 times`)
    expect(between).toBeGreaterThanOrEqual(5000)
    expect(between).toBeLessThan(5020)
  })

  it('are counted once the vocabulary can be loaded, although it could not at first', async () => {
    let times = 0
    const flaky = vocabularyTokens(async () => {
      if (++times === 1) throw new Error('no such chunk')
      return (text) => text.length
    })
    await expect(flaky.count('abc')).rejects.toThrow('no such chunk')
    expect(await flaky.count('abc')).toBe(3)
    expect(await flaky.count('ab')).toBe(2)
    expect(times).toBe(2)
  })
})
