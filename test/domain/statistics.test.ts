import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Refusal } from '../../src/domain/refusal.ts'
import type { SessionCommand } from '../../src/domain/session/commands.ts'
import { evolve } from '../../src/domain/session/evolve.ts'
import { initialState } from '../../src/domain/session/state.ts'
import { type Statistics, statistics } from '../../src/domain/session/statistics.ts'
import { anyEvents } from './arbitraries.ts'
import { DrivenSession } from './drive.ts'

const NOTHING_MARKED = { tasks_marked_done: 0, unmatched_task_ids: [], unmatched_count: 0 }

const command: fc.Arbitrary<SessionCommand> = fc.oneof(
  fc.record({
    kind: fc.constant('update' as const),
    changes: fc.record(
      {
        status: fc.constantFrom('running' as const, 'paused' as const),
        current_task_id: fc.constantFrom('', 't-1', 't-2'),
        tasks_failed: fc.nat(500),
        tasks_skipped: fc.nat(500),
        consecutive_failures: fc.nat(6),
      },
      { requiredKeys: [] },
    ),
  }),
  fc.constant({ kind: 'complete_task' as const }),
  fc.record({
    kind: fc.constant('record_failure' as const),
    outcome: fc.constantFrom('failed' as const, 'skipped' as const),
    error: fc.constant({ message: 'x', kind: null, detail: null }),
    task_id: fc.constant(null),
  }),
)

/** A session as a decider makes it: some commands, some time between them, perhaps an end. */
const session = fc
  .tuple(fc.array(fc.tuple(command, fc.nat(10_000_000)), { maxLength: 30 }), fc.boolean())
  .map(([steps, ends]) => {
    const driven = new DrivenSession()
    for (const [what, ms] of steps) {
      driven.wait(ms)
      try {
        driven.do(what)
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
      }
    }
    if (ends) driven.wait(1234).update({ status: 'stopped' })
    return driven
  })

const moment = fc.date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })

test('gives rates with one decimal that add up to 100 as soon as something was processed', () => {
  fc.assert(
    fc.property(session, ({ state, now }) => {
      const { completion_rate, failure_rate, skip_rate, total_processed } = statistics(state, NOTHING_MARKED, now)
      const rates = [completion_rate, failure_rate, skip_rate]
      const sum = rates.reduce((a, b) => a + b, 0)
      for (const rate of rates) {
        expect(rate).toBeGreaterThanOrEqual(0)
        expect(rate).toBeLessThanOrEqual(100)
        expect(Number(rate.toFixed(1))).toBe(rate)
      }
      expect(total_processed).toBe(state.tasks_completed + state.tasks_failed + state.tasks_skipped)
      if (total_processed === 0) expect(sum).toBe(0)
      else expect(Math.abs(sum - 100)).toBeLessThanOrEqual(0.2)
    }),
  )
})

test('stands still after the end, whatever the clock says', () => {
  fc.assert(
    fc.property(session, moment, moment, (driven, one, other) => {
      if (driven.state.end_time === null) driven.update({ status: 'stopped' })
      const at = (now: Date) => statistics(driven.state, NOTHING_MARKED, now.toISOString())
      expect(at(one)).toEqual(at(other))
    }),
  )
})

test('never gives a negative time, and never more active time than run time', () => {
  fc.assert(
    fc.property(session, moment, ({ state }, now) => {
      const figures = statistics(state, NOTHING_MARKED, now.toISOString())
      expect(figures.active_minutes).toBeGreaterThanOrEqual(0)
      expect(figures.runtime_minutes).toBeGreaterThanOrEqual(figures.active_minutes)
      expect(figures.avg_minutes_per_task).toBeGreaterThanOrEqual(0)
    }),
  )
})

test('never gives a negative or broken figure, however a record was mangled behind its first line', () => {
  const { events: started } = new DrivenSession()
  fc.assert(
    fc.property(anyEvents, moment, (events, now) => {
      expectFigures(statistics([...started, ...events].reduce(evolve, initialState), NOTHING_MARKED, now.toISOString()))
    }),
  )
})

test('never gives a broken figure of a record whose first line is lost', () => {
  const driven = new DrivenSession()
  driven.wait(60_000).complete()
  driven.wait(60_000).fail()
  expectFigures(statistics(driven.events.slice(1).reduce(evolve, initialState), NOTHING_MARKED, driven.now))
})

function expectFigures(figures: Statistics): void {
  for (const [name, value] of Object.entries(figures)) {
    if (typeof value === 'number') expect(value, name).toBeGreaterThanOrEqual(0)
  }
}

test('leaves pauses out of the active minutes', () => {
  const driven = new DrivenSession()
  driven.wait(600_000).update({ status: 'paused' })
  driven.wait(3_000_000).update({ status: 'running' })
  driven.wait(300_000).complete()
  expect(statistics(driven.state, NOTHING_MARKED, driven.now)).toMatchObject({
    runtime_minutes: 65,
    active_minutes: 15,
    avg_minutes_per_task: 15,
  })
})

test('counts the time that runs at the moment, but none from a clock that was set back', () => {
  const driven = new DrivenSession()
  driven.wait(120_000).update({})
  const at = (now: string) => statistics(driven.state, NOTHING_MARKED, now).runtime_minutes
  expect(at(driven.wait(60_000).now)).toBe(3)
  expect(at('2001-01-01T00:00:00.000Z')).toBe(2)
})

test('says nothing of a cost that nobody knows, and marks a part and an estimate', () => {
  const driven = new DrivenSession()
  const summary = () => statistics(driven.state, NOTHING_MARKED, driven.now).summary
  expect(summary()).toContain('cost unknown')
  driven.turn({ cost_usd: 1.5 })
  expect(summary()).toContain(' $1.50')
  driven.turn({ cost_usd: null })
  expect(summary()).toContain('at least $1.50')
  driven.turn({ cost_usd: 0.25, cost_is_estimated: true })
  expect(summary()).toContain('an estimated at least $1.75')
})

test.each([
  [1, 1, 0, true],
  [1, 0, 1, false],
  [2, 2, 2, false],
  [2, 1, 0, false],
])('compares %d completed with %d marked done and %d unmatched: in sync %s', (completed, marked, unmatched, inSync) => {
  const driven = new DrivenSession()
  for (let i = 0; i < completed; i++) driven.complete()
  const sync = { tasks_marked_done: marked, unmatched_task_ids: [], unmatched_count: unmatched }
  expect(statistics(driven.state, sync, driven.now).sync.in_sync).toBe(inSync)
})
