import { describe, expect, test } from 'vitest'
import { examine, type Findings, type FleetNote, type LoggedEvent } from '../../bench/fleet-check.ts'

/** A time of one morning, by its millisecond. */
const at = (ms: number) => new Date(Date.UTC(2026, 4, 8, 9) + ms).toISOString()

const event = (ms: number, type: string, data: LoggedEvent['data'] = {}): LoggedEvent => ({
  type,
  at: at(ms),
  committed_at: at(ms),
  data,
})
const started = (ms: number, slot = 's') => event(ms, 'session.started', { slot })
const granted = (ms: number, token: number, slot = 's') => event(ms, 'lease.granted', { slot, token })
const task = (ms: number, task_id: string) => event(ms, 'task.started', { task_id })
const turn = (ms: number, request_id: string) => event(ms, 'turn.recorded', { request_id })
const completed = (ms: number, task_id: string) => event(ms, 'task.completed', { task_id })
const ended = (ms: number, reason = 'stopped_by_agent') => event(ms, 'session.ended', { reason })

const CLEAN: Findings = {
  lost: [],
  doubled: [],
  heldTwice: [],
  missingGrants: [],
  withoutGrant: [],
  behindEnd: [],
  backInTime: [],
}

/** The names of what was found, and how often. */
function found(sessions: Record<string, LoggedEvent[]>, notes: readonly FleetNote[] = []): Record<string, number> {
  const findings = Object.entries(examine(new Map(Object.entries(sessions)), notes))
  return Object.fromEntries(findings.flatMap(([what, { length }]) => (length > 0 ? [[what, length]] : [])))
}

/** Two runs, one after the other, and what their workers were answered. */
const RUNS = {
  a: [started(0), granted(0, 1), task(1, 't1'), turn(2, 'r1'), completed(3, 't1'), ended(4)],
  b: [started(5), granted(5, 2), task(6, 't2'), turn(7, 'r2')],
}
const NOTES: FleetNote[] = [
  { call: 'start', session_id: 'a', slot: 's', token: 1 },
  { call: 'update', session_id: 'a', task_id: 't1' },
  { call: 'turn', session_id: 'a', request_id: 'r1' },
  { call: 'completed', session_id: 'a', task_id: 't1' },
  { call: 'stop', session_id: 'a' },
  { call: 'refused', message: 'slot "s" is held' },
  { call: 'start', session_id: 'b', slot: 's', token: 2 },
]

describe("a fleet's log is lawful", () => {
  test('with one run after the other, and the last at work', () => {
    expect(examine(new Map(Object.entries(RUNS)), NOTES)).toEqual(CLEAN)
  })

  test('with a dead run that the next one ended in the millisecond of its own grant', () => {
    const a = [started(0), granted(0, 1), turn(2, 'r1'), ended(9, 'process_gone')]
    expect(found({ a, b: [started(9), granted(9, 2), turn(9, 'r2'), ended(9)] })).toEqual({})
  })

  test('with a writer whose clock is an hour ahead, as long as the commits are in order', () => {
    const ahead = (one: LoggedEvent) => ({ ...one, at: at(3_600_000) })
    const a = [started(0), granted(0, 1), ended(4)].map(ahead)
    expect(found({ a, b: [started(5), granted(5, 2)] })).toEqual({})
  })

  test('with a run that was adopted, and the next one after it', () => {
    const a = [started(0), granted(0, 1), turn(2, 'r1'), granted(5, 2), turn(6, 'r2'), ended(7)]
    expect(found({ a, b: [started(8), granted(8, 3)] })).toEqual({})
  })

  test('with two at once in two slots', () => {
    const [a, b] = ['s', 't'].map((slot) => [started(0, slot), granted(0, 1, slot), turn(5, slot), ended(9)])
    expect(found({ a: a ?? [], b: b ?? [] })).toEqual({})
  })
})

describe('a slot was held twice', () => {
  test('where the first ended after the second was granted it', () => {
    const a = [started(0), granted(0, 1), ended(6)]
    expect(found({ a, b: [started(5), granted(5, 2)] })).toEqual({ heldTwice: 1 })
  })

  test('where the first decided its end before the grant, and committed it after', () => {
    const end = { ...ended(4), committed_at: at(6) }
    expect(found({ a: [started(0), granted(0, 1), end], b: [started(5), granted(5, 2)] })).toEqual({ heldTwice: 1 })
  })

  test('where the first never ended', () => {
    expect(found({ a: [started(0), granted(0, 1)], b: [started(5), granted(5, 2)] })).toEqual({ heldTwice: 1 })
  })

  test('where the first worked on, behind its end', () => {
    const a = [started(0), granted(0, 1), ended(4), turn(6, 'r1')]
    expect(found({ a, b: [started(5), granted(5, 2)] })).toEqual({ heldTwice: 1, behindEnd: 1 })
  })

  test('where a token was given to two, though the one ended before', () => {
    const a = [started(0), granted(0, 1), ended(4)]
    expect(found({ a, b: [started(5), granted(5, 1)] })).toEqual({ heldTwice: 1 })
  })

  test('where one that was overtaken was granted it again', () => {
    const a = [started(0), granted(0, 1), granted(5, 3), ended(6)]
    expect(found({ a, b: [started(2), granted(2, 2), ended(4)] })).toEqual({ heldTwice: 1 })
  })

  test('whatever the order in which the sessions stand in the log', () => {
    const b = [started(5), granted(5, 2), ended(8)]
    expect(found({ b, c: [started(9), granted(9, 3)], a: [started(0), granted(0, 1), ended(6)] })).toEqual({
      heldTwice: 1,
    })
  })

  test('and is told with both sessions and their times', () => {
    const sessions = { a: [started(0), granted(0, 1), ended(6)], b: [started(5), granted(5, 2)] }
    expect(examine(new Map(Object.entries(sessions)), []).heldTwice).toEqual([
      's: 1 to a, 2 to b at 2026-05-08T09:00:00.005Z: the first ended at 2026-05-08T09:00:00.006Z',
    ])
  })
})

describe('an answered call is lost', () => {
  test.each(['task.started', 'turn.recorded', 'task.completed', 'session.ended'])('without its %s', (type) => {
    const a = RUNS.a.filter((one) => one.type !== type)
    expect(found({ a }, NOTES.slice(0, 5))).toEqual({ lost: 1 })
  })

  test('where the session that was started is nowhere', () => {
    expect(found({ a: RUNS.a }, NOTES)).toEqual({ lost: 2 })
  })

  test.each([
    ['another token', [started(5), granted(5, 2)], 3],
    ['no beginning', [granted(5, 2)], 2],
  ])('where a start is there with %s', (_, b, token) => {
    const note: FleetNote = { call: 'start', session_id: 'b', slot: 's', token }
    expect(found({ a: RUNS.a, b }, [note])).toEqual({ lost: 1 })
  })

  test('where it is in the record of another', () => {
    const b = [...RUNS.b, turn(8, 'r3')]
    expect(found({ a: RUNS.a, b }, [{ call: 'turn', session_id: 'a', request_id: 'r3' }])).toEqual({ lost: 1 })
  })

  test('where a session that was stopped was ended as a dead one', () => {
    const a = [started(0), granted(0, 1), ended(4, 'lease_expired')]
    expect(found({ a }, [{ call: 'stop', session_id: 'a' }])).toEqual({ lost: 1 })
  })
})

describe('a call was recorded twice', () => {
  test.each([turn(8, 'r2'), task(8, 't2')])('in one session: $type', (again) => {
    expect(found({ a: RUNS.a, b: [...RUNS.b, again] })).toEqual({ doubled: 1 })
  })

  test.each([turn(8, 'r1'), task(8, 't1'), completed(8, 't1')])('in two sessions: $type', (again) => {
    expect(found({ a: RUNS.a, b: [...RUNS.b, again] })).toEqual({ doubled: 1 })
  })
})

describe('a record is not one of a fleet', () => {
  test('where a token is in no record', () => {
    expect(found({ a: RUNS.a, b: [started(5), granted(5, 3)] })).toEqual({ missingGrants: 1 })
    expect(found({ b: [started(5), granted(5, 2)] })).toEqual({ missingGrants: 1 })
  })

  test('where a session worked without a grant, or before it', () => {
    expect(found({ a: [started(0), turn(1, 'r1')] })).toEqual({ withoutGrant: 1 })
    expect(found({ a: [started(0), turn(1, 'r1'), granted(2, 1)] })).toEqual({ withoutGrant: 1 })
  })

  test('where anything stands behind an end, a second one too', () => {
    expect(found({ a: [...RUNS.a, event(5, 'whisper.acknowledged')] })).toEqual({ behindEnd: 1 })
    expect(found({ a: [...RUNS.a, ended(5, 'process_gone')] })).toEqual({ behindEnd: 1 })
  })

  test('where its times go back', () => {
    expect(found({ a: [started(0), granted(0, 1), turn(5, 'r1'), ended(4)] })).toEqual({ backInTime: 1 })
  })
})
