import { describe, expect, test } from 'vitest'
import { sessionIncrementCompleted } from '../../src/app/operations/session_increment_completed.ts'
import { sessionInitialize } from '../../src/app/operations/session_initialize.ts'
import { steeringHeartbeat } from '../../src/app/operations/steering_heartbeat.ts'
import type { Processes } from '../../src/ports/processes.ts'
import { refusalOf, type TestBook, testBook, testContext } from '../support/book.ts'
import { startRun, stateOf } from './runs.ts'

/** Another process that wants the slot, and what it is told. */
function claim(book: TestBook, processes: Processes) {
  const context = testContext(book.open({ processes }), book.clock)
  return () => context.call(sessionInitialize, { session_type: 'manual' })
}

describe('the lock of a holder that nobody can see', () => {
  test('on the same boot runs out a lifetime after its last renewal, and not before', async () => {
    const book = testBook()
    const holder = book.machine.process({ pid_space: 'container' })
    const run = await startRun(book, { processes: holder })
    book.machine.say(holder.self(), 'unknown')
    const other = claim(book, book.machine.process())
    book.clock.advance(60_000)
    expect((await refusalOf(other())).code).toBe('session_locked')
    book.clock.advance(1)
    expect(await other()).toMatchObject({
      reclaimed: { session_id: run.id, reason: 'lease_expired' },
      lock: { token: 2 },
    })
  })

  test('does not run out by the wall clock, whichever way that is set', async () => {
    const book = testBook()
    const holder = book.machine.process()
    await startRun(book, { processes: holder })
    book.machine.say(holder.self(), 'unknown')
    const other = claim(book, book.machine.process())
    for (const wall of ['2036-01-01T00:00:00.000Z', '2001-01-01T00:00:00.000Z']) {
      book.clock.setWall(wall)
      expect((await refusalOf(other())).code).toBe('session_locked')
    }
  })

  test.each(['renews its leases', 'sends heartbeats', 'works'])('does not run out while it %s', async (how) => {
    const book = testBook()
    const holder = book.machine.process()
    const run = await startRun(book, { processes: holder })
    book.machine.say(holder.self(), 'unknown')
    const other = claim(book, book.machine.process())
    for (let i = 0; i < 5; i++) {
      book.clock.advance(50_000)
      if (how === 'renews its leases') await run.ledger.renewLeases()
      else if (how === 'works') await run.context.call(sessionIncrementCompleted)
      else await run.context.call(steeringHeartbeat, { session_id: run.id, status: 'busy' })
      expect((await refusalOf(other())).code).toBe('session_locked')
    }
  })

  test('on another machine runs out only after a lifetime of being watched', async () => {
    const book = testBook()
    const holder = book.machine.process({ host: 'far', boot_id: 'boot-far' })
    const run = await startRun(book, { processes: holder })
    book.machine.say(holder.self(), 'unknown')
    const other = claim(book, book.machine.process())
    book.clock.advance(3_600_000)
    expect((await refusalOf(other())).code).toBe('session_locked')
    book.clock.advance(50_000)
    await run.ledger.renewLeases()
    book.clock.advance(50_000)
    expect((await refusalOf(other())).code).toBe('session_locked')
    book.clock.advance(60_001)
    expect(await other()).toMatchObject({ reclaimed: { session_id: run.id, reason: 'lease_expired' } })
  })

  test('on another machine is watched by all processes of this one together', async () => {
    const book = testBook()
    const holder = book.machine.process({ host: 'far', boot_id: 'boot-far' })
    await startRun(book, { processes: holder })
    book.machine.say(holder.self(), 'unknown')
    expect((await refusalOf(claim(book, book.machine.process())())).code).toBe('session_locked')
    book.clock.advance(60_001)
    await expect(claim(book, book.machine.process())()).resolves.toMatchObject({
      reclaimed: { reason: 'lease_expired' },
    })
  })
})

describe('the lock of a holder that can be seen', () => {
  test('is never taken from a living one, however old', async () => {
    const book = testBook()
    await startRun(book)
    const other = claim(book, book.machine.process())
    book.clock.advance(365 * 86_400_000)
    expect((await refusalOf(other())).code).toBe('session_locked')
  })

  test('is free at once when it is dead, and its session is kept as interrupted', async () => {
    const book = testBook()
    const holder = book.machine.process()
    const run = await startRun(book, { processes: holder })
    book.machine.say(holder.self(), 'dead')
    const other = book.open()
    await testContext(other, book.clock).call(sessionInitialize, { session_type: 'manual' })
    expect(await stateOf(other, run.id)).toMatchObject({
      status: 'interrupted',
      end_reason: 'process_gone',
      tasks_completed: 2,
    })
    const refusal = await refusalOf(run.context.call(sessionIncrementCompleted))
    expect(refusal.code).toBe('lease_lost')
    expect(await stateOf(other, run.id)).toMatchObject({ tasks_completed: 2 })
  })

  test('of a dead one leaves an orphan, which the next call that names it adopts', async () => {
    const book = testBook()
    const [holder, heir] = [book.machine.process(), book.machine.process()]
    const run = await startRun(book, { processes: holder })
    book.machine.say(holder.self(), 'dead')
    const other = book.open({ processes: heir })
    await testContext(other, book.clock).call(sessionIncrementCompleted, { session_id: run.id })
    expect(await stateOf(other, run.id)).toMatchObject({ status: 'running', tasks_completed: 3, token: 2 })
    expect(await other.read((b) => b.lease('default'))).toMatchObject({
      mine: true,
      lease: { token: 2, session_id: run.id },
    })
    // The first process slept and wakes: it is told, and changes nothing.
    expect((await refusalOf(run.context.call(sessionIncrementCompleted))).code).toBe('lease_lost')
  })

  test('is refused to a second claim of the same process too, and the record stays byte for byte', async () => {
    const book = testBook()
    const run = await startRun(book)
    const before = book.bytes(run.id)
    const again = testContext(run.ledger, book.clock)
    const refusal = await refusalOf(again.call(sessionInitialize, { session_type: 'manual' }))
    expect(refusal.details).toMatchObject({
      locked_by: run.id,
      holder: { pid: 1000 },
      last_heartbeat_at: expect.any(String),
    })
    expect(book.bytes(run.id).equals(before)).toBe(true)
  })
})
