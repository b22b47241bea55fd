import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import { marked, markedLines, sideBySide } from '../../src/cli/comparison.ts'
import type { Out } from '../../src/cli/out.ts'
import { wordDiff } from '../../src/cli/word-diff.ts'
import { wrap, wrapPieces } from '../../src/cli/wrap.ts'

/** One character as people see it is never broken, and a few are wider than two columns. */
const graphemes = (text: string) => [...new Intl.Segmenter().segment(text)].length

const folded = (text: string) => text.trim().replace(/\s+/g, ' ')

/** Few words, so that texts have many in common. */
const words = fc.constantFrom(
  'use',
  'Use',
  'SHA-256',
  'C++',
  '"never"',
  'never',
  'a,',
  'a',
  '日本語のテキスト',
  'é',
  '(x)',
  '.',
  '👩‍👩‍👧',
)
const text = fc.oneof(
  fc.array(words, { maxLength: 12 }).map((list) => list.join(' ')),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
)

/** Where nothing is coloured, and where everything is, with tags that a test can read. */
const plain: Pick<Out, 'paint'> = { paint: (_style, shown) => shown }
const tagged: Pick<Out, 'paint'> = {
  paint: (style, shown) => (style.length === 0 ? shown : `<${String(style)}>${shown}</>`),
}

const shown = (before: string, after: string, side: 'old' | 'new' | 'both', out = plain) =>
  markedLines(out as Out, marked(out as Out, wordDiff(before, after), side), null).join('\n')

describe('the words that differ', () => {
  it('give both texts back, whatever they are', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const parts = wordDiff(before, after)
        expect(parts.map((part) => part.before).join('')).toBe(folded(before))
        expect(parts.map((part) => part.after).join('')).toBe(folded(after))
        for (const { kind, before: gone, after: come } of parts) {
          if (kind === 'old') expect(come).toBe('')
          if (kind === 'new') expect(gone).toBe('')
        }
      }),
    )
  })

  it('are none between a text and itself, however it is spaced', () => {
    fc.assert(
      fc.property(text, (given) => {
        const spaced = `  ${given.replaceAll(' ', ' \n ')} `
        expect(wordDiff(given, spaced).every(({ kind }) => kind === 'same')).toBe(true)
      }),
    )
  })

  it('are whole words: a digit that changes changes all of it', () => {
    expect(shown('Use SHA-256 and C++ 1.5s', 'Use SHA-512 and C# 15s', 'both')).toBe(
      'Use [-SHA-256-] {+SHA-512+} and [-C++ 1.5s-] {+C# 15s+}',
    )
  })

  it('are told apart from the punctuation around them and from their capitals', () => {
    expect(shown('Use tabs', 'Never use "tabs".', 'both')).toBe('{+Never+} use {+"+}tabs{+".+}')
  })

  it('are cut out of scripts that write no spaces', () => {
    expect(shown('日本語のテキストを使う', '日本語のデータを使わない', 'old')).toBe('日本語の[-テキスト-]を[-使う-]')
    expect(shown('日本語のテキストを使う', '日本語のデータを使わない', 'new')).toBe('日本語の{+データ+}を{+使わない+}')
  })

  it('are everything where two long texts have too little in common to be searched for it', () => {
    const long = (word: string) => Array.from({ length: 1500 }, (_, i) => `${word}${i}`).join(' ')
    const parts = wordDiff(long('a'), long('b'))
    expect(parts.map(({ kind }) => kind)).toEqual(['old', 'new'])
  })

  it('are coloured where there are colours, without the spaces around them', () => {
    expect(shown('a b c', 'a x y c', 'old', tagged)).toBe('a <red,underline>b</> c')
    expect(shown('a b c', 'a x y c', 'new', tagged)).toBe('a <green,bold>x y</> c')
  })
})

describe('lines of a width', () => {
  it('are never wider, lose nothing but spaces, and break words only when they must', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 30 }), (given, width) => {
        const whole = folded(given)
        const lines = wrap(whole, width)
        for (const line of lines) {
          if (graphemes(line) > 1) expect(stringWidth(line)).toBeLessThanOrEqual(width)
        }
        expect(lines.join('').replaceAll(' ', '')).toBe(whole.replaceAll(' ', ''))
        if (whole.split(' ').every((word) => stringWidth(word) <= width)) expect(folded(lines.join(' '))).toBe(whole)
      }),
    )
  })

  it('keep the looks of their words', () => {
    const pieces = [
      { text: 'one ', look: 'a' },
      { text: 'two three', look: 'b' },
    ]
    expect(wrapPieces(pieces, 8)).toEqual([
      [
        { text: 'one ', look: 'a' },
        { text: 'two', look: 'b' },
      ],
      [{ text: 'three', look: 'b' }],
    ])
  })

  it('are one line in a pipe', () => {
    expect(wrap('a '.repeat(200).trim(), null)).toHaveLength(1)
  })
})

describe('two texts', () => {
  const left = (width: number | null) => wrap('left left left left left left left left left', width)
  const right = (width: number | null) => wrap('日本語 right', width)

  it('stand side by side where there is room', () => {
    expect(sideBySide(80, left, right)).toEqual([
      'left left left left left left left     │ 日本語 right',
      'left left                              │',
    ])
  })

  it('stand below each other on a narrow terminal and in a pipe', () => {
    expect(sideBySide(60, left, right)).toEqual(['left left left left left left left left left', '', '日本語 right'])
    expect(sideBySide(null, left, right)).toEqual(['left left left left left left left left left', '', '日本語 right'])
  })
})
