import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connect, everyByte, type Json, type Rutter, repository, tidyUp } from '../support/mcp-client.ts'

let rutter: Rutter

beforeEach(async () => {
  rutter = await connect(repository())
  await rutter.start()
})
afterEach(tidyUp)

const done = (task_id: string) => rutter.ok('task_mark_done', { task_id })
const listed = async (args = {}) =>
  (await rutter.ok('task_list', args)).tasks.map((task: Json) => [task.task_id, task.status, task.title])

describe('a task', () => {
  it('is known once a session has made it current or task_add has added it, and is done by the word', async () => {
    await rutter.ok('session_update', { current_task_id: 't-1' })
    await rutter.ok('task_add', { tasks: [{ task_id: 't-2', title: 'Two' }] })
    expect(await done('t-1')).toEqual({
      task_id: 't-1',
      old_status: 'in_progress',
      new_status: 'done',
      already_done: false,
    })
    expect(await done('t-2')).toEqual({ task_id: 't-2', old_status: 'todo', new_status: 'done', already_done: false })
  })

  it('is done for good: the second time says so and changes nothing', async () => {
    await rutter.ok('session_update', { current_task_id: 't-1' })
    await done('t-1')
    const before = everyByte(rutter.root)
    expect(await done('t-1')).toEqual({ task_id: 't-1', old_status: 'done', new_status: 'done', already_done: true })
    expect(everyByte(rutter.root)).toEqual(before)
    await rutter.ok('session_update', { current_task_id: '' })
    await rutter.ok('session_update', { current_task_id: 't-1' })
    expect(await listed()).toEqual([['t-1', 'done', null]])
  })

  it('never touches the counters of the session', async () => {
    await rutter.ok('session_update', { current_task_id: 't-1', consecutive_failures: 2, tasks_failed: 2 })
    const before = await rutter.ok('session_get_state')
    await done('t-1')
    const after = await rutter.ok('session_get_state')
    expect(after).toEqual({ ...before, last_update: after.last_update })
  })

  it('is refused when nobody knows it, with the nearest ids, and nothing changes', async () => {
    const tasks = ['login-page', 'login-form', 'search'].map((task_id) => ({ task_id, title: task_id }))
    await rutter.ok('task_add', { tasks })
    const before = everyByte(rutter.root)
    const error = await rutter.refused('task_mark_done', { task_id: 'login-pgae' })
    expect(error).toMatchObject({ code: 'task_not_found', task_id: 'login-pgae' })
    expect(error.nearest.slice(0, 2)).toEqual(['login-page', 'login-form'])
    expect(error.hint).toContain('"login-page"')
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('is refused with the way to add it when no task is known at all', async () => {
    expect((await rutter.refused('task_mark_done', { task_id: 'x' })).hint).toContain('task_add')
  })
})

describe('task_add', () => {
  it('is idempotent, also within one call', async () => {
    const one = { task_id: 't-1', title: 'One' }
    expect(await rutter.ok('task_add', { tasks: [one, one] })).toMatchObject({ added: ['t-1'] })
    const before = everyByte(rutter.root)
    expect(await rutter.ok('task_add', { tasks: [one] })).toEqual({ added: [], already_known: ['t-1'] })
    expect(everyByte(rutter.root)).toEqual(before)
    expect(await rutter.ok('task_add', { tasks: [{ ...one, title: 'Another title' }] })).toMatchObject({ added: [] })
    expect(await listed()).toEqual([['t-1', 'todo', 'One']])
  })

  it('gives a title to a task that was only started, and leaves its status', async () => {
    await rutter.ok('session_update', { current_task_id: 't-1' })
    await rutter.ok('task_add', { tasks: [{ task_id: 't-1', title: 'One' }] })
    expect(await listed()).toEqual([['t-1', 'in_progress', 'One']])
  })

  it('takes 500 tasks at once, and a list of none is refused', async () => {
    const tasks = Array.from({ length: 500 }, (_, i) => ({ task_id: `t-${i}`, title: `Task ${i}` }))
    expect((await rutter.ok('task_add', { tasks })).added).toHaveLength(500)
    expect(await rutter.ok('task_list')).toMatchObject({ total: 500, truncated: true })
    expect((await rutter.refused('task_add', { tasks: [] })).message).toContain('at least 1')
  })

  it('adds nothing of a list with one bad task, and says which', async () => {
    const before = everyByte(rutter.root)
    const tasks = [
      { task_id: 't-1', title: 'One' },
      { task_id: '', title: 'Two' },
    ]
    expect((await rutter.refused('task_add', { tasks })).message).toContain('tasks.1.task_id')
    expect(everyByte(rutter.root)).toEqual(before)
  })
})

describe('task_list', () => {
  it('needs no session, and shows what is in progress first, then to do, then done', async () => {
    await rutter.ok('task_add', { tasks: ['c', 'b', 'a'].map((task_id) => ({ task_id, title: task_id })) })
    await rutter.ok('session_update', { current_task_id: 'c' })
    await done('a')
    await rutter.ok('session_update', { status: 'stopped' })
    const other = await connect(rutter.root)
    const { tasks } = await other.ok('task_list')
    expect(tasks.map((task: Json) => [task.task_id, task.status])).toEqual([
      ['c', 'in_progress'],
      ['b', 'todo'],
      ['a', 'done'],
    ])
  })

  it('can be asked for one status', async () => {
    await rutter.ok('task_add', { tasks: ['a', 'b'].map((task_id) => ({ task_id, title: task_id })) })
    await done('a')
    expect(await listed({ status: 'done' })).toEqual([['a', 'done', 'a']])
    expect(await listed({ status: 'in_progress' })).toEqual([])
  })

  it('shows a task of another session of the project', async () => {
    const other = await connect(rutter.root)
    const { session_id } = await other.start({ slot: 'review' })
    await other.ok('task_add', { tasks: [{ task_id: 'r-1', title: 'Review' }] })
    expect((await rutter.ok('task_list')).tasks).toMatchObject([{ task_id: 'r-1', session_id }])
    expect(await done('r-1')).toMatchObject({ already_done: false })
  })
})

describe('a task tool other than task_list', () => {
  it('needs a session that was initialised', async () => {
    const other = await connect(repository())
    for (const [name, args] of [
      ['task_add', { tasks: [{ task_id: 'a', title: 'A' }] }],
      ['task_mark_done', { task_id: 'a' }],
    ] as const) {
      const error = await other.refused(name, args)
      expect(error).toMatchObject({ code: 'no_active_session', hint: expect.stringContaining('session_initialize') })
    }
    expect(await other.ok('task_list')).toEqual({ tasks: [], total: 0, truncated: false })
  })
})
