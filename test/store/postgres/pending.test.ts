import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StreamRef } from '../../../src/domain/event.ts'
import type { TaskStatus } from '../../../src/domain/task.ts'
import type { PostgresLedger } from '../../../src/store/postgres/ledger.ts'
import { sharedServer } from '../../support/postgres.ts'
import { agentOn, ledgerOn, preparedDatabase, startedAgent } from '../../support/trouble.ts'

/*
 * What a session says of tasks is put into rows with every so many of its events. Until then only its events have it, and nobody who
 * asks may notice.
 */

void sharedServer()

/** An agent with a session, and another process that looks. */
async function setUp() {
  const database = await preparedDatabase()
  const agent = await startedAgent(database.url)
  const { project_id, rows, truth } = database
  const kept = async () => {
    const of = `FROM rutter.task_reports WHERE project_id = '${project_id}'`
    return (await rows(`SELECT task_id ${of} ORDER BY task_id`)).map(({ task_id }) => String(task_id))
  }
  return { ...database, agent, session_id: agent.session_id, reader: agentOn(truth, 'elsewhere'), kept }
}

const start = (task_id: string) => ['session_update', { current_task_id: task_id }] as const

/** All that a book can be asked about tasks. */
async function toldOf(ledger: PostgresLedger, sessionId: string, ids: readonly string[]) {
  return await ledger.read(async (book) => ({
    each: await Promise.all(ids.map((id) => book.task(id))),
    all: await book.tasks({ limit: 100 }),
    few: await book.tasks({ limit: 2 }),
    byStatus: await Promise.all(
      (['todo', 'in_progress', 'done'] as const).map((status) => book.tasks({ status, limit: 3 })),
    ),
    ids: await book.taskIds(),
    sync: await book.taskSync(sessionId),
  }))
}

test('what a session said of a task is told to everybody at once, before and after it is in a row', async () => {
  const { agent, reader, truth, session_id, kept } = await setUp()
  const waiting: number[] = []
  for (let n = 1; n <= 40; n++) {
    await agent.call(...start(`t-${n}`))
    expect(await truth.read((book) => book.task(`t-${n}`))).toMatchObject({ status: 'in_progress', session_id })
    expect((await reader.call('task_list'))['total']).toBe(n)
    waiting.push(n - (await kept()).length)
  }
  // Else this would test nothing.
  expect(Math.max(...waiting)).toBeGreaterThan(10)
  expect(Math.min(...waiting)).toBe(0)
})

test('what waits and what is in rows are told as one, in the order and number in which rows alone would be', async () => {
  const { agent, truth, session_id } = await setUp()
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('start', 'complete', 'done'), task: fc.integer({ min: 0, max: 6 }) }),
    fc.record({ kind: fc.constant('add'), task: fc.integer({ min: 0, max: 6 }) }),
  )
  const ids = Array.from({ length: 7 }, (_, i) => `t-${i}`)
  await agent.call('task_add', { tasks: ids.slice(0, 3).map((task_id) => ({ task_id, title: task_id })) })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      for (const { kind, task } of steps) {
        const task_id = `t-${task}`
        if (kind === 'start') await agent.call(...start(task_id))
        else if (kind === 'complete') await agent.call('session_increment_completed')
        else if (kind === 'add') await agent.call('task_add', { tasks: [{ task_id, title: `Task ${task}` }] })
        else await agent.call('task_mark_done', { task_id }).catch(() => {})
      }
      const told = await toldOf(truth, session_id, ids)
      // It computes every row anew from the log, so nothing waits any more.
      await truth.rebuild()
      expect(told).toEqual(await toldOf(truth, session_id, ids))
    }),
    { numRuns: 40 },
  )
})

test('a task whose id is any text is found while it waits', async () => {
  const { agent, truth, kept } = await setUp()
  const sign = fc.constantFrom('"', '\\', '%', '_', '{', '\u{F8FF}', '\u{1F600}', 'é', "'", '$1')
  const id = fc.array(fc.oneof(sign, fc.string({ minLength: 1, maxLength: 4 })), { minLength: 1, maxLength: 5 })
  const used = new Set<string>()
  let waited = 0
  await fc.assert(
    fc.asyncProperty(id, async (parts) => {
      const task_id = `x${parts.join('')}x`
      await agent.call(...start(task_id))
      used.add(task_id)
      if ((await kept()).length < used.size) waited++
      expect(await truth.read((book) => book.task(task_id))).toMatchObject({ task_id, status: 'in_progress' })
      expect((await truth.read((book) => book.taskIds())).includes(task_id)).toBe(true)
      expect(await truth.read((book) => book.task(`${task_id}-`))).toBeUndefined()
    }),
    { numRuns: 60 },
  )
  expect(waited).toBeGreaterThan(20)
})

test('what waits is put into rows by whoever goes on with the session, whichever process that is', async () => {
  const { agent, reader, session_id, kept, url } = await setUp()
  for (let n = 0; n < 5; n++) await agent.call(...start(`t-${n}`))
  expect(await kept()).toEqual([])
  const other = agentOn(ledgerOn(url), 'default')
  for (let n = 5; n < 20; n++) await other.call('session_update', { session_id, current_task_id: `t-${n}` })
  expect(await kept()).toEqual(expect.arrayContaining(['t-0', 't-4', 't-5']))
  expect((await reader.call('task_list'))['total']).toBe(20)
})

test.each([
  ['stopped', 'session_update', { status: 'stopped' }],
  ['paused', 'session_update', { status: 'paused' }],
  ['given a task to search for', 'task_add', { tasks: [{ task_id: 'added', title: 'Added' }] }],
] as const)('nothing waits any more once a session is %s', async (_, name, input) => {
  const { agent, kept } = await setUp()
  for (let n = 0; n < 3; n++) await agent.call(...start(`t-${n}`))
  expect(await kept()).toEqual([])
  await agent.call(name, input)
  expect((await kept()).filter((id) => id !== 'added')).toEqual(['t-0', 't-1', 't-2'])
})

test('what waits is not lost where more of the session comes from another copy of its record', async () => {
  const { agent, truth, session_id, url, project_id, kept } = await setUp()
  for (let n = 0; n < 3; n++) await agent.call(...start(`t-${n}`))
  const stream: StreamRef = { kind: 'session', id: session_id }
  // The copy is the same record with one call more, taken out of another project of this database.
  const copy = ledgerOn(url, { project_id: `${project_id}-copy` })
  await copy.read(async () => {})
  const bring = async (from: PostgresLedger, to: PostgresLedger) => {
    const [theirs, ours] = [await from.copyOf('own').survey(), await to.copyOf('own').survey()]
    const end = theirs.streams.find((one) => one.stream.id === session_id)
    const after = ours.streams.find((one) => one.stream.id === session_id) ?? { seq: 0, hash: '0'.repeat(64) }
    if (end === undefined) throw new Error('The record is gone.')
    for await (const piece of from.copyOf('own').lines(stream, after, end)) {
      expect(await to.copyOf('own').takeIn([piece])).toEqual(['taken'])
    }
  }
  await bring(truth, copy)
  const elsewhere = agentOn(copy, 'elsewhere')
  await elsewhere.call('session_update', { session_id, current_task_id: 't-9' })
  expect(await kept()).toEqual([])
  await bring(copy, truth)
  expect(await kept()).toEqual(['t-0', 't-1', 't-2', 't-9'])
  expect((await truth.verify()).findings).toEqual([])
})

test('a task that somebody else finished is finished, though what waits says less of it', async () => {
  const { agent, reader, url } = await setUp()
  const other = await startedAgent(url, {}, 'other')
  await other.call('task_add', { tasks: [{ task_id: 'a', title: 'A' }] })
  await other.call('task_mark_done', { task_id: 'a' })
  await agent.call(...start('a'))
  const listed = (await reader.call('task_list'))['tasks'] as { status: TaskStatus }[]
  expect(listed).toMatchObject([{ task_id: 'a', title: 'A', status: 'done' }])
})

test('two running sessions are both told of', async () => {
  const { agent, reader, url, kept } = await setUp()
  const other = await startedAgent(url, {}, 'other')
  await agent.call(...start('a'))
  await other.call(...start('b'))
  expect(await kept()).toEqual([])
  expect(await reader.call('task_list', { status: 'in_progress' })).toMatchObject({
    tasks: [
      { task_id: 'a', session_id: agent.session_id },
      { task_id: 'b', session_id: other.session_id },
    ],
  })
})
