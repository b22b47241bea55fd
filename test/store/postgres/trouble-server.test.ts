import { type ChildProcess, spawn } from 'node:child_process'
import { chownSync, mkdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, describe, expect, onTestFinished, test } from 'vitest'
import type { PostgresLedgerOptions } from '../../../src/store/postgres/ledger.ts'
import { refusalOf, testMachine } from '../../support/book.ts'
import { sharedServer } from '../../support/postgres.ts'
import { startPostgres } from '../../support/postgres-server.ts'
import { agentOn, IMPATIENT, ledgerOn, preparedDatabase, startedAgent } from '../../support/trouble.ts'
import { type Calls, hammer } from '../../support/trouble-load.ts'
import { mountSmallDisk } from '../../torture/tmpfs.ts'

void sharedServer()

const machine = testMachine()
const WORKER = join(import.meta.dirname, '../../support/trouble-load.ts')

/** Agents in this process and in others, all at work until `end`. */
function atWork(url: string, project_id: string, { here = 3, elsewhere = 2 } = {}) {
  let isOver = false
  const options = (): PostgresLedgerOptions => ({
    ...{ url, project_id, place: 'here', processes: machine.process(), lease_ttl_ms: 60_000 },
  })
  const own = Array.from({ length: here }, (_, i) => hammer(options(), `here${i}`, () => isOver))
  const children: ChildProcess[] = []
  const others = Array.from({ length: elsewhere }, async (_, i): Promise<Calls> => {
    const child = spawn(process.execPath, [WORKER, url, project_id, `else${i}`], { stdio: ['pipe', 'pipe', 'inherit'] })
    children.push(child)
    let out = ''
    child.stdout.on('data', (bytes) => {
      out += bytes
    })
    await new Promise((resolve) => child.once('exit', resolve))
    return JSON.parse(out) as Calls
  })
  onTestFinished(() => {
    for (const child of children) child.kill('SIGKILL')
  })
  return async () => {
    isOver = true
    for (const child of children) child.stdin?.end()
    return await Promise.all([...own, ...others])
  }
}

/** Every call stands in the log as often as its answer says. */
function check(calls: readonly Calls[], lines: readonly string[]): void {
  const times = new Map<string, number>()
  for (const line of lines) {
    const { type, data } = JSON.parse(line) as { type: string; data: { task_id?: string; error?: { message: string } } }
    const id = data.error?.message ?? (type === 'task.started' ? data.task_id : undefined)
    if (id !== undefined) times.set(id, (times.get(id) ?? 0) + 1)
  }
  const count = (id: string) => times.get(id) ?? 0
  for (const { answered, refused } of calls) {
    expect(answered.filter((id) => count(id) !== 1)).toEqual([])
    for (const { id, message } of refused) {
      expect(message).toMatch(/Nothing was written|not known/)
      expect(count(id)).toBeLessThanOrEqual(message.includes('not known') ? 1 : 0)
    }
  }
}

test('a server that is killed under load and started again has every answered call once, and no other', async () => {
  const server = await startPostgres({ fsync: 'on' })
  onTestFinished(() => server.end())
  const url = server.url('postgres')
  await ledgerOn(url).read(async () => {})
  const end = atWork(url, 'p-1')
  const eachHas = async (events: number) => {
    const counted = `SELECT id FROM rutter.events GROUP BY id HAVING count(*) > ${events}`
    while ((await server.sql(counted)).length < 5) await sleep(20)
  }
  for (const events of [10, 40]) {
    await eachHas(events)
    await server.kill()
    await sleep(100)
    await server.start()
  }
  // All of them go on by themselves.
  await eachHas(70)
  check(
    await end(),
    (await server.sql('SELECT line FROM rutter.events')).map(({ line }) => String(line)),
  )
  const book = ledgerOn(url, { project_id: 'p-1' })
  expect((await book.verify()).findings).toEqual([])
})

test('connections that an administrator ends at random cost no call', async () => {
  const { server, url, project_id, lines } = await preparedDatabase()
  const end = atWork(url, project_id, { here: 3, elsewhere: 1 })
  // By their number and not by time: a busy machine ends fewer in the same time.
  for (let ended = 0; ended < 30; await sleep(15)) {
    const rows = await server.sql(
      `SELECT count(pg_terminate_backend(pid)) AS n FROM (
         SELECT pid FROM pg_stat_activity WHERE application_name = 'rutter' ORDER BY random() LIMIT 1) AS one`,
    )
    ended += Number(rows[0]?.['n'])
  }
  const calls = await end()
  check(calls, await lines())
  expect(calls.flatMap(({ refused }) => refused)).toEqual([])
})

describe('limits of the server', () => {
  const limit = async (settings: string) => {
    const it = await preparedDatabase()
    await it.rows(`ALTER DATABASE ${it.name} SET ${settings}`)
    return it
  }
  afterEach(async () => {
    await (await sharedServer()).sql('ALTER DATABASE prepared RESET ALL')
  })

  test('on idle connections are noticed by nobody', async () => {
    const { url } = await limit('idle_session_timeout = 60')
    const { call } = await startedAgent(url)
    for (let i = 1; i < 4; i++) {
      await sleep(100)
      expect(await call('session_increment_completed')).toMatchObject({ tasks_completed: i })
    }
  })

  test('on idle transactions make a write that stood still begin again', async () => {
    const { url, events } = await limit('idle_in_transaction_session_timeout = 100')
    const ledger = ledgerOn(url)
    let attempts = 0
    await ledger.writeWithGlobal(async (book) => {
      if (++attempts === 1) await sleep(300)
      await book.append({ kind: 'memory', id: 'm-1' }, [{ type: 'moon.rose', data: {} }], {
        actor: { kind: 'agent', name: 'me' },
        at: '2026-11-21T23:00:00.000Z',
      })
    })
    expect(attempts).toBe(2)
    expect(await events('moon.rose')).toBe(1)
  })

  test('on idle transactions are named where they are always too short', async () => {
    const { url } = await limit('idle_in_transaction_session_timeout = 50')
    const ledger = ledgerOn(url, IMPATIENT)
    const refusal = await refusalOf(ledger.writeWithGlobal(() => sleep(200)))
    expect(refusal.message).toMatch(/ended the transaction: .*idle-in-transaction timeout.*Nothing was written/)
  })

  test('on statements are told of, and nothing is written', async () => {
    const { url, rows, events } = await limit('statement_timeout = 200')
    const { call } = await startedAgent(url)
    const locked = rows('SET statement_timeout = 0; BEGIN; LOCK TABLE rutter.events; SELECT pg_sleep(0.8); COMMIT')
    await sleep(100)
    const refusal = await refusalOf(call('session_increment_completed'))
    expect(refusal.message).toMatch(/gave the statement up.*statement timeout.*Nothing was written/)
    await locked
    expect(await events('task.completed')).toBe(0)
    expect(await call('session_increment_completed')).toMatchObject({ tasks_completed: 1 })
  })

  test('on locks only make a call ask again until its time is over', async () => {
    const { url, rows, events } = await limit('lock_timeout = 50')
    const { call } = await startedAgent(url, IMPATIENT)
    const hold = (s: number) => rows(`BEGIN; SELECT * FROM rutter.streams FOR UPDATE; SELECT pg_sleep(${s}); COMMIT`)
    const short = hold(0.4)
    await sleep(100)
    expect(await call('session_increment_completed')).toMatchObject({ tasks_completed: 1 })
    await short
    const long = hold(2)
    await sleep(100)
    const refusal = await refusalOf(call('session_increment_completed'))
    expect(refusal.message).toMatch(/is busy.*lock timeout.*Nothing was written/)
    await long
    expect(await events('task.completed')).toBe(1)
  })
})

test('a row that somebody holds for too long is told of as busy, where the server has no limit of its own', async () => {
  const { url, rows } = await preparedDatabase()
  const { call } = await startedAgent(url, IMPATIENT)
  const held = rows('BEGIN; SELECT * FROM rutter.streams FOR UPDATE; SELECT pg_sleep(2); COMMIT')
  await sleep(100)
  expect((await refusalOf(call('session_increment_completed'))).message).toMatch(/is busy.*Nothing was written/)
  await held
  expect(await call('session_increment_completed')).toMatchObject({ tasks_completed: 1 })
})

describe('a standby', () => {
  test('is read from, takes no write and says why, and takes them with the same client once it leads', async () => {
    const server = await startPostgres()
    onTestFinished(() => server.end())
    const url = server.url('postgres')
    const { session_id } = await startedAgent(url, { project_id: 'p-1' })
    const ledger = ledgerOn(url, { ...IMPATIENT, project_id: 'p-1' })
    const before = await ledger.read((book) => book.session(session_id))
    await server.stop()
    writeFileSync(join(server.dataDir, 'standby.signal'), '')
    await server.start()
    expect(await ledger.read((book) => book.session(session_id))).toEqual(before)
    expect((await ledger.history({ kind: 'session', id: session_id })).events).toHaveLength(2)
    // A process that begins here reads too: to open is to change nothing.
    const fresh = ledgerOn(url, { ...IMPATIENT, project_id: 'p-1' })
    expect(await fresh.read((book) => book.session(session_id))).toEqual(before)
    const agent = agentOn(ledger, 'other')
    for (const one of [agent, agentOn(fresh, 'other')]) {
      const refusal = await refusalOf(one.call('session_initialize', { session_type: 'manual' }))
      expect(refusal.message).toMatch(/is read-only, as a standby is.*nothing was written/)
      expect(refusal.hint).toMatch(/primary/)
    }
    const step = agentOn(ledger)
    expect((await refusalOf(step.call('session_increment_completed', { session_id }))).message).toMatch(/is read-only/)
    await server.sql('SELECT pg_promote()')
    expect(await step.call('session_increment_completed', { session_id })).toMatchObject({ tasks_completed: 1 })
    await agent.call('session_initialize', { session_type: 'manual' })
  })

  test('without tables is not taken for a place to make them', async () => {
    const server = await sharedServer()
    await server.sql('CREATE DATABASE empty_readonly')
    await server.sql('ALTER DATABASE empty_readonly SET default_transaction_read_only = on')
    const refusal = await refusalOf(ledgerOn(server.url('empty_readonly'), IMPATIENT).read(async () => {}))
    expect(refusal.message).toMatch(/is read-only/)
  })
})

const room = join(tmpdir(), `rutter-room-${process.pid}`)
const disk = mountSmallDisk(room, 48)
afterAll(() => {
  if (typeof disk !== 'string') disk.unmount()
  rmdirSync(room)
})

test.skipIf(typeof disk === 'string')(
  `a server whose disk is full takes no write and says why, is read from, and goes on once there is room${typeof disk === 'string' ? ` (${disk})` : ''}`,
  async () => {
    if (typeof disk === 'string') return
    const server = await sharedServer()
    const { uid, gid } = statSync(server.dataDir)
    mkdirSync(join(room, 'space'), { mode: 0o700 })
    for (const folder of [room, join(room, 'space')]) chownSync(folder, uid, gid)
    await server.sql(`CREATE TABLESPACE small LOCATION '${join(room, 'space')}'`)
    await server.sql('CREATE DATABASE full_disk TABLESPACE small')
    const url = server.url('full_disk')
    const { call, ledger, session_id } = await startedAgent(url, { ...IMPATIENT, project_id: 'p-1' })
    disk.fill()
    const big = { outcome: 'skipped', error: { message: 'm', detail: 'abcdefghij'.repeat(900) } }
    const write = async () => {
      for (let i = 0; i < 200; i++) await call('session_record_failure', big)
    }
    const refusal = await refusalOf(write())
    expect(refusal.message).toMatch(/has no room left on its disk.*Nothing was written/)
    const failed = (await ledger.read((book) => book.session(session_id)))?.tasks_skipped ?? 0
    expect(await ledger.read((book) => book.lease('default'))).toMatchObject({ held: true })
    disk.makeRoom()
    expect(await call('session_record_failure', big)).toMatchObject({ tasks_skipped: failed + 1 })
    expect((await ledger.verify()).findings).toEqual([])
    await ledger.close()
    await server.sql('DROP DATABASE full_disk WITH (FORCE)')
    await server.sql('DROP TABLESPACE small')
  },
)
