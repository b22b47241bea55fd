import { afterEach, describe, expect, it } from 'vitest'
import { connect, everyByte, type Json, repository, tidyUp } from '../support/mcp-client.ts'

afterEach(tidyUp)

describe('the session that a call is about', () => {
  it('is the one that it names, before the one of its connection', async () => {
    const first = await connect(repository())
    const a = await first.start()
    const second = await connect(first.root)
    const b = await second.start({ slot: 'review' })
    const named = await second.ok('session_increment_completed', { session_id: a.session_id })
    expect(named).toMatchObject({ session_id: a.session_id, tasks_completed: 1 })
    expect(await second.ok('session_increment_completed')).toMatchObject({
      session_id: b.session_id,
      tasks_completed: 1,
    })
  })

  it('is the one that the connection initialised, before the one of its slot', async () => {
    const first = await connect(repository())
    await first.start()
    const second = await connect(first.root)
    const b = await second.start({ slot: 'review' })
    expect((await second.ok('session_get_state')).session_id).toBe(b.session_id)
  })

  it('stays the one that the connection initialised after its end, so that nobody else is changed by mistake', async () => {
    const first = await connect(repository())
    const a = await first.start()
    await first.ok('session_update', { status: 'stopped' })
    const second = await connect(first.root)
    await second.start()
    const error = await first.refused('session_increment_completed')
    expect(error).toMatchObject({ code: 'session_stopped', session_id: a.session_id })
  })

  it.each([
    ['--slot', { args: ['--slot', 'review'] }],
    ['RUTTER_SLOT', { env: { RUTTER_SLOT: 'review' } }],
    ['--slot, which is stronger than RUTTER_SLOT', { args: ['--slot', 'review'], env: { RUTTER_SLOT: 'default' } }],
  ])('is the live one of the slot that is given by %s', async (_how, options) => {
    const first = await connect(repository())
    await first.start()
    const second = await connect(first.root, options)
    const b = await second.start()
    expect(b.lock.slot).toBe('review')
    const third = await connect(first.root, options)
    expect((await third.ok('session_increment_completed')).session_id).toBe(b.session_id)
  })

  it('is the one live session of the project when the own slot is empty', async () => {
    const first = await connect(repository(), { args: ['--slot', 'build'] })
    const { session_id } = await first.start()
    const second = await connect(first.root)
    expect((await second.ok('session_increment_completed')).session_id).toBe(session_id)
  })

  it('is shared by all folders of a repository', async () => {
    const { mkdirSync } = await import('node:fs')
    const first = await connect(repository())
    const { session_id } = await first.start()
    mkdirSync(`${first.root}/src/deep`, { recursive: true })
    const second = await connect(first.root, { args: ['--root', `${first.root}/src/deep`] })
    expect((await second.ok('session_get_state')).session_id).toBe(session_id)
  })

  it('is ambiguous when two other slots are live, and the refusal lists both and changes nothing', async () => {
    const root = repository()
    const first = await connect(root, { args: ['--slot', 'a'] })
    const second = await connect(root, { args: ['--slot', 'b'] })
    const live = [await first.start(), await second.start()]
    const third = await connect(root)
    await third.ok('session_list')
    const before = everyByte(root)
    for (const name of ['session_increment_completed', 'session_update', 'session_get_state', 'session_get_stats']) {
      const error = await third.refused(name)
      expect(error.code).toBe('ambiguous_session')
      expect(error.sessions).toEqual(
        live.map(({ session_id, lock }) => ({ session_id, slot: lock.slot, status: 'running' })),
      )
      for (const { session_id } of live) expect(error.message).toContain(session_id)
      expect(error.hint).toContain('session_id')
    }
    await expect(third.client.readResource({ uri: 'rutter://sessions/current' })).rejects.toThrow(/live session/)
    expect(everyByte(root)).toEqual(before)
    const chosen = live[1]?.session_id
    expect(await third.ok('session_increment_completed', { session_id: chosen })).toMatchObject({ session_id: chosen })
  })

  it('is not the one for whose sake the connection was refused the slot, unless it is named', async () => {
    const first = await connect(repository())
    const { session_id } = await first.start()
    const second = await connect(first.root)
    expect((await second.refused('session_initialize', { session_type: 'manual' })).code).toBe('session_locked')
    const before = everyByte(first.root)
    for (const [name, input] of [
      ['session_increment_completed', {}],
      ['session_update', { status: 'stopped' }],
      ['session_record_turn', { input_tokens: 1 }],
    ] as const) {
      expect(await second.refused(name, input)).toMatchObject({ code: 'session_locked', locked_by: session_id })
    }
    expect(everyByte(first.root)).toEqual(before)
    expect((await second.ok('session_get_state')).session_id).toBe(session_id)
    expect(await second.ok('session_increment_completed', { session_id })).toMatchObject({ tasks_completed: 1 })
    const own = await second.start({ slot: 'review' })
    const counted = { session_id: own.session_id, tasks_completed: 1 }
    expect(await second.ok('session_increment_completed')).toMatchObject(counted)
  })

  it('is again the one of the slot once its holder is gone, also for a connection that was refused before', async () => {
    const first = await connect(repository())
    const { session_id } = await first.start()
    const second = await connect(first.root)
    await second.refused('session_initialize', { session_type: 'manual' })
    await first.client.close()
    expect(await second.ok('session_increment_completed')).toMatchObject({ session_id, tasks_completed: 1 })
  })

  it('is none when none is live: changes are refused, a look gives the last one of the slot', async () => {
    const first = await connect(repository())
    const { session_id } = await first.start()
    await first.ok('session_update', { status: 'stopped' })
    const second = await connect(first.root)
    expect((await second.refused('session_increment_completed')).code).toBe('no_active_session')
    expect(await second.ok('session_get_state')).toMatchObject({ session_id, status: 'stopped', active: false })
    expect(await second.ok('session_get_stats')).toMatchObject({ session_id })
    const other = await connect(first.root, { args: ['--slot', 'empty'] })
    expect((await other.refused('session_get_state')).code).toBe('no_active_session')
  })
})

describe('a session that does not exist', () => {
  const hostile = [
    '../../etc/passwd',
    '..',
    '/etc/passwd',
    'C:\\Windows\\win.ini',
    'a/b',
    '\u0000',
    'id\nwith\u001b[31m control',
    '__proto__',
    'x'.repeat(200),
    '%2e%2e%2f',
    '2026-11-21T22-23-05Z-k3f9q2',
    "' OR 1=1 --",
    '💣',
  ]

  it('is refused as unknown however hostile its id is, naming the latest, and no file is touched', async () => {
    const rutter = await connect(repository())
    const { session_id } = await rutter.start()
    const before = everyByte(rutter.root)
    const calls: [string, Json][] = [
      ['session_get_state', {}],
      ['session_get_stats', {}],
      ['session_update', { status: 'stopped' }],
      ['session_increment_completed', {}],
      ['session_record_turn', { input_tokens: 1 }],
      ['session_record_failure', { outcome: 'failed', error: { message: 'x' } }],
      ['steering_heartbeat', { status: 'x' }],
      ['task_add', { tasks: [{ task_id: 't', title: 'T' }] }],
      ['task_mark_done', { task_id: 't' }],
    ]
    for (const [name, args] of calls) {
      for (const id of hostile) {
        const error = await rutter.refused(name, { ...args, session_id: id })
        expect(error, name).toMatchObject({ code: 'session_not_found', session_id: id })
        expect(error.hint, name).toContain(session_id)
      }
    }
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('is refused as a wrong argument when its id is empty or too long', async () => {
    const rutter = await connect(repository())
    await rutter.start()
    for (const session_id of ['', 'x'.repeat(201)]) {
      for (const name of ['session_get_state', 'session_increment_completed', 'session_update']) {
        const error = await rutter.refused(name, { session_id })
        expect(error.code).toBe('invalid_argument')
        expect(error.message).toContain('session_id')
      }
    }
  })
})
