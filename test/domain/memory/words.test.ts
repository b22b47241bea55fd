import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalText, differingNegations, wordSet, wordsOf } from '../../../src/domain/memory/words.ts'

describe('the words of a text', () => {
  const cases: [string, string[]][] = [
    ['Use Postgres.', ['use', 'postgres']],
    ['C++, C#, .NET; 1.5s: 15s!', ['c++', 'c#', '.net', '1.5s', '15s']],
    ['"quoted" (bracketed) [both] «“all”»', ['quoted', 'bracketed', 'both', 'all']],
    ["it's the servers' `log`", ["it's", 'the', 'servers', 'log']],
    ['src/log/chain.ts --flag=a,b @scope/name', ['src/log/chain.ts', '--flag=a,b', '@scope/name']],
    ['Ｆｕｌｌ ①②  ﬁn', ['full', '12', 'fin']],
    ['a\u0000b\u2028c\u3000d', ['a', 'b', 'c', 'd']],
    ['STRASSE Straße ΣΊΣΥΦΟΣ', ['strasse', 'straße', 'σίσυφος']],
    ['使用PostgreSQL数据库', ['使用', 'postgresql', '数据', '库']],
    ['「日本語」のテスト。', ['日本語', 'の', 'テスト']],
    ['ใช้ฐานข้อมูล SQLite', ['ใช้', 'ฐาน', 'ข้อมูล', 'sqlite']],
    ['데이터베이스를 사용', ['데이터베이스를', '사용']],
    ['... ,;: "" ()', []],
    ['', []],
  ]
  test.each(cases)('%j', (text, words) => {
    expect(wordsOf(text)).toEqual(words)
  })

  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary' }),
    fc
      .array(
        fc.constantFrom('a', 'B', '.', '"', '(', ')', "'", '’', ' ', '\n', 'ß', 'İ', 'ﬁ', 'é', 'e\u0301', '+', '#'),
      )
      .map((parts) => parts.join('')),
  )

  test('are never empty, have no white space, and are the same when they are read again', () => {
    const spaced = text.filter((one) => !/[\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/u.test(one))
    fc.assert(
      fc.property(spaced, (one) => {
        const words = wordsOf(one)
        for (const word of words) expect(word).toMatch(/^\S+$/u)
        expect(wordsOf(words.join(' '))).toEqual(words)
      }),
      { numRuns: 3000 },
    )
  })

  test('do not depend on the case, the form of the letters or what stands around them', () => {
    fc.assert(
      fc.property(text, (one) => {
        const words = wordsOf(one)
        expect(wordsOf(one.normalize('NFC'))).toEqual(words)
        expect(wordsOf(one.normalize('NFD'))).toEqual(words)
        expect(wordsOf(`  ${one}\n\t`)).toEqual(words)
        // In Greek the end of a word has a letter of its own.
        if (!/\p{Script=Greek}/u.test(one)) expect(wordsOf(one.toLowerCase())).toEqual(words)
      }),
      { numRuns: 2000 },
    )
  })

  test('of two texts beside each other are those of both', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(wordsOf(`${one} ${other}`)).toEqual([...wordsOf(one), ...wordsOf(other)])
        expect(wordSet([one, other])).toEqual(new Set([...wordsOf(one), ...wordsOf(other)]))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('what is hashed', () => {
  const few = fc.array(fc.constantFrom('a', 'b', 'A', '"b"', 'a.', ' ', '\n', '...')).map((parts) => parts.join(' '))
  const parts = fc.array(few, { minLength: 1, maxLength: 3 })

  test('is the same exactly where the words of each part are the same', () => {
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const same = JSON.stringify(one.map(wordsOf)) === JSON.stringify(other.map(wordsOf))
        expect(canonicalText(one) === canonicalText(other)).toBe(same)
      }),
      { numRuns: 3000 },
    )
  })

  test('keeps its parts apart, also where one of them has nothing', () => {
    const all = [['ab'], ['a', 'b'], ['a b'], ['', 'a b'], ['a b', ''], ['a', '', 'b'], ['a b', '', '']]
    expect(new Set(all.map(canonicalText)).size).toBe(all.length)
  })
})

describe('words that turn a meaning round', () => {
  test('are found where one text has them and the other has not, in either direction', () => {
    const differing = (one: string, other: string) => differingNegations(wordSet([one]), wordSet([other]))
    expect(differing('use it', 'never use it')).toEqual(['never'])
    expect(differing('never use it', 'use it')).toEqual(['never'])
    expect(differing('do not lock', "don't lock")).toEqual(["don't", 'not'])
    expect(differing('never lock', 'never block')).toEqual([])
    expect(differing('a note on knots', 'nothing')).toEqual(['nothing'])
    expect(differing('使用缓存', '不使用缓存')).toEqual(['不'])
    expect(differing('キャッシュを使う', 'キャッシュを使わない')).toEqual(['ない'])
  })

  test('are the same ones seen from both sides', () => {
    const some = fc.array(fc.constantFrom('not', 'use', "don't", 'without', 'no', 'lock')).map((all) => new Set(all))
    fc.assert(
      fc.property(some, some, (one, other) => {
        expect(differingNegations(one, other)).toEqual(differingNegations(other, one))
        expect(differingNegations(one, one)).toEqual([])
      }),
    )
  })
})
