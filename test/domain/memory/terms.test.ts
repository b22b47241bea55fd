import fc from 'fast-check'
import { stemmer } from 'stemmer'
import { describe, expect, test } from 'vitest'
import { Terms } from '../../../src/domain/memory/terms.ts'

const terms = new Terms(stemmer)

describe('the terms of a text', () => {
  test.each([
    ['The client retries; it Retried, and will retry.', ['client', 'retri', 'retri', 'retri']],
    ['the and of to be or not to be', []],
    ["don't can't it’s", []],
    ['never without all only', ['never', 'without', 'all', 'onli']],
    ["Caroline's O'Reilly", ['carolin', "o'reilly", 'o', 'reilli']],
    ['', []],
    [' .,;:!?()[]{}"\'`<>*^&|=~$%', []],
  ])('of %j are %j', (text, expected) => {
    expect(terms.of(text)).toEqual(expected)
  })

  test.each([
    ['getUserName', ['getusernam', 'get', 'user', 'name']],
    ['HTTPServer', ['httpserver', 'http', 'server']],
    ['max_consecutive_failures', ['max_consecutive_failures', 'max', 'consecut', 'failur']],
    ['kebab-case', ['kebab-case', 'kebab', 'case']],
    ['src/log/chain.ts', ['src/log/chain.ts', 'src', 'log', 'chain.ts', 'chain', 'ts']],
    ['node:sqlite', ['node:sqlite', 'node', 'sqlite']],
    ['std::vector', ['std::vector', 'std', 'vector']],
    ['v24.15.0', ['v24.15.0', '24.15.0']],
    ['1.5s', ['1.5s']],
    ['15s', ['15s']],
    ['C++', ['c++']],
    ['C#', ['c#']],
    ['C', ['c']],
    ['C++17', ['c++17', 'c++']],
    ['.NET', ['.net', 'net']],
    ['.env', ['.env', 'env']],
  ])('let the identifier %s be found whole and in its parts', (text, expected) => {
    expect(terms.of(text)).toEqual(expected)
    expect(terms.of(`(${text}),`)).toEqual(expected)
  })

  test.each([
    ['ＡＰＩ', 'API'],
    ['ﬁle', 'file'],
    ['café', 'cafe'],
    ['café', 'cafe\u0301'],
    ['NAÏVE', 'naive'],
    ['İstanbul', 'istanbul'],
    ['ｶﾞｲﾄﾞ', 'ガイド'],
    ['дом', 'ДОМ'],
  ])('are the same for %s and %s', (one, other) => {
    expect(terms.of(one)).toEqual(terms.of(other))
    expect(terms.of(one)).not.toEqual([])
  })

  test.each([
    ['我们使用分布式数据库连接池', '数据库'],
    ['我们使用分布式数据库连接池', '连接池'],
    ['データベースの接続を再試行する', '接続'],
    ['데이터베이스 연결을 다시', '연결'],
    ['เราใช้ฐานข้อมูลแบบกระจาย', 'ฐานข้อมูล'],
    ['使用Redis缓存', 'Redis'],
    ['使用Redis缓存', '缓存'],
  ])('of %s have all those of %s inside it', (text, word) => {
    expect(terms.of(text)).toEqual(expect.arrayContaining(terms.of(word)))
  })

  test('say nothing twice that was said once', () => {
    expect(terms.of('lease')).toEqual(['leas'])
    expect(terms.of('连接')).toEqual(['连接'])
  })

  test('know a long piece by how it begins', () => {
    const key = 'q'.repeat(500)
    const [term, ...more] = terms.of(key)
    expect(more).toEqual([])
    expect(term).toBe('q'.repeat(80))
  })

  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.string({
      unit: fc.constantFrom('a', 'B', '1', '.', '_', '/', "'", '+', '#', '中', 'ド', ' ', '\ud800'),
      maxLength: 40,
    }),
  )

  test('have only letters, digits and the signs that hold them together, whatever the text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const term of terms.of(text)) expect(term).toMatch(/^[\p{L}\p{N}\p{M}._\-/\\:@#+'ー]{1,160}$/u)
      }),
      { numRuns: 2000 },
    )
  })

  test('are the same each time, and for one who has seen other texts before', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(new Terms(stemmer).of(text)).toEqual(terms.of(text))
      }),
    )
  })

  test('stand where their words stand', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const { start, end, terms: found } of terms.words(text)) {
          expect(start).toBeGreaterThanOrEqual(0)
          expect(end).toBeGreaterThan(start)
          expect(end).toBeLessThanOrEqual(text.length)
          expect(found.length).toBeGreaterThan(0)
        }
      }),
    )
    const words = [...terms.words('日本のデータベース retries')].map(({ start, end }) => [start, end])
    expect(words).toContainEqual([0, 2])
    expect(words.at(-1)).toEqual([10, 17])
  })

  test.each(['a', 'a.', 'a_', 'aB', '中', '\u0301', "'", '+#', 'a1-', 'ภาษา'])(
    'of a megabyte of %j are cut at once',
    (part) => {
      expect(() => terms.of(part.repeat(1_000_000 / part.length))).not.toThrow()
    },
  )
})
