import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { refusalOf, testClock, testMachine } from '../../support/book.ts'
import { sharedServer } from '../../support/postgres.ts'
import { tcpProxy } from '../../support/tcp-proxy.ts'
import { addsLines, agentOn, IMPATIENT, ledgerOn, preparedDatabase } from '../../support/trouble.ts'

void sharedServer()

const TTL_MS = 600
/** Where a lease must not run out while it is renewed: a machine that others use stands still for a second now and then. */
const LONG_TTL_MS = 3000
const HOUR_MS = 3_600_000

/** Agents on machines that cannot see each other's processes, each with a clock of its own. */
async function machines(lease_ttl_ms = TTL_MS) {
  const database = await preparedDatabase()
  const open = (name: string, { offset = 0, url = database.url, slot = 'default' } = {}) => {
    const processes = testMachine().process({ host: name, boot_id: name, pid_space: name })
    const unseen = { self: () => processes.self(), liveness: () => 'unknown' as const }
    const clock = testClock(new Date(Date.parse('2026-11-21T22:00:00.000Z') + offset).toISOString())
    const ledger = ledgerOn(url, { ...IMPATIENT, processes: unseen, lease_ttl_ms, place: name })
    return { ...agentOn(ledger, slot, clock), clock }
  }
  return { ...database, open }
}

test('a slot is held by the clock of the database, whatever the clocks of its clients say', async () => {
  const { open } = await machines(LONG_TTL_MS)
  const [early, late] = [open('early', { offset: -HOUR_MS }), open('late', { offset: HOUR_MS })]
  await early.call('session_initialize', { session_type: 'manual' })
  // For the other one it is two hours later: by that clock it would be long over.
  late.clock.advance(HOUR_MS)
  expect((await refusalOf(late.call('session_initialize', { session_type: 'manual' }))).code).toBe('session_locked')
  await early.call('session_update', { status: 'stopped' })
  await late.call('session_initialize', { session_type: 'manual' })
  early.clock.advance(-HOUR_MS)
  expect((await refusalOf(early.call('session_initialize', { session_type: 'manual' }))).code).toBe('session_locked')
})

test('a lease that nobody renews is over by the clock of the database, and one that is renewed is not', async () => {
  const { open } = await machines(LONG_TTL_MS)
  const [early, late, other] = [open('early', { offset: HOUR_MS }), open('late'), open('keeps', { slot: 'kept' })]
  await early.call('session_initialize', { session_type: 'manual' })
  await other.call('session_initialize', { session_type: 'manual' })
  for (let i = 0; i < 4; i++) {
    await sleep(LONG_TTL_MS / 3)
    await other.ledger.renewLeases()
  }
  const taken = await late.call('session_initialize', { session_type: 'manual' })
  expect(taken['reclaimed']).toMatchObject({ reason: 'lease_expired' })
  const kept = open('wants', { slot: 'kept' })
  expect((await refusalOf(kept.call('session_initialize', { session_type: 'manual' }))).code).toBe('session_locked')
})

test('calls alone keep a slot', async () => {
  const { open } = await machines(LONG_TTL_MS)
  const [busy, other] = [open('busy'), open('other')]
  await busy.call('session_initialize', { session_type: 'manual' })
  for (let i = 0; i < 6; i++) {
    await sleep(LONG_TTL_MS / 4)
    await busy.call('session_increment_completed')
  }
  expect((await refusalOf(other.call('session_initialize', { session_type: 'manual' }))).code).toBe('session_locked')
})

test.each(['session_increment_completed', 'session_record_failure', 'steering_heartbeat', 'save_decision'] as const)(
  'who was cut off and overtaken learns of it at the next call, %s, which changes nothing of the run',
  async (name) => {
    const { open, tcp, server, events } = await machines()
    const proxy = await tcpProxy(server.port)
    const cut = open('cut', { url: proxy.url(tcp), offset: -HOUR_MS })
    const { session_id } = await cut.call('session_initialize', { session_type: 'manual' })
    await cut.call('session_increment_completed')
    proxy.close()
    expect((await refusalOf(cut.call('session_increment_completed'))).code).toBe('store_unavailable')
    await sleep(TTL_MS / 2)
    const next = open('next', { offset: HOUR_MS })
    const taken = await next.call('session_initialize', { session_type: 'manual' })
    expect(taken['reclaimed']).toMatchObject({ session_id })
    proxy.open()
    const stream = { kind: 'session', id: String(session_id) } as const
    const before = await next.ledger.history(stream)
    const inputs = {
      session_increment_completed: {},
      session_record_failure: { outcome: 'failed', error: { message: 'm' } },
      steering_heartbeat: { session_id, status: 'busy' },
      save_decision: {
        decision: { title: 'T', rationale: 'Because.', owner: 'o', date: '2026-11-21', scope: 'project' },
      },
    }
    if (name === 'save_decision') {
      // What was learned is not lost: it goes to the memory of that machine, and not into the run; and that is said.
      const message = expect.stringMatching(/^Kept beside session .* holds its slot "default" no longer \(lease_lost\)/)
      expect(await cut.call(name, inputs[name])).toMatchObject({ status: 'saved', message })
      expect(await events('decision.saved')).toBe(1)
    } else {
      expect((await refusalOf(cut.call(name, inputs[name]))).code).toBe('lease_lost')
    }
    expect(await next.ledger.history(stream)).toEqual(before)
    expect(await next.ledger.read((book) => book.lease('default'))).toMatchObject({
      lease: { session_id: taken['session_id'] },
      held: true,
    })
    // Nor does a renewal of the one that was overtaken keep anything from the one that has it now.
    await cut.ledger.renewLeases()
    expect((await next.ledger.read((book) => book.leases())).map(({ lease }) => lease.session_id)).toEqual([
      taken['session_id'],
    ])
  },
)

test('a call that was under way when its slot was taken over writes nothing after that', async () => {
  const { open, tcp, server, events } = await machines()
  const proxy = await tcpProxy(server.port)
  const slow = open('slow', { url: proxy.url(tcp) })
  const { session_id } = await slow.call('session_initialize', { session_type: 'manual' })
  proxy.arm(addsLines, 'hold')
  const call = refusalOf(slow.call('session_increment_completed', {}).finally(() => {}))
  proxy.atOnce(() => proxy.close())
  expect((await call).code).toBe('store_unavailable')
  await sleep(TTL_MS)
  const next = open('next')
  expect((await next.call('session_initialize', { session_type: 'manual' }))['reclaimed']).toMatchObject({ session_id })
  // The packets that were lost on their way arrive after all.
  proxy.release()
  await sleep(100)
  expect(await events('task.completed')).toBe(0)
  proxy.open()
  expect((await refusalOf(slow.call('session_increment_completed'))).code).toBe('lease_lost')
  expect((await next.ledger.verify()).findings).toEqual([])
})
