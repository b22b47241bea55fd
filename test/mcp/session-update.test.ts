import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { connect, everyByte, type Json, recordText } from '../support/mcp-client.ts'
import { id, rutter } from '../support/session.ts'

describe('session_update', () => {
  it('changes nothing but last_update when nothing is supplied', async () => {
    const before = await rutter.ok('session_get_state')
    const after = await rutter.ok('session_update')
    expect(after).toEqual({ ...before, last_update: after.last_update })
    expect(after.last_update > before.last_update).toBe(true)
  })

  it('changes only what is supplied, and gives the full state', async () => {
    const before = await rutter.ok('session_update', { current_task_id: 't-1', tasks_skipped: 2 })
    const after = await rutter.ok('session_update', { auth_method: 'claude_pro' })
    expect(after).toEqual({ ...before, last_update: after.last_update, auth_method: 'claude_pro' })
    expect(after).toEqual(await rutter.ok('session_get_state'))
  })

  it('clears the current task with an empty text', async () => {
    expect(await rutter.ok('session_update', { current_task_id: 't-1' })).toMatchObject({ current_task_id: 't-1' })
    expect(await rutter.ok('session_update', { current_task_id: '' })).toMatchObject({ current_task_id: null })
  })

  it.each(['tasks_failed', 'tasks_skipped'])(
    'refuses %s below what is recorded, and takes the same again',
    async (counter) => {
      await rutter.ok('session_update', { [counter]: 3 })
      const before = everyByte(rutter.root)
      const error = await rutter.refused('session_update', { [counter]: 2, current_task_id: 't-9' })
      expect(error).toMatchObject({ code: 'counter_regression', counter, recorded: 3, given: 2 })
      expect(everyByte(rutter.root)).toEqual(before)
      expect(await rutter.ok('session_update', { [counter]: 3 })).toMatchObject({ [counter]: 3, current_task_id: null })
    },
  )

  it('lets consecutive_failures fall', async () => {
    await rutter.ok('session_update', { consecutive_failures: 3 })
    expect(await rutter.ok('session_update', { consecutive_failures: 1 })).toMatchObject({ consecutive_failures: 1 })
  })

  it('refuses the whole call for one bad field', async () => {
    const before = everyByte(rutter.root)
    const good = { current_task_id: 't-1', tasks_failed: 1, auth_method: 'api_key' }
    for (const bad of [{ status: 'done' }, { tasks_skipped: -1 }, { consecutive_failures: '4' }, { extra: 1 }]) {
      expect((await rutter.refused('session_update', { ...good, ...bad })).code).toBe('invalid_argument')
    }
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('pauses and resumes', async () => {
    expect(await rutter.ok('session_update', { status: 'paused' })).toMatchObject({ status: 'paused', active: true })
    expect(await rutter.ok('session_increment_completed')).toMatchObject({ tasks_completed: 1 })
    expect(await rutter.ok('session_update', { status: 'running' })).toMatchObject({ status: 'running' })
  })
})

describe('the circuit breaker', () => {
  it('stays closed at the threshold and opens above it, pauses, and refuses another task until it is closed', async () => {
    const at = await rutter.ok('session_update', { current_task_id: 't-1', consecutive_failures: 3 })
    expect(at).toMatchObject({ status: 'running', circuit: { state: 'closed', threshold: 3, opened_at: null } })
    const above = await rutter.ok('session_update', { consecutive_failures: 4 })
    expect(above).toMatchObject({ status: 'paused', circuit: { state: 'open', threshold: 3 } })

    const before = everyByte(rutter.root)
    const error = await rutter.refused('session_update', { current_task_id: 't-2' })
    expect(error).toMatchObject({ code: 'circuit_open', consecutive_failures: 4, session_id: id })
    expect(error.hint).toContain('"running"')
    expect(everyByte(rutter.root)).toEqual(before)

    const closed = await rutter.ok('session_update', { status: 'running', current_task_id: 't-2' })
    expect(closed).toMatchObject({ status: 'running', current_task_id: 't-2', circuit: { state: 'closed' } })
  })

  it('opens by session_record_failure too, which tells so in its answer', async () => {
    const fail = () => rutter.ok('session_record_failure', { outcome: 'failed', error: { message: 'boom' } })
    for (let i = 1; i <= 3; i++) {
      expect(await fail()).toMatchObject({ consecutive_failures: i, status: 'running', circuit: { state: 'closed' } })
    }
    expect(await fail()).toMatchObject({ tasks_failed: 4, status: 'paused', circuit: { state: 'open' } })
  })

  it('does not count skipped tasks as failures in a row', async () => {
    for (let i = 1; i <= 6; i++) {
      const answer = await rutter.ok('session_record_failure', { outcome: 'skipped', error: { message: 'later' } })
      expect(answer).toMatchObject({ tasks_skipped: i, tasks_failed: 0, consecutive_failures: 0, status: 'running' })
    }
  })

  it('takes its threshold from the settings, 0 included', async () => {
    writeFileSync(join(rutter.root, '.bot', 'rutter.json'), '{ "project_id": "p", "max_consecutive_failures": 0 }')
    const other = await connect(rutter.root, { args: ['--slot', 'strict'] })
    await other.start()
    const answer = await other.ok('session_record_failure', { outcome: 'failed', error: { message: 'boom' } })
    expect(answer).toMatchObject({
      consecutive_failures: 1,
      status: 'paused',
      circuit: { threshold: 0, state: 'open' },
    })
  })
})

describe('a failure', () => {
  it('keeps the last five errors with what was said of them', async () => {
    for (let i = 1; i <= 7; i++) {
      const error = { message: `boom ${i}`, kind: 'TypeError', detail: 'line 3' }
      await rutter.ok('session_record_failure', {
        outcome: i % 2 === 0 ? 'skipped' : 'failed',
        error,
        task_id: `t-${i}`,
      })
    }
    const { errors } = await rutter.ok('session_get_state')
    expect(errors.map((error: Json) => error.message)).toEqual([3, 4, 5, 6, 7].map((i) => `boom ${i}`))
    expect(errors[4]).toMatchObject({ task_id: 't-7', outcome: 'failed', kind: 'TypeError', detail: 'line 3' })
  })

  it('keeps secrets out of the record', async () => {
    const secret = `ghp_${'a1B2'.repeat(9)}`
    await rutter.ok('session_record_failure', { outcome: 'failed', error: { message: `401 for ${secret}` } })
    expect(recordText(rutter.root, id)).not.toContain(secret)
    expect(JSON.stringify(await rutter.ok('session_get_state'))).not.toContain(secret)
  })
})

describe('a stop', () => {
  it('sets the end, gives the slot back and clears the task', async () => {
    await rutter.ok('session_update', { current_task_id: 't-1' })
    const stopped = await rutter.ok('session_update', { status: 'stopped' })
    expect(stopped).toMatchObject({ status: 'stopped', active: false, current_task_id: null })
    expect(stopped.end_reason).toBe('stopped_by_agent')
    expect(stopped.end_time).toBe(stopped.last_update)
    expect(await rutter.ok('session_get_state')).toEqual(stopped)
    await (await connect(rutter.root)).start()
  })

  it('changes nothing and succeeds the second time', async () => {
    const stopped = await rutter.ok('session_update', { status: 'stopped' })
    const before = everyByte(rutter.root)
    expect(await rutter.ok('session_update', { status: 'stopped' })).toEqual(stopped)
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('makes every other change a session_stopped that changes nothing', async () => {
    await rutter.ok('session_update', { status: 'stopped' })
    const before = everyByte(rutter.root)
    const calls: [string, Json][] = [
      ['session_update', {}],
      ['session_update', { status: 'running' }],
      ['session_update', { status: 'stopped', tasks_failed: 1 }],
      ['session_increment_completed', {}],
      ['session_record_turn', { input_tokens: 1 }],
      ['session_record_failure', { outcome: 'failed', error: { message: 'x' } }],
      ['steering_heartbeat', { status: 'x', session_id: id }],
      ['task_add', { tasks: [{ task_id: 't', title: 'T' }] }],
    ]
    for (const [name, args] of calls) {
      const error = await rutter.refused(name, args)
      expect(error, name).toMatchObject({ code: 'session_stopped', session_id: id, end_reason: 'stopped_by_agent' })
    }
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('freezes the figures', async () => {
    await rutter.ok('session_increment_completed')
    await rutter.ok('session_update', { status: 'stopped' })
    const first = await rutter.ok('session_get_stats')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await rutter.ok('session_get_stats')).toEqual(first)
  })
})

describe('the figures', () => {
  it('are smaller than the state of a long run, and list no tasks, turns or errors', async () => {
    for (let i = 0; i < 30; i++) {
      await rutter.ok('session_update', { current_task_id: `t-${i}` })
      await rutter.ok('session_increment_completed')
      await rutter.ok('session_record_turn', { model: 'm', input_tokens: i })
    }
    const state = await rutter.ok('session_get_state')
    const stats = await rutter.ok('session_get_stats')
    expect(state.tasks).toHaveLength(20)
    expect(state.tasks.at(-1)).toMatchObject({ task_id: 't-29', outcome: 'completed' })
    expect(JSON.stringify(stats).length).toBeLessThan(JSON.stringify(state).length / 2)
    for (const list of ['tasks', 'errors']) expect(stats).not.toHaveProperty(list)
    expect(stats.turns).toBe(30)
  })

  it('say which tasks were counted and not marked done, or marked and not counted', async () => {
    await rutter.ok('session_update', { current_task_id: 't-1' })
    await rutter.ok('session_increment_completed')
    const apart = { in_sync: false, tasks_completed: 1, tasks_marked_done: 0, unmatched_task_ids: ['t-1'] }
    expect((await rutter.ok('session_get_stats')).sync).toMatchObject(apart)
    await rutter.ok('task_mark_done', { task_id: 't-1' })
    const together = { in_sync: true, tasks_completed: 1, tasks_marked_done: 1, unmatched_task_ids: [] }
    expect((await rutter.ok('session_get_stats')).sync).toMatchObject(together)
  })
})
