import { describe, expect, it } from 'vitest'
import { duration, money } from '../../src/cli/format.ts'
import { moment, wholeNumber } from '../../src/cli/options.ts'
import { clean, oneLine, table } from '../../src/cli/text.ts'

describe('text for a terminal', () => {
  it.each([
    ['a colour', '\u001b[31mred\u001b[0m', 'red'],
    ['a window title', '\u001b]0;gotcha\u0007text', 'text'],
    ['a hyperlink', '\u001b]8;;http://x\u0007text\u001b]8;;\u0007', 'text'],
    ['an 8-bit escape', 'a\u009b2Jb', 'ab'],
    ['a bell and a backspace', 'a\u0007\b\u007fb', 'ab'],
    ['an escape that is cut off', 'a\u001b', 'a'],
    ['letters written backwards', 'a\u202Efdp.exe', 'afdp.exe'],
  ])('has %s taken out', (_name, text, shown) => {
    expect(clean(text)).toBe(shown)
  })

  it('keeps its lines, or becomes one', () => {
    expect(clean('one\r\ntwo\nthree')).toBe('one\ntwo\nthree')
    expect(oneLine('one\r\n\ttwo\u2028three ')).toBe('one two three')
  })

  it('keeps letters of all scripts, joined emoji and what shapes them', () => {
    for (const text of ['日本語', 'Ελληνικά', 'שלום', '👩‍👩‍👧', 'é', 'नमस्ते']) expect(oneLine(text)).toBe(text)
  })
})

describe('a table', () => {
  it('lines up what terminals show in two columns a letter, and what is coloured', () => {
    const rows = [
      ['日本', '1'],
      ['abc', '22'],
      ['\u001b[32mok\u001b[0m', '3'],
    ]
    expect(table([{ title: 'name' }, { title: 'n', align: 'right' }], rows)).toEqual([
      'name   n',
      '日本   1',
      'abc   22',
      '\u001b[32mok\u001b[0m     3',
    ])
  })

  it('is its titles when there are no rows', () => {
    expect(table([{ title: 'a' }, { title: 'b' }], [])).toEqual(['a  b'])
  })
})

describe('figures', () => {
  it('give a length of time its two largest units', () => {
    const lengths = [-5, 0, 1234, 59_400, 61_000, 3_600_000, 90_061_000]
    expect(lengths.map(duration)).toEqual(['0.0 s', '0.0 s', '1.2 s', '59 s', '1 min 1 s', '1 h 0 min', '1 d 1 h'])
  })

  it('tell an unknown cost from none, and an estimate from a bill', () => {
    expect([money(null, false), money(0, false), money(0.0123, true), money(12.3456, false)]).toEqual([
      '?',
      '$0.0000',
      '~$0.0123',
      '$12.35',
    ])
  })
})

describe('options', () => {
  it('take whole numbers within bounds', () => {
    const limit = wholeNumber(1, 100)
    expect(limit('100')).toBe(100)
    for (const text of ['0', '101', '-1', '1.5', '1e1', '', ' 1', 'x'])
      expect(() => limit(text)).toThrow('whole number')
  })

  it('take dates, times and how long ago', () => {
    expect(moment('2026-11-21')).toBe('2026-11-21T00:00:00.000Z')
    expect(moment('2026-11-21T22:00+02:00')).toBe('2026-11-21T20:00:00.000Z')
    expect(Date.parse(moment('2h'))).toBeCloseTo(Date.now() - 7_200_000, -4)
    for (const text of ['yesterday', '2026-13-01', '7', '7w', '21.11.2026', ''])
      expect(() => moment(text)).toThrow('ISO 8601')
  })
})
