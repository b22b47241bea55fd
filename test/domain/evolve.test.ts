import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isSessionEvent, type SessionEvent } from '../../src/domain/session/events.ts'
import { evolve } from '../../src/domain/session/evolve.ts'
import { project } from '../../src/domain/session/projection.ts'
import { ERRORS_KEPT, initialState, type SessionState, TASKS_KEPT } from '../../src/domain/session/state.ts'
import { anyEvents, EVENT_TYPES, recorded, turn } from './arbitraries.ts'
import { DrivenSession, PLAIN_TURN } from './drive.ts'

const fold = (events: readonly SessionEvent[]): SessionState => events.reduce(evolve, initialState)

test('every generated event is one that a record may hold', () => {
  fc.assert(fc.property(anyEvents, (events) => events.every(isSessionEvent)))
  const { events } = fc
    .sample(anyEvents, { numRuns: 300, seed: 1 })
    .reduce((all, some) => ({ events: new Set([...all.events, ...some.map(({ type }) => type)]) }), {
      events: new Set<string>(),
    })
  expect([...events].sort()).toEqual([...EVENT_TYPES].sort())
})

test('accepts any valid event in any state: never throws, never counts below zero, keeps its lists short', () => {
  fc.assert(
    fc.property(anyEvents, (events) => {
      const state = fold(events)
      for (const counter of ['tasks_completed', 'tasks_failed', 'tasks_skipped', 'consecutive_failures'] as const) {
        expect(state[counter]).toBeGreaterThanOrEqual(0)
      }
      expect(state.active_ms).toBeGreaterThanOrEqual(0)
      expect(state.usage.turns).toBe(events.filter(({ type }) => type === 'turn.recorded').length)
      expect(state.usage.cost_nano_usd ?? 0).toBeGreaterThanOrEqual(0)
      expect(state.errors.length).toBeLessThanOrEqual(ERRORS_KEPT)
      expect(state.tasks.length).toBeLessThanOrEqual(TASKS_KEPT)
      for (const task of state.tasks) expect(task.duration_ms ?? 0).toBeGreaterThanOrEqual(0)
      expect(state.last_at).toBe(events.at(-1)?.at ?? '')
    }),
  )
})

test('never changes the state that it was given', () => {
  fc.assert(
    fc.property(anyEvents, (events) => {
      let state = initialState
      for (const event of events) {
        const before = JSON.stringify(state)
        const next = evolve(state, event)
        expect(JSON.stringify(state)).toBe(before)
        state = next
      }
    }),
    { numRuns: 50 },
  )
})

test('keeps a state that JSON can carry: what a store gives back is what was put in', () => {
  fc.assert(
    fc.property(anyEvents, (events) => {
      const state = fold(events)
      expect(JSON.parse(JSON.stringify(state))).toEqual(state)
    }),
  )
})

test('keeps the last 5 errors and the last 20 tasks of a thousand', () => {
  const session = new DrivenSession({ max_consecutive_failures: 10_000 })
  for (let i = 0; i < 1000; i++) session.fail(`error ${i}`, `t-${i}`)
  expect(session.state.errors.map(({ message }) => message)).toEqual([995, 996, 997, 998, 999].map((i) => `error ${i}`))
  expect(session.state.tasks).toHaveLength(20)
  expect(session.state.tasks.at(-1)?.task_id).toBe('t-999')
  expect(session.state.tasks_failed).toBe(1000)
})

test('has a state whose size does not grow with the session', () => {
  const session = new DrivenSession({ max_consecutive_failures: 10_000 })
  const work = () => {
    for (let i = 0; i < 500; i++) {
      session.update({ current_task_id: `task-${String(i).padStart(4, '0')}` })
      session.turn({ provider: 'anthropic', model: i % 2 === 0 ? 'big' : 'small', cost_usd: 0.000_001 })
      if (i % 3 === 0) session.fail('boom')
      else session.complete()
    }
  }
  work()
  const once = JSON.stringify(session.state).length
  for (let i = 0; i < 4; i++) work()
  expect(JSON.stringify(session.state).length).toBeLessThan(once + 200)
})

test('has a state whose size does not grow with the number of model names that an agent makes up', () => {
  const session = new DrivenSession()
  const size = (turns: number) => {
    for (let i = 0; i < turns; i++) session.turn({ model: `model-${session.state.usage.turns}` })
    return JSON.stringify(session.state).length
  }
  const once = size(1000)
  expect(size(3000)).toBeLessThan(once * 1.5)
})

test('takes a turn with fewer tokens than none, or a cost below zero, for no event of ours', () => {
  const [event] = recorded([{ type: 'turn.recorded', data: PLAIN_TURN }], [0])
  const withData = (data: unknown) => isSessionEvent({ ...(event as SessionEvent), data } as SessionEvent)
  expect(withData(PLAIN_TURN)).toBe(true)
  expect(withData({ ...PLAIN_TURN, tokens: { ...PLAIN_TURN.tokens, input: -5 } })).toBe(false)
  expect(withData({ ...PLAIN_TURN, cost_usd: -1 })).toBe(false)
})

test('projects a stream as the fold of its events, whole or in any pieces', () => {
  fc.assert(
    fc.property(anyEvents, fc.array(fc.nat(60), { maxLength: 4 }), (events, cuts) => {
      const whole = project(undefined, events)
      expect(whole.state).toEqual(fold(events))

      let state: SessionState | undefined
      const changes: unknown[] = []
      const borders = [0, ...cuts.map((at) => Math.min(at, events.length)), events.length].sort((a, b) => a - b)
      for (const [i, from] of borders.slice(0, -1).entries()) {
        // A store keeps the state as JSON between two pieces.
        const before = state === undefined ? undefined : (JSON.parse(JSON.stringify(state)) as SessionState)
        const piece = project(before, events.slice(from, borders[i + 1]))
        state = piece.state
        changes.push(...piece.changes)
      }
      expect(state).toEqual(whole.state)
      expect(changes).toEqual(whole.changes)
    }),
  )
})

test('reports as completed or marked done only what the events say so', () => {
  fc.assert(
    fc.property(anyEvents, (events) => {
      const reports = project(undefined, events).changes.flatMap((c) => (c.table === 'task_reports' ? [c.report] : []))
      const completed = events.filter((e) => e.type === 'task.completed' && e.data.task_id !== null).length
      const done = events.filter(({ type }) => type === 'task.marked_done').length
      expect(reports.filter((r) => r.completed)).toHaveLength(completed)
      expect(reports.filter((r) => r.marked_done)).toHaveLength(done)
      for (const report of reports) expect(report.status === 'done').toBe(report.marked_done)
    }),
  )
})

test('adds up the models to the whole', () => {
  fc.assert(
    fc.property(fc.array(turn, { maxLength: 40 }), (turns) => {
      const { usage, by_model } = fold(
        recorded(
          turns.map((data) => ({ type: 'turn.recorded', data })),
          [],
        ),
      )
      expect(by_model.reduce((sum, m) => sum + m.turns, 0)).toBe(usage.turns)
      expect(by_model.reduce((sum, m) => sum + (m.cost_nano_usd ?? 0), 0)).toBe(usage.cost_nano_usd ?? 0)
      expect(by_model.reduce((sum, m) => sum + m.turns_without_cost, 0)).toBe(usage.turns_without_cost)
      expect(by_model.reduce((sum, m) => sum + (m.tokens?.output ?? 0), 0)).toBe(usage.tokens?.output ?? 0)
      expect(new Set(by_model.map((m) => JSON.stringify([m.provider, m.model]))).size).toBe(by_model.length)
    }),
  )
})
