import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalText, differingNegations, hasWord, wordSet, wordsOf } from '../../../src/domain/memory/words.ts'

describe('signs that say something', () => {
  test.each([
    ['latency < 5 ms', 'latency > 5 ms'],
    ['retry if count > 3', 'retry if count 3'],
    ['a -> b', 'a - b'],
    ['a >= b', 'a = b'],
    ['x << 2', 'x 2'],
    ['use List<T>', 'use List<T'],
    ['call f()', 'call f'],
    ['read rows[0]', 'read rows[0'],
  ])('keep "%s" and "%s" apart', (one, other) => {
    expect(canonicalText([one])).not.toBe(canonicalText([other]))
  })

  const cases: [string, string[]][] = [
    ['f() (f()) (f(), g())', ['f()', 'f()', 'f()', 'g()']],
    ['foo) foo))) ((foo))', ['foo', 'foo', 'foo']],
    ['List<T>. Map<K, V>', ['list<t>', 'map<k', 'v>']],
    ['rows[0], (rows[0]) {rows}', ['rows[0]', 'rows[0]', 'rows']],
    ['f(x]) f("x")).', ['f(x])', 'f("x")']],
    ['使用f()数据', ['使用', 'f()', '数据']],
    ['() [] ) (', []],
  ]
  test.each(cases)('%j', (text, words) => {
    expect(wordsOf(text)).toEqual(words)
  })

  const signs = fc
    .array(fc.constantFrom('a', 'b', '(', ')', '[', ']', '{', '}', '<', '>', '"', '.', ' ', '「', '」', '中', '-'))
    .map((parts) => parts.join(''))

  test('stay the same words when they are read again', () => {
    fc.assert(
      fc.property(signs, (text) => {
        const words = wordsOf(text)
        expect(wordsOf(words.join(' '))).toEqual(words)
        expect(hasWord([text])).toBe(words.length > 0)
      }),
      { numRuns: 5000 },
    )
  })
})

describe('marks without end on one letter', () => {
  test('say no more than thirty do', () => {
    const marks = '\u0301\u0323'
    expect(wordsOf(`a${marks.repeat(7000)} b`)).toEqual(wordsOf(`a${marks.repeat(15)} b`))
    expect(wordsOf(`a${marks.repeat(14)}`)).not.toEqual(wordsOf(`a${marks.repeat(15)}`))
  })

  test('are read again as they were', () => {
    const text = fc.array(fc.constantFrom('a', '\u0344', '\u0301', '\u0323', ' ')).map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, fc.integer({ min: 0, max: 80 }), (before, count) => {
        const words = wordsOf(`${before}e${'\u0344'.repeat(count)}`)
        expect(wordsOf(words.join(' '))).toEqual(words)
      }),
    )
  })
})

describe('a negation', () => {
  const differing = (one: string, other: string) => differingNegations(wordSet([one]), wordSet([other]))

  test.each([
    ['do **not** use it', 'not'],
    ['_never_ use it', 'never'],
    ['use it ~~no~~ more', 'no'],
    ['do `not` use it', 'not'],
    ['do **not**, ever', 'not'],
    ['do ***not.*** use it', 'not'],
    ['it isnt used', 'isnt'],
    ['it shouldnt be used', 'shouldnt'],
    ['we wouldnt use it', 'wouldnt'],
    ['we couldnt use it', 'couldnt'],
    ['they arent used', 'arent'],
    ['it wasnt used', 'wasnt'],
    ['we cant use it', 'cant'],
    ['dont use it', 'dont'],
    ['don`t use it', 'don`t'],
    ["it mustn't be used", "mustn't"],
  ])('is seen in "%s"', (text, word) => {
    expect(differing(text, 'use it')).toEqual([word])
    expect(differing('use it', text)).toEqual([word])
  })

  test('is the same however it is written', () => {
    expect(differing('do **not** use it', 'do not use it')).toEqual([])
    expect(differing("don't use it", 'dont use it')).toEqual([])
    expect(differing('don`t use it', 'Don’t use it')).toEqual([])
  })

  test.each(['the clients count', "l'argent", 'a tenant', 'noted', 'important', 'want', 'a_not_b'])(
    'is not seen in "%s"',
    (text) => {
      expect(differing(text, 'x')).toEqual([])
    },
  )
})
