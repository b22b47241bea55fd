import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { RemoteKeeper } from '../../src/app/remote-keeper.ts'
import { begun, type Came, ended, type RemoteNote } from '../../src/domain/remote.ts'

const REMOTE = 'me@db/team'
const ME = { host: 'h', boot_id: 'b', pid_space: '', pid: 7, started: '1' }

beforeEach(() => void vi.useFakeTimers({ now: Date.parse('2026-11-22T10:00:00Z') }))
afterEach(() => void vi.useRealTimers())

/** What stands in the clone's note, and what an attempt does. */
function clone() {
  let note: RemoteNote | null = null
  const attempts: number[] = []
  const lasts: number[] = []
  const complaints: string[] = []
  const state = {
    attempts,
    lasts,
    complaints,
    /** How an attempt goes; `killed` notes nothing. */
    way: 'together' as 'together' | 'away' | 'refused' | 'killed' | 'no process',
    takes_ms: 200,
    hasBook: true,
    isRunningElsewhere: false,
    get note() {
      return note
    },
    /** What another process of the clone did. */
    noted(outcome: Came['outcome'], remote = REMOTE) {
      const at = new Date().toISOString()
      const nothing = { sent: 0, received: 0, here: 0, forks: [], left_apart: [] }
      const error = outcome === 'together' ? null : { message: 'no' }
      note = ended(begun(note, remote, { by: ME, began_at: at }), at, { ...nothing, outcome, error, ended_at: at })
    },
    keeper: () =>
      new RemoteKeeper({
        remote: REMOTE,
        notes: {
          read: () => note,
          write: () => {},
          isRunning: () => state.isRunningElsewhere,
          turn: async () => null,
        },
        hasBook: () => state.hasBook,
        onError: (error) => complaints.push(String(error)),
        attempt: async () => {
          attempts.push(Date.now())
          const way = state.way
          if (way === 'no process') throw new Error('too many processes')
          if (way !== 'killed') state.noted(way)
          await new Promise((resolve) => setTimeout(resolve, state.takes_ms))
        },
        lastAttempt: () => void lasts.push(Date.now()),
        now: Date.now,
        random: () => 0.5,
      }),
  }
  return state
}

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000)

describe('the keeper of a clone', () => {
  test('brings it together at once, then every five minutes', async () => {
    const { attempts, keeper } = clone()
    keeper()
    await pass(1)
    expect(attempts).toHaveLength(1)
    await pass(290)
    expect(attempts).toHaveLength(1)
    await pass(3600)
    expect(attempts.length).toBeGreaterThanOrEqual(12)
    expect(attempts.length).toBeLessThanOrEqual(14)
  })

  test('gathers what is recorded in quick succession, and sends it though it never becomes calm', async () => {
    const { attempts, keeper } = clone()
    const one = keeper()
    await pass(10)
    for (let i = 0; i < 60; i++) {
      one.recorded()
      await pass(1)
    }
    expect(attempts.length).toBeGreaterThanOrEqual(4)
    expect(attempts.length).toBeLessThanOrEqual(6)
    await pass(6)
    const then = attempts.length
    await pass(200)
    expect(attempts).toHaveLength(then)
  })

  test('asks a database that is away less and less often, and finds it within a minute when it is back', async () => {
    const state = clone()
    state.way = 'away'
    const one = state.keeper()
    await pass(3600)
    expect(state.attempts.length).toBeGreaterThan(60)
    expect(state.attempts.length).toBeLessThan(120)
    one.recorded()
    state.way = 'together'
    await pass(61)
    expect(state.note?.last?.outcome).toBe('together')
  })

  test.each([
    ['that does not let it in', 'refused', 8],
    ['whose attempts are killed before they can note anything', 'killed', 120],
  ] as const)('does not hammer a database %s', async (_, way, most) => {
    const state = clone()
    state.way = way
    const one = state.keeper()
    for (let i = 0; i < 360; i++) {
      one.recorded()
      await pass(10)
    }
    expect(state.attempts.length).toBeGreaterThan(2)
    expect(state.attempts.length).toBeLessThan(most)
  })

  test('goes on where no process can be started, and says so', async () => {
    const state = clone()
    state.way = 'no process'
    state.keeper()
    await pass(600)
    expect(state.attempts.length).toBeGreaterThan(5)
    expect(state.complaints).toHaveLength(state.attempts.length)
  })

  test('leaves it to another process that is at it, and to one that was just there', async () => {
    const state = clone()
    state.isRunningElsewhere = true
    const one = state.keeper()
    state.noted('together')
    await pass(60)
    expect(state.attempts).toEqual([])
    one.recorded()
    await pass(10)
    state.noted('together')
    state.isRunningElsewhere = false
    await pass(60)
    expect(state.attempts).toEqual([])
  })

  test('makes no book, and begins when there is one', async () => {
    const state = clone()
    state.hasBook = false
    state.keeper()
    await pass(60)
    expect(state.attempts).toEqual([])
    state.hasBook = true
    await pass(3)
    expect(state.attempts).toHaveLength(1)
  })

  test('is not driven by another keeper of the clone that has another database', async () => {
    const state = clone()
    state.keeper()
    for (let i = 0; i < 60; i++) {
      state.noted('together', 'me@db/other')
      await pass(1)
    }
    expect(state.attempts).toHaveLength(1)
  })

  test('does not wait for years when the clock is set back', async () => {
    const state = clone()
    state.noted('together')
    for (const year of [2020, 2010]) {
      vi.setSystemTime(Date.parse(`${year}-01-01T00:00:00Z`))
      if (year === 2020) state.keeper()
      await pass(400)
      const since = state.attempts.filter((at) => new Date(at).getUTCFullYear() === year).length
      expect(since).toBeGreaterThanOrEqual(1)
      expect(since).toBeLessThanOrEqual(3)
    }
  })

  test('sends at its end what nobody has sent, and nothing where there is nothing', async () => {
    const state = clone()
    const one = state.keeper()
    await pass(10)
    one.end()
    expect(state.lasts).toEqual([])
    const two = state.keeper()
    await pass(10)
    two.recorded()
    two.end()
    expect(state.lasts).toHaveLength(1)
    const three = state.keeper()
    await pass(10)
    three.recorded()
    await pass(1)
    state.noted('together')
    three.end()
    expect(state.lasts).toHaveLength(1)
  })

  test('sends what was recorded while an attempt was under way with the next one', async () => {
    const state = clone()
    state.takes_ms = 3000
    const one = state.keeper()
    await pass(1)
    one.recorded()
    await pass(15)
    expect(state.attempts).toHaveLength(2)
    await pass(120)
    expect(state.attempts).toHaveLength(2)
  })
})
