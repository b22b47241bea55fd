import { expect, test } from 'vitest'
import { recentTexts } from '../../src/machine/recent-texts.ts'

test('forgets the text that was asked for least recently when there are too many', () => {
  const recent = recentTexts(2, 100)
  recent.add('a')
  recent.add('b')
  recent.has('a')
  recent.add('c')
  expect(['a', 'b', 'c'].map(recent.has)).toEqual([true, false, true])
})

test('forgets texts until the rest is small enough, and does not keep one that is too large by itself', () => {
  const recent = recentTexts(10, 10)
  recent.add('12345')
  recent.add('67890')
  recent.add('x')
  expect(['12345', '67890', 'x'].map(recent.has)).toEqual([false, true, true])
  recent.add('y'.repeat(11))
  expect(['y'.repeat(11), '67890', 'x'].map(recent.has)).toEqual([false, true, true])
})

test('counts a text once that is added twice', () => {
  const recent = recentTexts(2, 10)
  recent.add('12345')
  recent.add('12345')
  recent.add('6789')
  expect(recent.has('12345')).toBe(true)
})
