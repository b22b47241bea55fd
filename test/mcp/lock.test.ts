import { afterEach, describe, expect, it } from 'vitest'
import {
  connect,
  everyByte,
  type Json,
  recorded,
  recordText,
  repository,
  sessionFiles,
  tidyUp,
  typesRecorded,
} from '../support/mcp-client.ts'

afterEach(tidyUp)

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

describe('the lock on a slot', () => {
  it('is taken by session_initialize, which gives the session, its whole state and the lock', async () => {
    const rutter = await connect(repository())
    const started = await rutter.start({ workflow: 'nightly', provider: 'p', model: 'm', metadata: { branch: 'main' } })
    expect(started.session_id).toMatch(/^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-[0-9a-z]{6}$/)
    expect(started.session).toEqual(await rutter.ok('session_get_state'))
    expect(started.session).toMatchObject({
      session_id: started.session_id,
      session_type: 'autonomous',
      status: 'running',
      active: true,
      slot: 'default',
      workflow: 'nightly',
      provider: 'p',
      model: 'm',
      metadata: { branch: 'main' },
    })
    expect(started.lock).toEqual({ slot: 'default', token: 1, expires_at: expect.stringMatching(TIME) })
    expect(started.reclaimed).toBeNull()
    expect(sessionFiles(rutter.root)).toEqual([`${started.session_id}.jsonl`])
  })

  it.each(['the same connection', 'another process'])('is refused to a second initialise of %s', async (who) => {
    const first = await connect(repository())
    const { session_id, lock } = await first.start()
    const beat = await first.ok('steering_heartbeat', { session_id, status: 'working' })
    const second = who === 'another process' ? await connect(first.root) : first
    const before = everyByte(first.root)
    const record = recordText(first.root, session_id)

    const error = await second.refused('session_initialize', { session_type: 'manual' })
    expect(error).toMatchObject({ code: 'session_locked', locked_by: session_id })
    expect(error.locked_at).toMatch(TIME)
    expect(error.last_heartbeat_at).toMatch(TIME)
    expect(error.expires_at).toMatch(TIME)
    expect(error.expires_at >= lock.expires_at && error.expires_at >= beat.lease_expires_at).toBe(true)
    expect(error.holder).toMatchObject({ pid: first.pid, host: expect.stringMatching(/./) })
    expect(error.message).toContain(session_id)
    expect(recordText(first.root, session_id)).toBe(record)
    expect(everyByte(first.root)).toEqual(before)
    expect((await first.ok('session_get_state')).session_id).toBe(session_id)
  })

  it('lets another slot run beside it', async () => {
    const first = await connect(repository())
    const a = await first.start()
    const second = await connect(first.root)
    const b = await second.start({ slot: 'review' })
    expect(b.lock).toMatchObject({ slot: 'review', token: 1 })
    expect(b.session_id).not.toBe(a.session_id)
    expect((await first.ok('session_get_state')).session_id).toBe(a.session_id)
  })

  it('goes to exactly one of several processes that ask at the same moment', async () => {
    const root = repository()
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect(root)))
    const answers = await Promise.all(clients.map((c) => c.call('session_initialize', { session_type: 'manual' })))
    const won = answers.filter((answer) => answer.isError !== true)
    expect(won).toHaveLength(1)
    const winner: Json = won[0]?.structuredContent
    expect(sessionFiles(root)).toHaveLength(1)
    for (const answer of answers.filter((a) => a.isError)) {
      const { error } = answer.structuredContent as Json
      expect(error).toMatchObject({ code: 'session_locked', locked_by: winner.session_id })
    }
  })

  it('is given back by a stop, and the next token in the slot is higher', async () => {
    const rutter = await connect(repository())
    const a = await rutter.start()
    await rutter.ok('session_update', { status: 'stopped' })
    const b = await rutter.start()
    expect([a.lock.token, b.lock.token]).toEqual([1, 2])
    expect(b.reclaimed).toBeNull()
  })

  it('refuses a name of a slot that is no name, and starts nothing', async () => {
    const rutter = await connect(repository())
    await rutter.ok('session_list')
    const before = everyByte(rutter.root)
    for (const slot of ['../../etc/passwd', '', ' ', 'a b', '-rf', '.', 'a\nb', 'a\u0000', 'x'.repeat(201), '👾']) {
      const error = await rutter.refused('session_initialize', { session_type: 'manual', slot })
      expect(error.code, slot).toBe('invalid_argument')
      expect(error.message, slot).toContain('slot')
    }
    expect(everyByte(rutter.root)).toEqual(before)
  })
})

describe('a server that was killed', () => {
  it('leaves a session that the next initialise reclaims, ends as interrupted and keeps', async () => {
    const first = await connect(repository())
    const dead = await first.start()
    await first.ok('session_update', { current_task_id: 't-1' })
    await first.kill()
    const record = recordText(first.root, dead.session_id)

    const second = await connect(first.root)
    const next = await second.start()
    expect(next.reclaimed).toEqual({ session_id: dead.session_id, reason: 'process_gone' })
    expect(next.lock.token).toBeGreaterThan(dead.lock.token)
    const over = await second.ok('session_get_state', { session_id: dead.session_id })
    expect(over).toMatchObject({ status: 'interrupted', active: false, end_reason: 'process_gone' })
    expect(over.end_time).toMatch(TIME)
    expect(recordText(first.root, dead.session_id).startsWith(record)).toBe(true)
    expect(typesRecorded(first.root, dead.session_id).at(-1)).toBe('session.ended')
    const { sessions } = await second.ok('session_list')
    expect(sessions.map((row: Json) => [row.session_id, row.status])).toEqual([
      [next.session_id, 'running'],
      [dead.session_id, 'interrupted'],
    ])
  })

  it('leaves a session that a reconnecting client continues by just calling on, with a higher token', async () => {
    const first = await connect(repository())
    const { session_id } = await first.start()
    await first.ok('session_increment_completed')
    await first.kill()

    const second = await connect(first.root)
    expect(await second.ok('session_get_state')).toMatchObject({ session_id, status: 'running', active: true })
    expect(await second.ok('session_increment_completed')).toMatchObject({ session_id, tasks_completed: 2 })
    const grants = recorded(first.root, session_id).filter(({ type }) => type === 'lease.granted')
    expect(grants.map(({ data }) => [data.reason, data.token])).toEqual([
      ['initialized', 1],
      ['adopted', 2],
    ])
    expect(grants[1]?.data.holder.pid).toBe(second.pid)
    const third = await connect(first.root)
    expect((await third.refused('session_initialize', { session_type: 'manual' })).holder.pid).toBe(second.pid)
  })

  it.each([
    ['session_update', { tasks_failed: 1 }],
    ['session_increment_completed', {}],
    ['session_record_turn', { input_tokens: 1 }],
    ['session_record_failure', { outcome: 'skipped', error: { message: 'x' } }],
    ['task_add', { tasks: [{ task_id: 't', title: 'T' }] }],
    ['steering_heartbeat', { status: 'back' }],
  ])('leaves a session that %s adopts by its id, from another slot', async (name, args) => {
    const first = await connect(repository(), { args: ['--slot', 'build'] })
    const { session_id } = await first.start()
    await first.kill()
    const second = await connect(first.root)
    await second.ok(name, { ...args, session_id })
    const grants = recorded(first.root, session_id).filter(({ type }) => type === 'lease.granted')
    expect(grants.at(-1)?.data).toMatchObject({ reason: 'adopted', slot: 'build', token: 2 })
    expect(grants.at(-1)?.data.holder.pid).toBe(second.pid)
  })

  it('is continued through a whole chain of restarts, tokens rising by one', async () => {
    const root = repository()
    const first = await connect(root)
    const { session_id } = await first.start()
    await first.kill()
    for (let i = 1; i <= 3; i++) {
      const next = await connect(root)
      expect(await next.ok('session_increment_completed')).toMatchObject({ session_id, tasks_completed: i })
      await next.kill()
    }
    const tokens = recorded(root, session_id).flatMap((e) => (e.type === 'lease.granted' ? [e.data.token] : []))
    expect(tokens).toEqual([1, 2, 3, 4])
  })

  it('leaves an orphan that a read looks at without adopting it', async () => {
    const first = await connect(repository())
    const { session_id } = await first.start()
    await first.kill()
    const record = recordText(first.root, session_id)
    const second = await connect(first.root)
    for (const name of ['session_get_state', 'session_get_stats']) await second.ok(name)
    await second.client.readResource({ uri: 'rutter://sessions/current' })
    expect(recordText(first.root, session_id)).toBe(record)
    expect((await second.start()).reclaimed).toMatchObject({ session_id })
  })
})

describe('a call on a session that lost its slot', () => {
  it('is refused with lease_lost by every tool that changes something, and changes nothing', async () => {
    const first = await connect(repository())
    const { session_id } = await first.start()
    await first.ok('session_update', { current_task_id: 't-1' })
    await first.kill()
    const second = await connect(first.root)
    await second.start()
    const before = everyByte(first.root)
    const calls: [string, Json][] = [
      ['session_update', { tasks_failed: 1 }],
      ['session_update', {}],
      ['session_increment_completed', {}],
      ['session_record_turn', { input_tokens: 1 }],
      ['session_record_failure', { outcome: 'failed', error: { message: 'x' } }],
      ['task_add', { tasks: [{ task_id: 't', title: 'T' }] }],
      ['task_mark_done', { task_id: 't-1' }],
      ['steering_heartbeat', { status: 'still here' }],
    ]
    for (const [name, args] of calls) {
      const error = await second.refused(name, { ...args, session_id })
      expect(error, name).toMatchObject({ code: 'lease_lost', session_id, slot: 'default', token: 1 })
      expect(error.hint, name).toContain('session_initialize')
    }
    expect(everyByte(first.root)).toEqual(before)
  })

  it('is not lost by a process that was only stopped for a while: a live holder is never robbed', async () => {
    const first = await connect(repository())
    const { session_id } = await first.start()
    const second = await connect(first.root)
    process.kill(first.pid, 'SIGSTOP')
    expect((await second.refused('session_initialize', { session_type: 'manual' })).code).toBe('session_locked')
    process.kill(first.pid, 'SIGCONT')
    expect((await first.ok('session_increment_completed')).session_id).toBe(session_id)
  })
})

describe('completions', () => {
  it('all count when several processes count them at once', async () => {
    const root = repository()
    const first = await connect(root)
    const { session_id } = await first.start()
    const clients = [first, ...(await Promise.all(Array.from({ length: 3 }, () => connect(root))))]
    const each = 25
    const counts = await Promise.all(
      clients.flatMap((client) => Array.from({ length: each }, () => client.ok('session_increment_completed'))),
    )
    const seen = counts.map(({ tasks_completed }) => tasks_completed).sort((a, b) => a - b)
    expect(seen).toEqual(Array.from({ length: clients.length * each }, (_, i) => i + 1))
    expect(typesRecorded(root, session_id).filter((type) => type === 'task.completed')).toHaveLength(seen.length)
  })
})
