import { describe, expect, test } from 'vitest'
import { MAX_WAITING_WHISPERS } from '../../src/domain/session/decide.ts'
import type { SessionState } from '../../src/domain/session/state.ts'
import { sessionView } from '../../src/domain/session/view.ts'
import { DrivenSession, PLAIN_TURN } from './drive.ts'

const OPERATOR = { kind: 'operator', name: 'me' } as const
const view = (state: SessionState) => sessionView(state, { leased: true, last_heartbeat_at: null, next_action: null })

/** The fields in which two states differ. */
function changed(before: SessionState, after: SessionState): string[] {
  const keys = Object.keys(after) as (keyof SessionState)[]
  return keys.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key])).sort()
}

/** The fields in which a change at a later moment shows; `last_at` and `last_update` always do. */
function changes(session: DrivenSession, act: () => unknown): string[] {
  const before = session.wait(1000).state
  act()
  return changed(before, session.state).filter((field) => field !== 'last_at' && field !== 'last_update')
}

describe('session_update', () => {
  test('changes nothing but last_update when nothing is supplied', () => {
    const session = new DrivenSession()
    const before = session.wait(5000).state
    expect(session.update({})).toEqual(['session.touched'])
    expect(changed(before, session.state)).toEqual(['last_at', 'last_update'])
    expect(session.state.last_update).toBe(session.now)
  })

  test('changes nothing but last_update when everything supplied is as it was', () => {
    const session = new DrivenSession()
    session.update({ current_task_id: 't-1', auth_method: 'api_key', tasks_failed: 2, status: 'running' })
    const again = () =>
      session.update({ current_task_id: 't-1', auth_method: 'api_key', tasks_failed: 2, status: 'running' })
    expect(changes(session, again)).toEqual([])
    expect(session.state.last_update).toBe(session.now)
  })

  test.each([
    [{ current_task_id: 't-1' }, ['current_task']],
    [{ auth_method: 'claude_pro' }, ['auth_method']],
    [{ tasks_failed: 2 }, ['tasks_failed']],
    [{ tasks_skipped: 1 }, ['tasks_skipped']],
    [{ consecutive_failures: 3 }, ['consecutive_failures']],
    [{ status: 'paused' }, ['active_ms', 'running_since', 'status']],
    [{ status: 'running' }, []],
    [{ current_task_id: '' }, []],
    [{ tasks_failed: undefined, tasks_skipped: 1 }, ['tasks_skipped']],
  ] as const)('changes only what %j supplies', (supplied, fields) => {
    const session = new DrivenSession()
    expect(changes(session, () => session.update(supplied))).toEqual([...fields].sort())
  })

  test('clears the current task with an empty id', () => {
    const session = new DrivenSession()
    session.update({ current_task_id: 't-1' })
    session.update({ current_task_id: '' })
    expect(view(session.state).current_task_id).toBeNull()
    expect(session.events.at(-1)?.type).toBe('task.cleared')
  })

  test.each(['tasks_failed', 'tasks_skipped'] as const)(
    'refuses a %s below the recorded one, and names both',
    (counter) => {
      const session = new DrivenSession()
      session.update({ [counter]: 5 })
      const refusal = session.refused({ [counter]: 4 })
      expect(refusal.code).toBe('counter_regression')
      expect(refusal.details).toEqual({ counter, recorded: 5, given: 4 })
      expect(refusal.message).toContain('stands at 5')
      expect(refusal.hint).toContain('>= 5')
    },
  )

  test('takes a cumulative counter that stays the same', () => {
    const session = new DrivenSession()
    session.update({ tasks_failed: 5, tasks_skipped: 2 })
    session.update({ tasks_failed: 5, tasks_skipped: 2 })
    expect(session.state).toMatchObject({ tasks_failed: 5, tasks_skipped: 2 })
  })

  test('lets consecutive_failures fall', () => {
    const session = new DrivenSession()
    session.update({ consecutive_failures: 3 })
    session.update({ consecutive_failures: 0 })
    expect(session.state.consecutive_failures).toBe(0)
  })

  test('refuses the whole call for one bad field', () => {
    const session = new DrivenSession()
    session.update({ tasks_failed: 5 })
    const refusal = session.refused({
      current_task_id: 't-1',
      status: 'paused',
      auth_method: 'api_key',
      tasks_failed: 4,
      tasks_skipped: 9,
      consecutive_failures: 1,
    })
    expect(refusal.code).toBe('counter_regression')
    expect(session.refused({ tasks_failed: 9, tasks_skipped: -1 }).code).toBe('counter_regression')
  })

  test('lists the current task as failed when exactly one failure more is reported, and only then', () => {
    const session = new DrivenSession()
    session.update({ current_task_id: 't-1' })
    session.wait(60_000).update({ tasks_failed: 1 })
    expect(session.state.tasks).toMatchObject([{ task_id: 't-1', outcome: 'failed', duration_ms: 60_000 }])
    session.update({ tasks_failed: 3 })
    session.update({ tasks_failed: 4, tasks_skipped: 1 })
    expect(session.state.tasks).toHaveLength(1)
    session.update({ tasks_skipped: 2 })
    expect(session.state.tasks.at(-1)).toMatchObject({ task_id: 't-1', outcome: 'skipped' })
  })
})

describe('the circuit', () => {
  test.each([0, 1, 3])('stays closed at the threshold of %d and opens above it', (threshold) => {
    const session = new DrivenSession({ max_consecutive_failures: threshold })
    session.update({ consecutive_failures: threshold })
    expect(session.state.circuit.state).toBe('closed')
    session.update({ consecutive_failures: threshold + 1 })
    expect(session.state.circuit).toEqual({ state: 'open', threshold, opened_at: session.now })
    expect(session.state.status).toBe('paused')
  })

  test('opens with the failure that exceeds the threshold when failures are counted one by one', () => {
    const session = new DrivenSession({ max_consecutive_failures: 3 })
    expect([session.fail(), session.fail(), session.fail()]).toEqual([
      ['task.failed'],
      ['task.failed'],
      ['task.failed'],
    ])
    expect(session.fail()).toEqual(['task.failed', 'circuit.opened', 'session.paused'])
  })

  test('pauses a session once: one that was paused, or is being paused, gets no second pause', () => {
    const paused = new DrivenSession()
    paused.update({ status: 'paused' })
    expect(paused.update({ consecutive_failures: 4 })).toEqual(['counters.reported', 'circuit.opened'])
    const pausing = new DrivenSession()
    expect(pausing.update({ consecutive_failures: 4, status: 'paused' })).toEqual([
      'counters.reported',
      'session.paused',
      'circuit.opened',
    ])
  })

  test('refuses to start another task while open, and says how to close it', () => {
    const session = new DrivenSession()
    session.update({ current_task_id: 't-1' })
    session.update({ consecutive_failures: 4 })
    const refusal = session.refused({ current_task_id: 't-2', tasks_skipped: 1 })
    expect(refusal.code).toBe('circuit_open')
    expect(refusal.message).toContain('"t-2"')
    expect(refusal.hint).toContain('"status": "running"')
    expect(refusal.details).toMatchObject({ session_id: 's-1', consecutive_failures: 4 })
    expect(session.refused({ current_task_id: 't-2', status: 'paused' }).code).toBe('circuit_open')
    expect(session.refused({ current_task_id: 't-2', status: 'stopped' }).code).toBe('circuit_open')
  })

  test('does not mind the current task being named again, or cleared, while open', () => {
    const session = new DrivenSession()
    session.update({ current_task_id: 't-1' })
    session.update({ consecutive_failures: 4 })
    expect(session.update({ current_task_id: 't-1' })).toEqual(['session.touched'])
    expect(session.update({ current_task_id: '' })).toEqual(['task.cleared'])
  })

  test('is closed by status running and by nothing else', () => {
    const session = new DrivenSession()
    session.update({ consecutive_failures: 4 })
    session.update({ consecutive_failures: 0 })
    session.complete()
    session.update({ status: 'paused' })
    expect(session.state.circuit.state).toBe('open')
    expect(session.update({ status: 'running' })).toEqual(['circuit.closed', 'session.resumed'])
    expect(session.state).toMatchObject({ status: 'running', circuit: { state: 'closed', opened_at: null } })
  })

  test('lets the call that closes it start a task at once', () => {
    const session = new DrivenSession()
    session.update({ consecutive_failures: 4 })
    session.update({ status: 'running', current_task_id: 't-2' })
    expect(session.state).toMatchObject({ status: 'running', circuit: { state: 'closed' } })
    expect(session.state.current_task?.task_id).toBe('t-2')
  })

  test('opens again at the next failure after it was closed', () => {
    const session = new DrivenSession()
    for (let i = 0; i < 4; i++) session.fail()
    session.update({ status: 'running' })
    expect(session.fail()).toEqual(['task.failed', 'circuit.opened', 'session.paused'])
  })

  test('opens again when one call resumes and reports more failures', () => {
    const session = new DrivenSession()
    session.update({ consecutive_failures: 4 })
    session.update({ status: 'running', consecutive_failures: 5 })
    expect(session.state).toMatchObject({ status: 'paused', circuit: { state: 'open' } })
  })

  test('counts on while open without opening a second time', () => {
    const session = new DrivenSession()
    session.update({ consecutive_failures: 4 })
    const openedAt = session.now
    session.wait(1000)
    expect(session.fail()).toEqual(['task.failed'])
    expect(session.update({ consecutive_failures: 9 })).toEqual(['counters.reported'])
    expect(session.state.circuit.opened_at).toBe(openedAt)
  })

  test('is not opened by skips', () => {
    const session = new DrivenSession()
    for (let i = 0; i < 10; i++) session.skip()
    expect(session.state).toMatchObject({ tasks_skipped: 10, consecutive_failures: 0, circuit: { state: 'closed' } })
  })
})

describe('the end of a session', () => {
  test('sets the end time and clears the current task', () => {
    const session = new DrivenSession()
    session.update({ current_task_id: 't-1' })
    session.wait(1000).update({ status: 'stopped' })
    expect(session.state).toMatchObject({ status: 'stopped', end_time: session.now, current_task: null })
    expect(session.state.end_reason).toBe('stopped_by_agent')
  })

  test('takes the counters that come with the stop', () => {
    const session = new DrivenSession()
    session.update({ status: 'stopped', tasks_failed: 2, tasks_skipped: 1 })
    expect(session.state).toMatchObject({ status: 'stopped', tasks_failed: 2, tasks_skipped: 1 })
  })

  test('comes once: stopping twice changes nothing and succeeds', () => {
    const session = new DrivenSession()
    session.update({ status: 'stopped' })
    const before = session.wait(1000).state
    expect(session.update({ status: 'stopped' })).toEqual([])
    expect(session.do({ kind: 'end', reason: 'command_exited', detail: null, command: null })).toEqual([])
    expect(session.state).toBe(before)
  })

  test('refuses every other change afterwards', () => {
    const session = new DrivenSession()
    session.update({ status: 'stopped' })
    const error = { message: 'x', kind: null, detail: null }
    for (const command of [
      {},
      { status: 'running' },
      { status: 'paused' },
      { status: 'stopped', tasks_failed: 1 },
      { status: 'stopped', current_task_id: '' },
      { kind: 'complete_task' },
      { kind: 'record_failure', outcome: 'failed', error, task_id: null },
      { kind: 'hand_over_whispers' },
      { kind: 'mark_task_done', task_id: 't', note: null, already_done: true },
      { kind: 'add_tasks', tasks: [] },
      { kind: 'whisper', whisper_id: 'w', instruction: 'x', priority: 'normal' },
    ] as const) {
      const refusal = session.refused(command)
      expect(refusal.code).toBe('session_stopped')
      expect(refusal.details).toMatchObject({ session_id: 's-1', end_reason: 'stopped_by_agent' })
    }
  })

  test('says who ended it', () => {
    const byOperator = new DrivenSession()
    byOperator.do({ kind: 'update', changes: { status: 'stopped' } }, OPERATOR)
    expect(byOperator.state).toMatchObject({ status: 'stopped', end_reason: 'stopped_by_operator' })
    const gone = new DrivenSession()
    gone.do({ kind: 'end', reason: 'process_gone', detail: 'x', command: null })
    expect(gone.state).toMatchObject({ status: 'interrupted', end_reason: 'process_gone' })
  })
})

describe('session_increment_completed', () => {
  test('adds exactly one and zeroes the failures in a row, in one event', () => {
    const session = new DrivenSession()
    session.fail()
    expect(session.complete()).toEqual(['task.completed'])
    expect(session.state).toMatchObject({ tasks_completed: 1, consecutive_failures: 0, tasks_failed: 1 })
  })

  test('counts while paused, also when the circuit paused it', () => {
    const session = new DrivenSession()
    session.update({ status: 'paused' })
    session.complete()
    session.update({ consecutive_failures: 4 })
    session.complete()
    expect(session.state).toMatchObject({ status: 'paused', tasks_completed: 2, consecutive_failures: 0 })
  })

  test('counts the current task as processed, with the time it took, and times nothing twice', () => {
    const session = new DrivenSession()
    session.complete()
    session.update({ current_task_id: 't-1' })
    session.wait(90_000).complete()
    session.wait(10_000).complete()
    expect(session.state.tasks.map(({ task_id, outcome, duration_ms }) => [task_id, outcome, duration_ms])).toEqual([
      [null, 'completed', null],
      ['t-1', 'completed', 90_000],
      ['t-1', 'completed', 10_000],
    ])
  })
})

describe('session_record_failure', () => {
  test('counts a failure, the failures in a row and the error in one event', () => {
    const session = new DrivenSession()
    session.update({ current_task_id: 't-1' })
    session.fail('boom')
    expect(session.state).toMatchObject({ tasks_failed: 1, tasks_skipped: 0, consecutive_failures: 1 })
    expect(session.state.errors).toMatchObject([
      { task_id: 't-1', outcome: 'failed', message: 'boom', at: session.now },
    ])
    expect(session.state.tasks).toMatchObject([{ task_id: 't-1', outcome: 'failed' }])
  })

  test('counts a skip without touching the failures in a row', () => {
    const session = new DrivenSession()
    session.fail()
    session.skip('later', 't-9')
    expect(session.state).toMatchObject({ tasks_failed: 1, tasks_skipped: 1, consecutive_failures: 1 })
    expect(session.state.errors.at(-1)).toMatchObject({ task_id: 't-9', outcome: 'skipped' })
  })

  test('gives no duration to a task that was never current', () => {
    const session = new DrivenSession()
    session.update({ current_task_id: 't-1' })
    session.wait(1000).fail('boom', 't-2')
    expect(session.state.tasks).toMatchObject([{ task_id: 't-2', duration_ms: null }])
    expect(session.state.current_task?.task_id).toBe('t-1')
  })
})

describe('session_record_turn', () => {
  test('counts a turn that was counted before not again', () => {
    const session = new DrivenSession()
    session.turn({ request_id: 'r-1' })
    const turn = { ...PLAIN_TURN, request_id: 'r-1' }
    expect(session.do({ kind: 'record_turn', turn, already_counted: true })).toEqual([])
    expect(session.state.usage.turns).toBe(1)
  })

  test('leaves tokens and cost unknown as long as nobody told them', () => {
    const session = new DrivenSession()
    session.turn({ tokens: null })
    expect(view(session.state)).toMatchObject({ turns: 1, tokens: null, cost_usd: null, cost_is_estimated: false })
    session.turn({ tokens: { input: 1, output: 2, cache_read: 3, cache_write: 4, reasoning: 2 }, cost_usd: 0 })
    expect(view(session.state)).toMatchObject({ turns: 2, tokens: { total: 10, reasoning: 2 }, cost_usd: 0 })
  })

  test('marks the sum as estimated as soon as one cost in it is', () => {
    const session = new DrivenSession()
    session.turn({ cost_usd: 1 })
    session.turn({ cost_usd: 1, cost_is_estimated: true })
    session.turn({ cost_usd: 1 })
    expect(session.state.usage).toMatchObject({ cost_is_estimated: true, cost_nano_usd: 3e9 })
  })
})

describe('whispers', () => {
  const send = (session: DrivenSession, id: string, priority: 'normal' | 'urgent' | 'abort' = 'normal') =>
    session.do({ kind: 'whisper', whisper_id: id, instruction: id, priority }, OPERATOR)
  const beat = (session: DrivenSession) => {
    session.do({ kind: 'hand_over_whispers' })
    const last = session.events.at(-1)
    return last?.type === 'whisper.delivered' ? last.data.whisper_ids : []
  }

  test('are handed over once, abort first, otherwise as they were sent', () => {
    const session = new DrivenSession()
    send(session, 'w-1')
    send(session, 'w-2', 'urgent')
    send(session, 'w-3', 'abort')
    send(session, 'w-4', 'abort')
    expect(beat(session)).toEqual(['w-3', 'w-4', 'w-1', 'w-2'])
    expect(session.state.whispers_waiting).toEqual([])
    expect(beat(session)).toEqual([])
  })

  test('stay delivered until the next call of the agent acknowledges them', () => {
    const session = new DrivenSession()
    send(session, 'w-1')
    beat(session)
    send(session, 'w-2')
    expect(session.state.whispers_unacknowledged).toEqual(['w-1'])
    session.do({ kind: 'update', changes: {} }, OPERATOR)
    expect(session.state.whispers_unacknowledged).toEqual(['w-1'])
    expect(session.complete()).toEqual(['whisper.acknowledged', 'task.completed'])
    expect(session.state.whispers_unacknowledged).toEqual([])
  })

  test('are acknowledged and handed over by one heartbeat without mixing up the two', () => {
    const session = new DrivenSession()
    send(session, 'w-1')
    beat(session)
    send(session, 'w-2')
    expect(session.do({ kind: 'hand_over_whispers' })).toEqual(['whisper.acknowledged', 'whisper.delivered'])
    expect(session.state.whispers_unacknowledged).toEqual(['w-2'])
  })

  test('make a heartbeat that finds none leave no trace', () => {
    const session = new DrivenSession()
    expect(session.do({ kind: 'hand_over_whispers' })).toEqual([])
  })

  test('may not pile up without end', () => {
    const session = new DrivenSession()
    for (let i = 0; i < MAX_WAITING_WHISPERS; i++) send(session, `w-${i}`)
    const command = { kind: 'whisper', whisper_id: 'x', instruction: 'x', priority: 'abort' } as const
    const refusal = session.refused(command, OPERATOR)
    expect(refusal.code).toBe('invalid_argument')
    expect(refusal.message).toContain(String(MAX_WAITING_WHISPERS))
  })

  test('say nothing about the work: they leave last_update alone', () => {
    const session = new DrivenSession()
    const before = session.state.last_update
    session.wait(1000)
    send(session, 'w-1')
    session.do({ kind: 'add_tasks', tasks: [{ task_id: 't-1', title: 'x' }] }, OPERATOR)
    expect(session.state.last_update).toBe(before)
  })
})

describe('tasks', () => {
  test('are added one event each, and marked done once', () => {
    const session = new DrivenSession()
    const tasks = [
      { task_id: 't-1', title: 'one' },
      { task_id: 't-2', title: 'two' },
    ]
    expect(session.do({ kind: 'add_tasks', tasks })).toEqual(['task.added', 'task.added'])
    const done = { kind: 'mark_task_done', task_id: 't-1', note: 'ok' } as const
    expect(session.do({ ...done, already_done: false })).toEqual(['task.marked_done'])
    expect(session.do({ ...done, already_done: true })).toEqual([])
  })

  test('never touch the counters of the session when marked done', () => {
    const session = new DrivenSession()
    session.update({ current_task_id: 't-1' })
    const mark = () => session.do({ kind: 'mark_task_done', task_id: 't-1', note: null, already_done: false })
    expect(changes(session, mark)).toEqual([])
  })
})
