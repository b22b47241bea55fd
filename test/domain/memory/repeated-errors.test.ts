import { describe, expect, it } from 'vitest'
import { freshnessOf } from '../../../src/domain/memory/freshness.ts'
import { repeatedErrors } from '../../../src/domain/memory/repeated-errors.ts'

const error = (session_id: string, message: string, at = '2026-11-21T10:00:00.000Z') => ({ session_id, message, at })

describe('errors that repeat', () => {
  it('are those that differ in numbers, ids, case and white space only', () => {
    const [only, ...others] = repeatedErrors([
      error('s-1', 'Timeout after 3000 ms on port 8080'),
      error('s-2', 'timeout  after 45 ms\non port 9', '2026-11-21T11:00:00.000Z'),
      error('s-2', 'Timeout after 1.5 s'),
    ])
    expect(others).toEqual([])
    expect(only).toEqual({
      pattern: 'timeout after # ms on port #',
      message: 'timeout  after 45 ms\non port 9',
      times: 2,
      sessions: 2,
      session_id: 's-2',
      at: '2026-11-21T11:00:00.000Z',
    })
  })

  it.each([
    ['no row 0f8fad5b-d9cd-469f-a165-70867728950e', 'no row 7c9e6679-7425-40de-944b-e07fc1f90ae7'],
    ['bad commit 04ed8de1', 'bad commit 8e267c29ab'],
    ['fault at 0x7ffd1', 'fault at 0xDEAD'],
  ])('see %j in %j', (one, other) => {
    expect(repeatedErrors([error('s-1', one), error('s-1', other)])).toHaveLength(1)
  })

  it('keep words apart that only look like numbers', () => {
    expect(repeatedErrors([error('s-1', 'feedface'), error('s-1', 'deadbeef'), error('s-1', 'facade')])).toEqual([])
  })

  it('come with those first that hit the most sessions, then the most frequent, then the newest', () => {
    const found = repeatedErrors([
      error('s-1', 'old', '2026-01-01T00:00:00.000Z'),
      error('s-1', 'old', '2026-01-01T00:00:00.000Z'),
      error('s-1', 'new'),
      error('s-1', 'new'),
      error('s-1', 'often'),
      error('s-1', 'often'),
      error('s-1', 'often'),
      error('s-1', 'wide'),
      error('s-2', 'wide'),
      error('s-1', 'once'),
      error('s-1', ' '),
      error('s-1', ' '),
    ])
    expect(found.map(({ pattern }) => pattern)).toEqual(['wide', 'often', 'new', 'old'])
  })
})

describe('freshness', () => {
  const now = '2026-11-21T22:00:00.000Z'

  it.each([
    ['2026-11-21T22:00:00.000Z', 'current'],
    ['2026-11-14T22:00:00.000Z', 'current'],
    ['2026-11-14T21:59:59.999Z', 'recent'],
    ['2026-10-22T22:00:00.000Z', 'recent'],
    ['2026-10-22T21:59:59.999Z', 'stale'],
    ['2027-01-01T00:00:00.000Z', 'current'],
    ['once upon a time', 'stale'],
  ])('of %s is %s', (at, freshness) => {
    expect(freshnessOf(at, now)).toBe(freshness)
  })
})
