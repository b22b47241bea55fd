import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  begun,
  type Came,
  ended,
  nextAttemptAt,
  type RemoteNote,
  remoteNoteSchema,
  type Standing,
} from '../../src/domain/remote.ts'

const MINUTE = 60_000

const outcome = fc.constantFrom('together', 'away', 'refused')
const time = fc.integer({ min: 1_000_000, max: 2_000_000 })
const spread = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const last: fc.Arbitrary<NonNullable<Standing['last']>> = fc.record({
  ended_at: time,
  outcome,
  failures: fc.integer({ min: 1, max: 1_000_000 }),
  is_of_now: fc.boolean(),
})
const recorded = fc.option(fc.tuple(time, time).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })))
const standing: fc.Arbitrary<Standing> = fc.record({ started_at: time, recorded, last: fc.option(last) })

describe('the next attempt', () => {
  test('is made at once by a process that knows of none before', () => {
    fc.assert(
      fc.property(standing, spread, (at, by) => {
        expect(nextAttemptAt({ ...at, last: null }, by)).toBe(at.started_at)
      }),
    )
  })

  test('never follows the end of the last one at once, and the database is never asked every second', () => {
    fc.assert(
      fc.property(standing, last, spread, (at, of, by) => {
        const wait = nextAttemptAt({ ...at, last: of }, by) - of.ended_at
        expect(wait).toBeGreaterThanOrEqual(of.outcome === 'away' ? 1000 : 3000)
        if (of.outcome === 'refused') expect(wait).toBeGreaterThanOrEqual(of.is_of_now ? 10 * MINUTE : 30_000)
      }),
    )
  })

  test('is not put off for ever: a database that is back is found within about a minute, what others did within six', () => {
    fc.assert(
      fc.property(standing, last, spread, (at, of, by) => {
        const wait = nextAttemptAt({ ...at, last: of }, by) - of.ended_at
        if (of.outcome === 'away') expect(wait).toBeLessThanOrEqual(MINUTE)
        if (of.outcome === 'together' && of.is_of_now) expect(wait).toBeLessThanOrEqual(6 * MINUTE)
      }),
    )
  })

  test('takes along what was recorded soon after it became calm, and in a quarter of a minute where it does not', () => {
    fc.assert(
      fc.property(standing, last, spread, fc.tuple(time, time), (at, of, by, [a, b]) => {
        const [first, latest] = [Math.min(a, b), Math.max(a, b)]
        const due = nextAttemptAt(
          { ...at, recorded: { first, last: latest }, last: { ...of, outcome: 'together' } },
          by,
        )
        expect(due).toBeLessThanOrEqual(Math.max(of.ended_at + 3000, first + 15_000))
        expect(due).toBeLessThanOrEqual(Math.max(of.ended_at + 3000, latest + 2000))
      }),
    )
  })

  test('waits longer with each failure, and what is recorded meanwhile makes it no sooner', () => {
    fc.assert(
      fc.property(standing, last, spread, (at, of, by) => {
        const away = (failures: number, over: Partial<Standing> = {}) =>
          nextAttemptAt({ ...at, ...over, last: { ...of, outcome: 'away', failures } }, by)
        expect(away(of.failures + 1)).toBeGreaterThanOrEqual(away(of.failures))
        expect(away(of.failures, { recorded: { first: 0, last: 0 } })).toBe(away(of.failures))
      }),
    )
  })
})

const AT = '2026-11-22T10:00:00.000Z'
const LATER = '2026-11-22T11:00:00.000Z'
const ME = { host: 'h', boot_id: 'b', pid_space: '', pid: 7, started: '1' }
const came = (over: Partial<Came> = {}): Came => ({
  ...{ ended_at: LATER, outcome: 'together', sent: 0, received: 0, error: null, here: 0, forks: [], left_apart: [] },
  ...over,
})
const note = (over: Partial<RemoteNote> = {}): RemoteNote => ({
  ...begun(null, 'db/team', { by: ME, began_at: AT }),
  ...over,
})

describe('the note', () => {
  test('of whatever happened is one that is understood when it is read back', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(outcome, fc.nat(1000), fc.nat(1000), fc.option(fc.nat(5000)))), (attempts) => {
        const end = attempts.reduce<RemoteNote>((known, [how, sent, received, here]) => {
          const error = how === 'together' ? null : { message: 'no' }
          return ended(
            begun(known, 'db/team', { by: ME, began_at: AT }),
            AT,
            came({ outcome: how, sent, received, here, error }),
          )
        }, note())
        expect(remoteNoteSchema.parse(JSON.parse(JSON.stringify(end)))).toEqual(end)
        expect(end.arrived).toBeGreaterThanOrEqual(0)
        expect(end.away_since === null).toBe(attempts.length === 0 || attempts.at(-1)?.[0] === 'together')
      }),
    )
  })

  test('counts what has arrived, also of an attempt that was cut off', () => {
    const together = ended(note(), AT, came({ here: 100, sent: 100 }))
    expect(together).toMatchObject({ arrived: 100, together_at: LATER })
    const cut = ended(together, LATER, came({ outcome: 'away', here: 130, sent: 10, received: 5 }))
    expect(cut).toMatchObject({ arrived: 115, together_at: LATER, away_since: LATER })
    const unknown = ended(cut, LATER, came({ outcome: 'away', here: null }))
    expect(unknown).toMatchObject({ arrived: 115, last: { failures: 2 } })
    expect(ended(unknown, LATER, came({ here: 140, sent: 25 }))).toMatchObject({ arrived: 140, away_since: null })
  })

  test('about one database says nothing of another', () => {
    const away = ended(note(), AT, came({ outcome: 'refused', error: { message: 'no' } }))
    expect(begun(away, 'db/other', { by: ME, began_at: AT })).toMatchObject({ last: null, away_since: null })
    expect(begun(away, 'db/team', { by: ME, began_at: AT })).toMatchObject({ last: { failures: 1 } })
  })
})
