import fc from 'fast-check'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import type { StreamRef } from '../../../src/domain/event.ts'
import type { TaskStatus } from '../../../src/domain/task.ts'
import type { PostgresLedger } from '../../../src/store/postgres/ledger.ts'
import { testMachine } from '../../support/book.ts'
import { sharedServer } from '../../support/postgres.ts'
import { agentOn, ledgerOn, preparedDatabase, startedAgent, statementsOf } from '../../support/trouble.ts'

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

/** All that a book can be asked about tasks, and their session. */
async function toldOf(ledger: PostgresLedger, sessionId: string, ids: readonly string[]) {
  return await ledger.read(async (book) => ({
    each: await Promise.all(ids.map((id) => book.task(id))),
    several: [...(await book.tasksById(ids))],
    session: await book.session(sessionId),
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

/** Ids that differ in what a database cannot keep, and such as order differently by code units and by bytes. */
const IDS = ['t-0', 't-1', 't-2', 'half \ud83e', 'half \ud83d', '\u{1F600}', '\uff21', 'nul \0', '"quoted" \\']

test('what waits and what is in rows are told as one, in the order and number in which rows alone would be', async () => {
  const { agent, truth, url, session_id, kept } = await setUp()
  const other = await startedAgent(url, {}, 'other')
  const step = fc.record({
    by: fc.constantFrom('agent', 'other'),
    kind: fc.oneof(
      { arbitrary: fc.constantFrom('start', 'complete', 'done'), weight: 15 },
      { arbitrary: fc.constant('add'), weight: 1 },
    ),
    task_id: fc.constantFrom(...IDS),
  })
  let waited = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      for (const { by: name, kind, task_id } of steps) {
        const by = name === 'agent' ? agent : other
        if (kind === 'start') await by.call(...start(task_id))
        else if (kind === 'complete') await by.call('session_increment_completed')
        else if (kind === 'add') await by.call('task_add', { tasks: [{ task_id, title: `The task ${task_id}` }] })
        else if ((await truth.read((book) => book.task(task_id))) !== undefined)
          await by.call('task_mark_done', { task_id })
      }
      const before = await kept()
      const told = await toldOf(truth, session_id, IDS)
      // It computes every row anew from the log, so nothing waits any more.
      await truth.rebuild()
      if ((await kept()).length > before.length) waited++
      expect(told).toEqual(await toldOf(truth, session_id, IDS))
    }),
    { numRuns: 40 },
  )
  expect(waited).toBeGreaterThan(1)
})

test('more tasks than are listed are listed in the order of the rows, whichever of them wait', async () => {
  const { agent, truth, session_id } = await setUp()
  const signs = ['\u{1F600}', '\uff21', 'z', '\u{10FFFF}', '\ufffd']
  for (let n = 0; n < 28; n++) {
    await agent.call(...start(`${signs[n % signs.length]}-${n}`))
    await agent.call('session_increment_completed')
  }
  const told = await toldOf(truth, session_id, [])
  expect(told.sync).toMatchObject({ unmatched_count: 28 })
  await truth.rebuild()
  expect(told).toEqual(await toldOf(truth, session_id, []))
})

test('a task whose id is any text is found while it waits', async () => {
  const { agent, truth, kept } = await setUp()
  const sign = fc.constantFrom('"', '\\', '%', '_', '{', '\0', '\u{F8FF}', '\u{1F600}', 'é', "'", '$1')
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

test('two ids that are one to the database are one task, and hold nobody up', async () => {
  const { agent, reader, kept } = await setUp()
  await agent.call(...start('fix \ud83e'))
  await agent.call(...start('fix \ud83d'))
  expect((await reader.call('task_list'))['total']).toBe(1)
  await agent.call('session_update', { status: 'paused' })
  expect(await kept()).toEqual(['fix \ufffd'])
  for (const half of ['\ud83e', '\ud83d', '\ufffd']) {
    expect(await reader.call('task_mark_done', { session_id: agent.session_id, task_id: `fix ${half}` })).toMatchObject(
      {
        new_status: 'done',
      },
    )
  }
})

test('calls of one process that are under way together leave nothing behind', async () => {
  const { agent, reader } = await setUp()
  for (let n = 0; n < 40; n += 8) {
    await Promise.all(Array.from({ length: 8 }, (_, i) => agent.call(...start(`t-${n + i}`))))
    expect((await reader.call('task_list'))['total']).toBe(n + 8)
  }
  await agent.call('session_update', { status: 'stopped' })
  expect((await reader.call('task_list'))['total']).toBe(40)
})

test('a write that somebody else was ahead of leaves nothing behind', async () => {
  const { agent, reader, url, session_id, kept } = await setUp()
  const other = agentOn(ledgerOn(url))
  for (let n = 0; n < 14; n++) {
    await agent.call(...start(`a-${n}`))
    // The agent's process remembers the session as it was before this, finds out, and looks again.
    await other.call('session_update', { session_id, current_task_id: `b-${n}` })
    expect((await reader.call('task_list'))['total']).toBe(2 * n + 2)
  }
  await agent.call('session_update', { status: 'stopped' })
  expect(await kept()).toHaveLength(28)
})

test('a heartbeat between two calls loses nothing of what waits', async () => {
  const { agent, reader, kept } = await setUp()
  for (let n = 0; n < 20; n++) {
    await agent.call(...start(`t-${n}`))
    await agent.call('steering_heartbeat', { session_id: agent.session_id, status: 'working', next_action: `${n}` })
  }
  expect((await reader.call('task_list'))['total']).toBe(20)
  await agent.call('session_update', { status: 'stopped' })
  expect(await kept()).toHaveLength(20)
})

test('what a run said that was cut short is in rows once somebody takes its slot', async () => {
  const { url, truth, kept, agent } = await setUp()
  await agent.call('session_update', { status: 'stopped' })
  const machine = testMachine()
  const [lost, next] = [machine.process(), machine.process()]
  const cut = await startedAgent(url, { processes: lost })
  for (let n = 0; n < 3; n++) await cut.call(...start(`t-${n}`))
  expect(await kept()).toEqual([])
  machine.say(lost.self(), 'dead')
  await startedAgent(url, { processes: next })
  expect(await truth.read((book) => book.session(cut.session_id))).toMatchObject({ status: 'interrupted' })
  expect(await kept()).toEqual(['t-0', 't-1', 't-2'])
})

test('who asks for tasks looks at running sessions alone, however many are over', async () => {
  const { agent, project_id, rows, url } = await setUp()
  await agent.call(...start('a'))
  await rows(`INSERT INTO rutter.sessions SELECT project_id, 'over-' || n, 'gone', n, 'stopped', start_time, repeat('x', 2000), 9
    FROM rutter.sessions, generate_series(1, 3000) AS n WHERE project_id = '${project_id}'`)
  await rows('ANALYZE rutter.sessions')
  const [asked = ''] = (await statementsOf(() => agent.call('task_list'))).filter((text) => text.includes('strpos'))
  expect(asked).not.toBe('')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  onTestFinished(() => client.end())
  await client.query('SET plan_cache_mode = force_generic_plan')
  await client.query(`PREPARE asked AS ${asked}`)
  const plan = (await client.query(`EXPLAIN EXECUTE asked('${project_id}', 'x')`)).rows
  expect(JSON.stringify(plan)).toMatch(/Index Cond: [^"]*status = ANY/)
  await rows(`DELETE FROM rutter.sessions WHERE slot = 'gone'`)
})

test('a save for everybody does not end the process where somebody else went on with the session', async () => {
  const { agent, url, session_id } = await setUp()
  const other = agentOn(ledgerOn(url))
  const save = async (title: string) => {
    const { token } = await agent.call('request_global_write_approval', { content_preview: title })
    const decision = { title, rationale: `Because of ${title}.`, owner: 'Anna', date: '2026-01-01', scope: 'global' }
    return await agent.call('save_decision', { session_id, decision, governance_token: token })
  }
  const unhandled: unknown[] = []
  const listen = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', listen)
  onTestFinished(() => void process.off('unhandledRejection', listen))
  for (let n = 0; n < 5; n++) {
    await agent.call(...start(`a-${n}`))
    const saved = save(`A decision with the number ${n}`)
    await other.call('session_update', { session_id, current_task_id: `b-${n}` })
    expect(await saved).toMatchObject({ status: 'saved' })
  }
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).toEqual([])
})
