import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/machine/clock.ts'
import { VIOLATIONS } from '../torture/checker.ts'
import { processesIn } from '../torture/rig.ts'
import { TestBook } from './book.ts'

const CLEAN = Object.fromEntries(VIOLATIONS.map((kind) => [kind, 0]))
const TTL_MS = 60

let book: TestBook
beforeEach(() => {
  book = new TestBook()
})
afterEach(() => book.remove())

const space = (name: string) => ({ ttl_ms: TTL_MS, processes: processesIn({ boot_id: 'b', pid_space: name }) })

test('a refused call that would have adopted leaves its caller no token, neither to pass with nor to be held against it', async () => {
  const first = book.connect('first', space('one'))
  const session_id = await first.begin()
  await first.call('session_record_failure', { outcome: 'failed', error: { message: 'm' } })
  await sleep(TTL_MS + 20)
  // Nobody holds it now: this call would adopt, but is refused for what it says.
  const visitor = book.connect('visitor', space('two'))
  expect((await visitor.refused('session_update', { session_id, tasks_failed: 0 })).code).toBe('counter_regression')
  await book.connect('third', space('three')).call('session_update', { session_id, current_task_id: 't3' })
  await sleep(TTL_MS + 20)
  await book.connect('fourth', space('four')).call('session_update', { session_id, current_task_id: 't4' })
  await visitor.call('session_update', { session_id, current_task_id: 't5' })
  expect(book.check(['start:t3', 'start:t4', 'start:t5']).counts).toEqual(CLEAN)
})

test('who was overtaken stays so, also when nobody holds the slot any more', async () => {
  const sleeper = book.connect('sleeper', space('one'))
  const session_id = await sleeper.begin()
  await sleep(TTL_MS + 20)
  await book.connect('second', space('two')).call('session_update', { session_id, current_task_id: 't2' })
  await sleep(TTL_MS + 20)
  expect((await sleeper.refused('session_update', { current_task_id: 't1' })).code).toBe('lease_lost')
  expect(book.check(['start:t2']).counts).toEqual(CLEAN)
})

test('a wall clock that is set back an hour and forward a day makes no time go back and no figure negative', async () => {
  const real = systemClock()
  let offset = 0
  const clock = { now: () => new Date(Date.parse(real.now()) + offset).toISOString(), uptimeMs: () => real.uptimeMs() }
  const agent = book.connect('agent', { clock })
  const session = await agent.begin()
  const marks: string[] = []
  for (const hours of [-1, 24, 23, 0, -48, 0]) {
    offset = hours * 3_600_000
    const task = `at${hours}`
    await agent.call('session_update', { current_task_id: `${task}.${marks.length}` })
    marks.push(`start:${task}.${marks.length}`)
    await agent.call('session_increment_completed')
    await agent.call('session_update', { status: 'paused' })
    await agent.call('session_update', { status: 'running' })
    await agent.call('steering_heartbeat', { session_id: session, status: 's' })
    const stats = await agent.call('session_get_stats')
    for (const [name, figure] of Object.entries(stats)) {
      if (typeof figure === 'number') expect(figure, `${name} at ${hours} h`).toBeGreaterThanOrEqual(0)
    }
    const state = (await agent.call('session_get_state')) as { tasks: { duration_ms: number | null }[] }
    for (const { duration_ms } of state.tasks) expect(duration_ms ?? 0).toBeGreaterThanOrEqual(0)
    expect((await book.connect('other').refused('session_initialize', { session_type: 'manual' })).code).toBe(
      'session_locked',
    )
  }
  const times = book.events(session).map(({ at }) => at)
  expect(times).toEqual(times.toSorted())
  await agent.call('session_update', { status: 'stopped' })
  expect(book.check(marks).counts).toEqual(CLEAN)
})

describe('a store that is lost under a running process', () => {
  for (const [what, lose] of [
    ['whole folder', () => rmSync(book.control, { recursive: true })],
    ['database with its log', () => ['', '-wal', '-shm'].map((end) => rmSync(`${book.control}/rutter.db${end}`))],
    ['database alone', () => rmSync(`${book.control}/rutter.db`)],
  ] as const) {
    test(`costs nothing that was answered, and the same session goes on (the ${what} deleted)`, async () => {
      const agent = book.connect('agent')
      const session = await agent.begin()
      await agent.call('session_update', { current_task_id: 'before' })
      await agent.call('session_record_failure', { outcome: 'failed', error: { message: 'm' } })
      lose()
      const state = await agent.call('session_update', { current_task_id: 'after' })
      expect(state).toMatchObject({ session_id: session, tasks_failed: 1, active: true })
      expect((await book.connect('other').refused('session_initialize', { session_type: 'manual' })).code).toBe(
        'session_locked',
      )
      expect((await agent.context.ledger.verify()).findings).toEqual([])
      const verdict = book.check(['start:before', 'fail:m', 'start:after'])
      expect(verdict.counts).toEqual(CLEAN)
      expect(verdict.adoptions).toBe(0)
    })
  }

  test('is told from one that was overwritten with something that is no database', async () => {
    const agent = book.connect('agent')
    await agent.begin()
    await agent.call('session_update', { current_task_id: 'before' })
    await agent.context.ledger.close()
    writeFileSync(`${book.control}/rutter.db`, 'This is no database, and was one a moment ago.'.repeat(100))
    await agent.call('session_update', { current_task_id: 'after' })
    expect(agent.context.ledger.repairs().map(({ kind }) => kind)).toContain('unreadable_store')
    expect(book.check(['start:before', 'start:after']).counts).toEqual(CLEAN)
  })
})

describe('a record that is changed under a live session', () => {
  const changes: [string, (path: string) => void][] = [
    ['deleted', (path) => rmSync(path)],
    ['cut back to its first step', (path) => truncateSync(path, linesOf(path, 2).length)],
    ['cut in the middle of a line', (path) => truncateSync(path, linesOf(path, 3).length + 20)],
    ['emptied', (path) => truncateSync(path, 0)],
    [
      'replaced by an older copy, as git checkout does',
      (path) => {
        writeFileSync(`${path}.new`, linesOf(path, 3))
        rmSync(path)
        copyFileSync(`${path}.new`, path)
        rmSync(`${path}.new`)
      },
    ],
  ]
  for (const [what, change] of changes) {
    test(`is put right from the store: ${what}`, async () => {
      const agent = book.connect('agent')
      const session = await agent.begin()
      for (let i = 0; i < 4; i++) await agent.call('session_update', { current_task_id: `t${i}` })
      const before = readFileSync(book.record(session), 'utf8')
      change(book.record(session))
      await agent.call('session_update', { current_task_id: 'after' })
      expect(readFileSync(book.record(session), 'utf8').startsWith(before)).toBe(true)
      expect(agent.context.ledger.repairs().length).toBeGreaterThan(0)
      expect((await agent.context.ledger.verify()).findings).toEqual([])
      expect(book.check(['start:t0', 'start:t1', 'start:t2', 'start:t3', 'start:after']).counts).toEqual(CLEAN)
    })
  }

  test('and lost with the store is said to be lost, and a new session can start', async () => {
    const agent = book.connect('agent')
    const session = await agent.begin()
    rmSync(`${book.root}/.bot`, { recursive: true })
    expect(await agent.refused('session_update', { current_task_id: 't' })).toMatchObject({
      code: 'session_not_found',
      session_id: session,
    })
    const next = await agent.begin()
    await agent.call('session_update', { current_task_id: 't' })
    expect(book.sessions()).toEqual([next])
    expect(book.check(['start:t']).counts).toEqual(CLEAN)
  })
})

/** The first lines of a record, with their line feeds. */
function linesOf(path: string, count: number): string {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, count)
  return lines.map((line) => `${line}\n`).join('')
}
