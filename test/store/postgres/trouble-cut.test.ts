import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import type { StreamRef } from '../../../src/domain/event.ts'
import { Refusal } from '../../../src/domain/refusal.ts'
import { Pool } from '../../../src/store/postgres/pool.ts'
import { AGENT, refusalOf } from '../../support/book.ts'
import { aDecision } from '../../support/learnings.ts'
import { sharedServer } from '../../support/postgres.ts'
import { type Mishap, tcpProxy } from '../../support/tcp-proxy.ts'
import { addsLines, agentOn, IMPATIENT, ledgerOn, preparedDatabase, startedAgent } from '../../support/trouble.ts'

void sharedServer()

/** What a client says last in a transaction. */
const COMMIT = (message: Buffer) => message.toString('latin1', 5) === 'COMMIT\0'

const MEMORY: StreamRef = { kind: 'memory', id: 'm-1' }
const BY = { actor: AGENT, at: '2026-11-21T23:00:00.000Z' }
const NOTE = { type: 'moon.rose', data: { full: true } }

async function setUp(options: object = IMPATIENT) {
  const database = await preparedDatabase()
  const proxy = await tcpProxy(database.server.port)
  const url = proxy.url(database.tcp)
  return { ...database, proxy, through: url, open: () => ledgerOn(url, options) }
}

/** Calls that count something each time they are carried out, with the event by which that is seen. */
const CALLS: [name: string, input: Record<string, unknown>, type: string, last: (message: Buffer) => boolean][] = [
  ['session_increment_completed', {}, 'task.completed', addsLines],
  ['session_record_failure', { outcome: 'failed', error: { message: 'It broke.' } }, 'task.failed', COMMIT],
  ['session_record_failure', { outcome: 'failed', error: { message: 'It broke.' } }, 'task.failed', addsLines],
  ['session_initialize', { session_type: 'manual', slot: 'other' }, 'session.started', COMMIT],
  ['session_initialize', { session_type: 'manual', slot: 'other' }, 'session.started', addsLines],
  ['save_decision', { decision: aDecision('Use one store') }, 'decision.saved', COMMIT],
  ['save_decision', { decision: aDecision('Use one store') }, 'decision.saved', addsLines],
]

describe.each(CALLS)('%s %o, seen by %s', (name, input, type, last) => {
  for (const mishap of ['cut before', 'cut after', 'cut in the answer', 'hold'] satisfies Mishap[]) {
    const when = last === COMMIT ? 'its commit' : 'its lines'
    test(`is answered and stored once where the network does "${mishap}" to ${when}`, async () => {
      const { proxy, through, events, truth } = await setUp()
      const { call } = await startedAgent(through, IMPATIENT)
      const before = await events(type)
      proxy.arm(last, mishap)
      const answer = await call(name, input)
      expect(proxy.met).toBe(1)
      expect(await events(type)).toBe(before + 1)
      // Whatever arrives now, even whole, comes too late.
      proxy.release()
      await sleep(30)
      expect(await events(type)).toBe(before + 1)
      const id = type === 'session.started' ? String(answer['session_id']) : null
      if (id !== null) expect((await truth.read((book) => book.session(id)))?.status).toBe('running')
      if (name === 'save_decision') expect(answer['deduped']).not.toBe(true)
      expect((await truth.verify()).findings.filter(({ damage }) => damage)).toEqual([])
    })
  }
})

test('many commits cut one after the other are each counted once', async () => {
  const { proxy, through, events } = await setUp()
  const { call } = await startedAgent(through, IMPATIENT)
  for (const mishap of ['cut before', 'cut after', 'cut in the answer'] as const) {
    for (let i = 0; i < 5; i++) {
      proxy.arm(addsLines, mishap)
      await call('session_increment_completed')
    }
  }
  expect(await events('task.completed')).toBe(15)
})

test('a call whose commit is cut each time is refused as not written once that is certain, and is not', async () => {
  const { proxy, through, events } = await setUp()
  const { call } = await startedAgent(through, IMPATIENT)
  proxy.arm(addsLines, 'cut before', 1000)
  const refusal = await refusalOf(call('session_increment_completed'))
  expect(refusal.message).toMatch(/cannot be reached.*Nothing was written/)
  expect(proxy.met).toBeGreaterThan(2)
  expect(await events('task.completed')).toBe(0)
})

test('who asks whether a commit happened that is still on its way waits for it', async () => {
  const patient = { ...IMPATIENT, limits: { ...IMPATIENT.limits, lock_ms: 5000, idle_ms: 4000 } }
  const { proxy, through, events, rows } = await setUp(patient)
  const { call } = await startedAgent(through, patient)
  proxy.arm(COMMIT, 'hold')
  const answer = call('session_record_failure', { outcome: 'failed', error: { message: 'It broke.' } })
  // Its lines are there, and nobody sees them yet: the one that asks is seen to wait.
  for (let waits = 0; waits === 0; await sleep(20)) {
    waits = Number((await rows("SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))[0]?.['n'])
  }
  expect(await events('task.failed')).toBe(0)
  proxy.release()
  expect(await answer).toMatchObject({ tasks_failed: 1 })
  expect(await events('task.failed')).toBe(1)
})

test.each([
  ['a stream that is there', true],
  ['a new stream', false],
])(
  'a write to %s that was found not to have happened cannot happen any more, though nothing else was written',
  async (_, isThere) => {
    const patient = { ...IMPATIENT, limits: { ...IMPATIENT.limits, idle_ms: 20_000, lock_ms: 21_000 } }
    const { proxy, open, events, truth } = await setUp(patient)
    const ledger = open()
    if (isThere) await ledger.write((book) => book.append(MEMORY, [NOTE], BY))
    const before = await events('moon.rose')
    proxy.arm(addsLines, 'hold')
    let attempts = 0
    const refused = await refusalOf(
      ledger.write(async (book) => {
        // The world has changed since: the second attempt is turned down.
        if (++attempts > 1) throw new Refusal('session_locked', 'Somebody else was faster.')
        await book.append(MEMORY, [NOTE], BY)
      }),
    )
    expect(refused.code).toBe('session_locked')
    // Everything arrives after all, commit and all.
    proxy.release()
    await sleep(200)
    expect(await events('moon.rose')).toBe(before)
    // The stream itself is as good as before.
    await ledger.write((book) => book.append(MEMORY, [NOTE], BY))
    expect(await events('moon.rose')).toBe(before + 1)
    expect((await truth.verify()).findings.filter(({ damage }) => damage)).toEqual([])
  },
)

describe('a server that stays away', () => {
  for (const mishap of ['cut before', 'cut after'] satisfies Mishap[]) {
    test(`leaves it open whether a call was recorded, and says so ("${mishap}")`, async () => {
      const { proxy, through, events } = await setUp()
      const { call } = await startedAgent(through, IMPATIENT)
      proxy.arm(addsLines, mishap)
      proxy.atOnce(() => proxy.close())
      const refusal = await refusalOf(call('session_increment_completed'))
      expect(refusal.code).toBe('store_unavailable')
      expect(refusal.message).toMatch(/lost while it committed.*not known/)
      expect(refusal.message).not.toMatch(/nothing was (written|changed)/i)
      proxy.open()
      const counted = await events('task.completed')
      expect(await call('session_increment_completed')).toMatchObject({ tasks_completed: counted + 1 })
    })
  }

  test('is told of as away where nothing was sent, and is found again without a restart', async () => {
    const { proxy, through, events } = await setUp()
    const { call } = await startedAgent(through, IMPATIENT)
    proxy.close()
    // Until the connection is seen to be closed; what is sent on one that just closes may have arrived.
    await sleep(50)
    const refusal = await refusalOf(call('session_increment_completed'))
    expect(refusal.message).toMatch(/cannot be reached.*Nothing was written/)
    expect(refusal.message).toMatch(/127\.0\.0\.1/)
    proxy.open()
    expect(await call('session_increment_completed')).toMatchObject({ tasks_completed: 1 })
    expect(await events('task.completed')).toBe(1)
  })

  test('for a moment is waited for', async () => {
    const { proxy, through } = await setUp()
    const { call } = await startedAgent(through, IMPATIENT)
    proxy.close()
    setTimeout(() => proxy.open(), 400)
    expect(await call('session_increment_completed')).toMatchObject({ tasks_completed: 1 })
  })
})

describe('a network in which nothing moves', () => {
  test('ends a read within its bounds, and is done with as soon as it moves again', async () => {
    const { proxy, through } = await setUp()
    const { ledger, session_id } = await startedAgent(through, IMPATIENT)
    proxy.arm(() => true, 'stall')
    expect(await ledger.read((book) => book.session(session_id))).toMatchObject({ status: 'running' })
    expect(proxy.met).toBe(1)
  })

  test('counts a write once that got through and was not answered', async () => {
    const { proxy, through, events } = await setUp()
    const { call } = await startedAgent(through, IMPATIENT)
    proxy.arm(addsLines, 'stall')
    expect(await call('session_increment_completed')).toMatchObject({ tasks_completed: 1 })
    expect(await events('task.completed')).toBe(1)
  })

  test('does not keep a caller longer than silence and patience together', async () => {
    const { proxy, through } = await setUp()
    const { call, ledger } = await startedAgent(through, IMPATIENT)
    proxy.arm(addsLines, 'stall', 100)
    proxy.swallow()
    const before = performance.now()
    const refusal = await refusalOf(call('session_increment_completed'))
    expect(refusal.message).toMatch(/lost while it committed.*not known/)
    expect(performance.now() - before).toBeLessThan(8000)
    await ledger.close()
  })

  test('does not keep the slot of a client that is cut off in the middle of a write', async () => {
    const { proxy, through, truth, session_id } = await setUp().then(async (it) => ({
      ...it,
      ...(await startedAgent(it.through, { ...IMPATIENT, lease_ttl_ms: 50 })),
    }))
    const stuck = ledgerOn(through, { ...IMPATIENT, patience_ms: 10, limits: { ...IMPATIENT.limits, silence_ms: 300 } })
    // So little patience may not be enough to connect.
    await vi.waitFor(() => stuck.read(async () => {}))
    proxy.arm(COMMIT, 'hold')
    const lost = refusalOf(agentOn(stuck).call('session_update', { session_id, status: 'stopped' }))
    expect(await lost).toMatchObject({ code: 'store_unavailable' })
    const { session_id: next } = await agentOn(truth).call('session_initialize', { session_type: 'manual' })
    expect(next).not.toBe(session_id)
  })

  test('that is only slow makes calls slow, and nothing else', async () => {
    const { proxy, through, events } = await setUp()
    const { call } = await startedAgent(through, IMPATIENT)
    proxy.delay(40)
    await Promise.all([1, 2, 3].map(() => call('session_increment_completed')))
    expect(await events('task.completed')).toBe(3)
  })
})

test('a server is asked to look whether the machine of a silent client is there, and to give up one that is not', async () => {
  const { tcp, rows } = await setUp()
  const pool = new Pool({ url: tcp })
  const asked = 'idle_in_transaction_session_timeout lock_timeout tcp_keepalives_idle tcp_keepalives_interval'.split(
    ' ',
  )
  const found = await pool.ask((sql) => sql.all('SELECT current_setting(unnest($1::text[])) AS set', [asked]))
  expect(found.map(({ set }) => set)).toEqual(['10s', '15s', '6', '2'])
  await pool.close()
  // What an administrator has set is left as it is.
  await rows("ALTER DATABASE prepared SET lock_timeout = '40s'")
  const other = new Pool({ url: tcp })
  expect(await other.ask((sql) => sql.get("SELECT current_setting('lock_timeout') AS set"))).toEqual({ set: '40s' })
  await other.close()
  await rows('ALTER DATABASE prepared RESET ALL')
})

test('what follows a BEGIN that was cancelled is not carried out by itself', async () => {
  const { proxy, open, events, truth } = await setUp()
  const ledger = open()
  await ledger.write((book) => book.append(MEMORY, [NOTE], BY))
  proxy.arm((message) => message[0] === 0x51 && message.includes('BEGIN ISOLATION LEVEL READ COMMITTED'), 'cancel')
  const refusal = await refusalOf(
    ledger.writeWithGlobal(async (book, global) => {
      await book.append(MEMORY, [NOTE], BY)
      await global.append({ kind: 'memory', id: 'm-2' }, [NOTE], BY)
    }),
  )
  expect(refusal.message).toMatch(/gave the statement up.*Nothing was written/)
  expect(await events('moon.rose')).toBe(1)
  await ledger.write((book) => book.append(MEMORY, [NOTE], BY))
  expect(await events('moon.rose')).toBe(2)
  expect((await truth.verify()).findings.filter(({ damage }) => damage)).toEqual([])
})
