import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { initialize, sessionOf, startTask } from '../torture/calls.ts'
import { CLEAN, site, TTL_MS } from './site.ts'

const PROCESSES = 20
const BEGIN = { session_type: 'autonomous' }

test(`of ${PROCESSES} processes that ask for one slot of a new book at once, one gets it and the others are told who has it`, async () => {
  const workers = await Promise.all(Array.from({ length: PROCESSES }, () => site.ready()))
  const messages = await Promise.all(workers.map((worker) => worker.call('session_initialize', BEGIN)))
  const winners = messages.filter((message) => message?.['result'] !== undefined)
  expect(winners).toHaveLength(1)
  const winner = sessionOf(winners[0] ?? null)
  for (const message of messages) {
    if (message === winners[0]) continue
    expect(message).toMatchObject({ refused: { code: 'session_locked', locked_by: winner } })
  }
  const verdict = await site.verdict()
  expect(verdict.counts).toEqual(CLEAN)
  expect(verdict.sessions).toBe(1)
})

test('a holder that sleeps past its lease keeps its slot while its process can be seen', async () => {
  const asleep = await site.ready({ ttl_ms: TTL_MS })
  const session_id = await initialize(asleep)
  asleep.signal('SIGSTOP')
  await sleep(3 * TTL_MS)
  const other = await site.ready({ ttl_ms: TTL_MS })
  expect(await other.call('session_initialize', BEGIN)).toMatchObject({ refused: { code: 'session_locked' } })
  asleep.signal('SIGCONT')
  expect(await startTask(asleep, session_id, 't')).toHaveProperty('result')
  const verdict = await site.verdict()
  expect(verdict.counts).toEqual(CLEAN)
  expect(verdict).toMatchObject({ adoptions: 0, reclaims: 0 })
})

for (const [how, take] of [
  ['reclaimed by a new session', ['session_initialize', BEGIN]],
  ['adopted', ['session_update', {}]],
] as const) {
  test(`a holder that sleeps past its lease out of sight is ${how}, is told so, and writes nothing more`, async () => {
    const asleep = await site.ready({ ttl_ms: TTL_MS, pid_space: 'one' })
    const session_id = await initialize(asleep)
    asleep.signal('SIGSTOP')
    await sleep(TTL_MS + 50)
    const other = await site.ready({ ttl_ms: 60_000, pid_space: 'another' })
    const [call, args] = take
    const taken = await other.call(call, call === 'session_update' ? { ...args, session_id } : args)
    expect(taken).toHaveProperty('result')
    asleep.signal('SIGCONT')
    for (const late of ['session_update', 'session_increment_completed']) {
      expect(await asleep.call(late, { session_id })).toMatchObject({ refused: { code: 'lease_lost' } })
    }
    expect(await asleep.call('steering_heartbeat', { session_id, status: 's' })).toMatchObject({
      refused: { code: 'lease_lost' },
    })
    const verdict = await site.verdict()
    expect(verdict.counts).toEqual(CLEAN)
    expect(verdict.adoptions + verdict.reclaims).toBe(1)
  })
}
