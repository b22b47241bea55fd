import fc from 'fast-check'
import { stemmer } from 'stemmer'
import { describe, expect, test } from 'vitest'
import { snippetOf } from '../../../src/domain/memory/snippet.ts'
import { Terms } from '../../../src/domain/memory/terms.ts'

const terms = new Terms(stemmer)
const snippet = (text: string, query: string) => snippetOf(text, new Set(terms.of(query)), terms)
const filler = 'Nothing of interest here. '.repeat(30)

describe('a snippet', () => {
  test('of a short text is the text, as it stands', () => {
    expect(snippet('The  Lease\nis renewed by APPENDS.', 'lease')).toBe('The  Lease\nis renewed by APPENDS.')
  })

  test('is the passage with the most of the terms, in their other forms too', () => {
    const text = `${filler}A lease alone. ${filler}Leases are renewed by every append. ${filler}`
    expect(snippet(text, 'lease renewal by appending')).toContain('Leases are renewed by every append.')
  })

  test('says by an ellipsis where something was cut off', () => {
    expect(snippet(`${filler}the lease ${filler}`, 'lease')).toMatch(/^….*the lease.*…$/)
    expect(snippet(`the lease ${filler}`, 'lease')).toMatch(/^the lease.*[^…]…$/)
    expect(snippet(`${filler}the lease`, 'lease')).toMatch(/^….*the lease$/)
  })

  test('is the beginning where none of the terms stands', () => {
    expect(snippet(filler, 'lease')).toMatch(/^Nothing of interest here\..*…$/)
    expect(snippet('', 'lease')).toBe('')
  })

  test('shows a word in a script without spaces', () => {
    const text = `${'这里没有什么。'.repeat(50)}我们使用分布式数据库连接池。${'这里没有什么。'.repeat(50)}`
    expect(snippet(text, '连接池')).toContain('连接池')
  })

  test('shows a match far into a long text, and gives up before a very long one is read', () => {
    expect(snippet(`${'Filler. '.repeat(5_000)}lease`, 'lease')).toContain('lease')
    expect(snippet(`${'Filler. '.repeat(100_000)}lease`, 'lease')).toMatch(/^Filler/)
  })

  test('is a passage of the text of at most 200 characters, whatever the text', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 600 }),
      fc.string({ unit: 'grapheme', maxLength: 600 }),
      fc
        .array(
          fc.constantFrom('lease', 'leases', 'word', '连接池', '\n', '👩‍👩‍👧', 'x'.repeat(300), '😀'.repeat(150)),
          { maxLength: 60 },
        )
        .map((words) => words.join(' ')),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const got = snippet(text, 'lease 连接池')
        const bare = got.startsWith('…') && !text.trim().startsWith('…') ? got.slice(1) : got
        const inner = text.includes(bare) ? bare : bare.replace(/…$/, '')
        expect(text).toContain(inner)
        expect(inner.length).toBeLessThanOrEqual(200)
        if (text.isWellFormed()) expect(got.isWellFormed()).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  test('has a term wherever the text has one', () => {
    const words = fc.array(fc.constantFrom('filler', 'more', 'of', 'x'.repeat(150), 'a.b/c', '\n'), { maxLength: 80 })
    fc.assert(
      fc.property(words, words, (before, after) => {
        expect(snippet([...before, 'zanzibar', ...after].join(' '), 'zanzibar')).toContain('zanzibar')
      }),
    )
  })
})
