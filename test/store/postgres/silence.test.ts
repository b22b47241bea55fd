import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SilenceWatch } from '../../../src/store/postgres/silence.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** One who listens for a second at the longest, and how often that was too long. */
function listening(watch = new SilenceWatch(1000), limitMs = 1000) {
  const onSilence = vi.fn()
  return { ...{ watch, onSilence }, it: watch.over(limitMs, onSilence) }
}

test('a question without an answer is noticed once, a quarter late at most', () => {
  const { it, onSilence } = listening()
  it.asked()
  vi.advanceTimersByTime(990)
  expect(onSilence).not.toHaveBeenCalled()
  vi.advanceTimersByTime(260)
  expect(onSilence).toHaveBeenCalledOnce()
  vi.advanceTimersByTime(10_000)
  expect(onSilence).toHaveBeenCalledOnce()
})

test('each answer is a word: several questions together may take longer than the limit', () => {
  const { it, onSilence } = listening()
  for (let i = 0; i < 5; i++) it.asked()
  for (let i = 0; i < 5; i++) {
    vi.advanceTimersByTime(700)
    it.answered()
  }
  expect(onSilence).not.toHaveBeenCalled()
})

test('who has asked nothing, or has all answers, is left alone, and no timer stays', () => {
  const { it, onSilence } = listening()
  it.asked()
  it.answered()
  it.answered()
  vi.advanceTimersByTime(10_000)
  expect(onSilence).not.toHaveBeenCalled()
  expect(vi.getTimerCount()).toBe(0)
  it.asked()
  vi.advanceTimersByTime(1250)
  expect(onSilence).toHaveBeenCalledOnce()
})

test('a longer limit than the shortest is kept', () => {
  const { watch } = listening()
  const { it, onSilence } = listening(watch, 60_000)
  it.asked()
  vi.advanceTimersByTime(59_000)
  expect(onSilence).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1250)
  expect(onSilence).toHaveBeenCalledOnce()
})
