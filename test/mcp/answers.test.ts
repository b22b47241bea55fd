import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { connect, everyByte, type Json, type Rutter, repository, tidyUp } from '../support/mcp-client.ts'

afterEach(tidyUp)

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** Every call that succeeds, of every tool, so that the client sees each answer's form at least once. */
async function wholeRun(rutter: Rutter): Promise<Json[]> {
  const started = await rutter.start({ workflow: 'nightly', model: 'm', metadata: { a: 'b' } })
  const session_id = started.session_id
  const answers = [started]
  const call = async (name: string, args = {}) => answers.push(await rutter.ok(name, args))
  await call('task_add', { tasks: [{ task_id: 't-1', title: 'One' }] })
  await call('session_update', { current_task_id: 't-1', auth_method: 'api_key' })
  await call('session_record_turn', {
    provider: 'anthropic',
    model: 'claude-sonnet-4-5',
    input_tokens: 10,
    output_tokens: 5,
    reasoning_tokens: 2,
    started_at: '2026-11-21T10:00:00+01:00',
    ended_at: '2026-11-21T10:00:01+01:00',
  })
  await call('session_increment_completed')
  await call('task_mark_done', { task_id: 't-1', note: 'done' })
  await call('session_record_failure', { outcome: 'failed', error: { message: 'boom', kind: 'k', detail: 'd' } })
  await call('session_record_failure', { outcome: 'skipped', error: { message: 'later' }, task_id: 't-2' })
  await call('steering_heartbeat', { session_id, status: 'working', next_action: 'more', process_id: '1' })
  await call('session_update', { consecutive_failures: 9 })
  for (const name of ['session_get_state', 'session_get_stats', 'session_list', 'task_list']) await call(name)
  await call('session_update', { status: 'stopped' })
  for (const name of ['session_get_state', 'session_get_stats', 'session_list', 'task_list']) await call(name)
  return answers
}

describe('every answer', () => {
  it('satisfies its published schema and is the same in text and structure, over a whole run', async () => {
    const rutter = await connect(repository())
    expect(await wholeRun(rutter)).toHaveLength(19)
  })

  it('writes every time as ISO 8601 UTC with milliseconds', async () => {
    const answers = await wholeRun(await connect(repository()))
    const times = JSON.stringify(answers).matchAll(/"(\w+_at|\w+_time|at|last_update|timestamp)":"([^"]*)"/g)
    let seen = 0
    for (const [, field, time] of times) {
      expect(time, field).toMatch(TIME)
      seen++
    }
    expect(seen).toBeGreaterThan(40)
  })

  it('says null for money that nobody knows, and never 0', async () => {
    const rutter = await connect(repository())
    await rutter.start()
    expect(await rutter.ok('session_get_stats')).toMatchObject({ cost_usd: null, tokens: null, by_model: [] })
    const turn = await rutter.ok('session_record_turn', { model: 'nobody-knows-this-model', input_tokens: 1 })
    expect(turn).toMatchObject({ turn: { cost_usd: null, cost_is_estimated: false }, cost_usd: null })
    expect(await rutter.ok('session_get_state')).toMatchObject({ cost_usd: null, auth_method: null, provider: null })
  })

  it('gives rates in percent with one decimal over the tasks processed, and 0 when none was', async () => {
    const rutter = await connect(repository())
    await rutter.start()
    const none = { completion_rate: 0, failure_rate: 0, skip_rate: 0, total_processed: 0 }
    expect(await rutter.ok('session_get_stats')).toMatchObject(none)
    await rutter.ok('session_increment_completed')
    await rutter.ok('session_update', { tasks_failed: 1, tasks_skipped: 1 })
    const third = { completion_rate: 33.3, failure_rate: 33.3, skip_rate: 33.3, total_processed: 3 }
    expect(await rutter.ok('session_get_stats')).toMatchObject(third)
  })
})

describe('a refusal', () => {
  it('satisfies the published schema of every tool that can be refused for want of a session', async () => {
    const rutter = await connect(repository())
    const calls: [string, Json][] = [
      ['session_get_state', {}],
      ['session_get_stats', {}],
      ['session_update', { tasks_failed: 1 }],
      ['session_increment_completed', {}],
      ['session_record_turn', { input_tokens: 1 }],
      ['session_record_failure', { outcome: 'failed', error: { message: 'x' } }],
      ['task_mark_done', { task_id: 't' }],
      ['task_add', { tasks: [{ task_id: 't', title: 'T' }] }],
    ]
    for (const [name, args] of calls) {
      const error = await rutter.refused(name, args)
      expect(error.code, name).toBe('no_active_session')
      expect(error.hint, name).toContain('session_initialize')
    }
    expect((await rutter.ok('task_list')).tasks).toEqual([])
    expect((await rutter.ok('session_list')).sessions).toEqual([])
  })

  it('is a result and no protocol error, also when the settings file is broken, and heals with the file', async () => {
    const root = repository()
    const rutter = await connect(root)
    await rutter.ok('session_list')
    const settings = join(root, '.bot', 'rutter.json')
    const good = readFileSync(settings, 'utf8')
    writeFileSync(settings, '{ "project_id": "p", "max_consecutive_failures": "three" }')
    const other = await connect(root)
    const error = await other.refused('session_initialize', { session_type: 'manual' })
    expect(error.message).toContain('max_consecutive_failures must be a number; given was "three"')
    expect(error.message).toContain('rutter.json')
    writeFileSync(settings, '{ not json')
    expect((await other.refused('session_list')).message).toContain('is not JSON')
    writeFileSync(settings, good)
    await other.start()
  })
})

describe('a tool that is said to only read', () => {
  it.each(['session_get_state', 'session_get_stats', 'session_list', 'task_list'])(
    '%s changes no byte of the book, of a live session or of one that is over',
    async (name) => {
      const rutter = await connect(repository())
      expect((await rutter.tools()).get(name)?.annotations?.readOnlyHint).toBe(true)
      await rutter.start()
      await rutter.ok('session_update', { current_task_id: 't-1', consecutive_failures: 9 })
      const live = everyByte(rutter.root)
      for (let i = 0; i < 3; i++) await rutter.ok(name)
      expect(everyByte(rutter.root)).toEqual(live)
      await rutter.ok('session_update', { status: 'stopped' })
      const over = everyByte(rutter.root)
      for (let i = 0; i < 3; i++) await rutter.ok(name)
      expect(everyByte(rutter.root)).toEqual(over)
    },
  )

  it('changes no byte when a resource is read either', async () => {
    const rutter = await connect(repository())
    const { session_id } = await rutter.start()
    const before = everyByte(rutter.root)
    for (const id of ['current', session_id]) await rutter.client.readResource({ uri: `rutter://sessions/${id}` })
    await rutter.client.listResources()
    await rutter.client.listResourceTemplates()
    expect(everyByte(rutter.root)).toEqual(before)
  })
})

describe('a tool that is said to be idempotent', () => {
  const twice: [string, Json][] = [
    ['session_update', { current_task_id: 't-1', status: 'paused', tasks_failed: 2, consecutive_failures: 1 }],
    ['session_update', { consecutive_failures: 9 }],
    ['session_update', { status: 'running', consecutive_failures: 9 }],
    ['session_update', { status: 'stopped' }],
    ['task_add', { tasks: [{ task_id: 't-9', title: 'Nine' }] }],
    ['task_mark_done', { task_id: 't-1' }],
  ]

  it('is not session_record_turn, which counts a turn without request_id each time', async () => {
    const rutter = await connect(repository())
    await rutter.start()
    expect((await rutter.tools()).get('session_record_turn')?.annotations?.idempotentHint).toBe(false)
    for (const turns of [1, 2]) {
      expect(await rutter.ok('session_record_turn', { input_tokens: 5 })).toMatchObject({ turns })
    }
  })

  it.each(twice)('%s %j leaves the same state the second time', async (name, args) => {
    const rutter = await connect(repository())
    expect((await rutter.tools()).get(name)?.annotations?.idempotentHint).toBe(true)
    const { session_id } = await rutter.start()
    await rutter.ok('session_update', { current_task_id: 't-1' })
    const look = async () => {
      const { last_update: _when, circuit, ...state } = await rutter.ok('session_get_state', { session_id })
      return { ...state, circuit: circuit.state, tasks: (await rutter.ok('task_list')).tasks }
    }
    await rutter.ok(name, args)
    const once = await look()
    await rutter.ok(name, args)
    expect(await look()).toEqual(once)
  })
})
