import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { NOTHING } from '../../../src/domain/copies.ts'
import { lineHash } from '../../../src/log/line.ts'
import { encodeStep } from '../../../src/log/record.ts'
import type { Piece } from '../../../src/ports/log-copy.ts'
import { refusalOf, testClock } from '../../support/book.ts'
import { sharedServer } from '../../support/postgres.ts'
import { agentOn, ledgerOn, preparedDatabase, startedAgent, statementsOf } from '../../support/trouble.ts'

void sharedServer()

const FAILED = { outcome: 'failed', error: { message: 'no' } }

/** An agent that has called once since it began its session, so that its process knows how it left it, and another process. */
async function setUp() {
  const database = await preparedDatabase()
  // Of the version of its tables it asks by time; here the time jumps, and statements are counted.
  const agent = await startedAgent(database.url, { version_ms: Number.POSITIVE_INFINITY })
  await agent.call('session_increment_completed')
  const other = agentOn(ledgerOn(database.url), 'elsewhere')
  const { session_id } = agent
  const otherCalls = (name: string, input = {}) => other.call(name, { session_id, ...input })
  const operator = agentOn(ledgerOn(database.url), 'operators', testClock(), { kind: 'operator', name: 'Anna' })
  return { ...database, agent, session_id, otherCalls, operator }
}

test('a call after the first is one statement, that decides by what this process remembers and asks whether it still is so', async () => {
  const { agent } = await setUp()
  const statements = await statementsOf(() => agent.call('session_update', { current_task_id: 'a' }))
  expect(statements).toHaveLength(1)
  expect(statements[0]).toMatch(/UPDATE rutter\.streams/)
})

test('a turn is one statement too, and one that was counted before is found to be so', async () => {
  const { agent, otherCalls, session_id } = await setUp()
  const turn = (request_id: string) => agent.call('session_record_turn', { request_id, input_tokens: 10 })
  const statements = await statementsOf(async () => {
    expect(await turn('r-1')).toMatchObject({ counted: true, turns: 1 })
  })
  expect(statements).toHaveLength(1)
  expect(await turn('r-1')).toMatchObject({ counted: false, turns: 1 })
  await otherCalls('session_record_turn', { request_id: 'r-2', input_tokens: 10 })
  expect(await turn('r-2')).toMatchObject({ counted: false, turns: 2 })
  expect(await Promise.all([turn('r-3'), turn('r-3'), turn('r-4')])).toEqual(
    expect.arrayContaining([expect.objectContaining({ turns: 4 })]),
  )
  expect(await agent.call('session_get_state', { session_id })).toMatchObject({ turns: 4 })
})

test('a turn that was counted is no new one where the session is over, or its slot was freed', async () => {
  const { agent, truth, operator, session_id } = await setUp()
  const turn = () => agent.call('session_record_turn', { session_id, request_id: 'r-1', input_tokens: 10 })
  await turn()
  await truth.write((book) => book.release('default'))
  expect(await turn()).toMatchObject({ counted: false, turns: 1 })
  await operator.call('session_update', { session_id, status: 'stopped' })
  expect((await refusalOf(turn())).code).toBe('session_stopped')
  expect(await operator.call('session_get_state', { session_id })).toMatchObject({ turns: 1 })
})

test('a heartbeat of its own leaves a process what it remembers', async () => {
  const { agent, session_id } = await setUp()
  await agent.call('steering_heartbeat', { session_id, status: 'working', next_action: 'go on' })
  const update = async () => {
    expect(await agent.call('session_update', { current_task_id: 'a' })).toMatchObject({ next_action: 'go on' })
  }
  expect(await statementsOf(update)).toHaveLength(1)
})

test('an answer counts what another process recorded meanwhile', async () => {
  const { agent, otherCalls } = await setUp()
  await otherCalls('session_increment_completed')
  expect(await agent.call('session_increment_completed')).toMatchObject({ tasks_completed: 3 })
})

test('an answer tells of a heartbeat that another process sent, which is in no record', async () => {
  const { agent, otherCalls } = await setUp()
  await otherCalls('steering_heartbeat', { status: 'elsewhere', next_action: 'look there' })
  expect(await agent.call('session_update', { current_task_id: 'a' })).toMatchObject({ next_action: 'look there' })
})

test('a heartbeat tells until when the lease runs as it was renewed since', async () => {
  const { agent, rows, project_id, session_id } = await setUp()
  await rows(`UPDATE rutter.slots SET renewed_at = '2100-01-01T00:00:00Z' WHERE project_id = '${project_id}'`)
  const beat = await agent.call('steering_heartbeat', { session_id, status: 'working' })
  expect(beat).toMatchObject({ lease_expires_at: '2100-01-01T00:01:00.000Z' })
})

test('a call is not refused for what was so when this process looked last', async () => {
  const { agent, session_id, operator } = await setUp()
  for (let i = 0; i < 4; i++) await agent.call('session_record_failure', FAILED)
  expect((await refusalOf(agent.call('session_update', { current_task_id: 'a' }))).code).toBe('circuit_open')
  await operator.call('session_update', { session_id, status: 'running' })
  await agent.call('session_update', { current_task_id: 'a' })
})

test('a call is refused for what became so since this process looked last', async () => {
  const { agent, operator, session_id } = await setUp()
  await operator.call('session_update', { session_id, status: 'stopped' })
  expect((await refusalOf(agent.call('session_increment_completed'))).code).toBe('session_stopped')
  expect(await operator.call('session_get_state', { session_id })).toMatchObject({ tasks_completed: 1 })
})

/** The database's clock goes on by an hour as a lease sees it, and this process's own with it or not. */
async function hourPasses({ rows, project_id }: Awaited<ReturnType<typeof setUp>>, isNoticed: boolean): Promise<void> {
  await rows(`UPDATE rutter.slots SET renewed_at = renewed_at - interval '1 hour' WHERE project_id = '${project_id}'`)
  if (isNoticed) later(3_600_000)
}

const now = performance.now.bind(performance)

/** Lets so much time have passed since the test began, as this process sees it. */
function later(ms: number): void {
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => now() + ms)
  onTestFinished(() => spy.mockRestore())
}

test('a lease that ran out while nobody called is taken again, with a token of its own', async () => {
  const set = await setUp()
  await hourPasses(set, true)
  await set.agent.call('session_increment_completed')
  const [slot] = await set.rows(`SELECT token FROM rutter.slots WHERE project_id = '${set.project_id}'`)
  expect(Number(slot?.['token'])).toBe(2)
})

test('a lease that was looked at late in its life is remembered for what is left of it', async () => {
  const { agent, operator, session_id, rows, project_id, events } = await setUp()
  const age = (seconds: number) =>
    rows(
      `UPDATE rutter.slots SET renewed_at = renewed_at - interval '${seconds} seconds' WHERE project_id = '${project_id}'`,
    )
  await age(50)
  later(50_000)
  await operator.call('session_update', { session_id, current_task_id: 'x' })
  await agent.call('session_increment_completed')
  await age(50)
  later(100_000)
  await agent.call('session_increment_completed')
  expect(await events('lease.granted')).toBe(2)
})

test('a slot that was taken between look and release is not freed', async () => {
  const set = await setUp()
  await hourPasses(set, false)
  const next = agentOn(ledgerOn(set.url))
  let begun: Record<string, unknown> | undefined
  await set.truth.write(async (book) => {
    const status = await book.lease('default')
    if (status?.gone !== 'lease_expired') return
    begun ??= await next.call('session_initialize', { session_type: 'manual' })
    await book.release('default')
  })
  const [slot] = await set.rows(`SELECT session_id FROM rutter.slots WHERE project_id = '${set.project_id}'`)
  expect(slot).toEqual({ session_id: begun?.['session_id'] })
})

test('a slot whose holder came back between look and release is not freed', async () => {
  const set = await setUp()
  await hourPasses(set, false)
  let isBack = false
  await set.truth.write(async (book) => {
    const status = await book.lease('default')
    if (status?.gone !== 'lease_expired') return
    if (!isBack) await set.agent.ledger.renewLeases()
    isBack = true
    await book.release('default')
  })
  const [slot] = await set.rows(`SELECT session_id FROM rutter.slots WHERE project_id = '${set.project_id}'`)
  expect(slot).toEqual({ session_id: set.session_id })
})

test('a heartbeat of a session that was ended between look and write is refused, and not kept', async () => {
  const { truth, operator, session_id, url } = await setUp()
  const { ledger, call } = agentOn(ledgerOn(url))
  const write = ledger.write.bind(ledger)
  let isEnded = false
  vi.spyOn(ledger, 'write').mockImplementation((work) =>
    write((book) => {
      const put = book.putHeartbeat.bind(book)
      vi.spyOn(book, 'putHeartbeat').mockImplementation(async (...beat) => {
        if (!isEnded) await operator.call('session_update', { session_id, status: 'stopped' })
        isEnded = true
        await put(...beat)
      })
      return work(book)
    }),
  )
  await refusalOf(call('steering_heartbeat', { session_id, status: 'late' }))
  expect(await truth.read((book) => book.heartbeat(session_id))).toBeUndefined()
})

test('a lease that was renewed with all others of its process is not asked about again', async () => {
  const { agent, events } = await setUp()
  later(59_000)
  await agent.ledger.renewLeases()
  later(89_000)
  expect(await statementsOf(() => agent.call('session_increment_completed'))).toHaveLength(1)
  expect(await events('lease.granted')).toBe(1)
})

test('a process that did not notice how long it slept records nothing once somebody else has the slot', async () => {
  const set = await setUp()
  await hourPasses(set, false)
  await agentOn(ledgerOn(set.url)).call('session_initialize', { session_type: 'manual' })
  const before = await set.lines()
  expect((await refusalOf(set.agent.call('session_increment_completed'))).code).toBe('lease_lost')
  expect(await set.lines()).toEqual(before)
})

test('a slot that was freed without a word in the record is taken again before anything is recorded', async () => {
  const { agent, truth, events } = await setUp()
  await truth.write((book) => book.release('default'))
  await agent.call('session_increment_completed')
  expect(await events('lease.granted')).toBe(2)
})

test('a slot that was given to another session without a word in the record is lost', async () => {
  const { agent, truth, lines } = await setUp()
  const other = await agentOn(truth, 'other').call('session_initialize', { session_type: 'manual' })
  await truth.write(async (book) => {
    await book.grant('default', String(other['session_id']))
  })
  const before = await lines()
  expect((await refusalOf(agent.call('session_increment_completed'))).code).toBe('lease_lost')
  expect(await lines()).toEqual(before)
})

/** The record of a session elsewhere that was given a slot. */
function granted(slot: string, token: number): Piece {
  const holder = { host: 'elsewhere', boot_id: '', pid_space: '', pid: 1, started: '' }
  const data = { slot, token, reason: 'initialized', holder, book: 'elsewhere' }
  const { lines, recorded, last } = encodeStep(NOTHING, [{ type: 'lease.granted', data }], {
    actor: { kind: 'rutter', name: 'test' },
    at: '2026-01-01T00:00:00.000Z',
    newId: () => 'an-id',
  })
  const copied = lines.flatMap((line, i) =>
    recorded[i] === undefined ? [] : [{ line, event: recorded[i], understood: true }],
  )
  return { stream: { kind: 'session', id: 'elsewhere' }, after: NOTHING, lines: copied, end: last }
}

test('a token that rose with what another copy brought is seen by the next call', async () => {
  const { agent, truth, session_id, rows, project_id } = await setUp()
  const fence = async () =>
    Number(
      (await rows(`SELECT fence FROM rutter.streams WHERE project_id = '${project_id}' AND id = '${session_id}'`))[0]?.[
        'fence'
      ],
    )
  const before = await fence()
  await truth.copyOf('own').takeIn([granted('default', 9)])
  expect(await fence()).toBe(before + 1)
  expect((await statementsOf(() => agent.call('session_increment_completed'))).length).toBeGreaterThan(1)
})

test('a session whose record was computed anew meanwhile goes on where it stood', async () => {
  const { agent, truth } = await setUp()
  await truth.rebuild()
  expect(await agent.call('session_increment_completed')).toMatchObject({ tasks_completed: 2 })
})

test('a heartbeat renews the lease also where somebody else has recorded since', async () => {
  const { agent, session_id, rows, project_id, operator } = await setUp()
  const renewed = async () =>
    (await rows(`SELECT renewed_at::text AS at FROM rutter.slots WHERE project_id = '${project_id}'`))[0]?.['at']
  const before = await renewed()
  later(20_000)
  await operator.call('session_increment_completed', { session_id })
  await agent.call('steering_heartbeat', { session_id, status: 'working' })
  expect(await renewed()).not.toBe(before)
})

test('a session that somebody else has ended is not asked about by what was remembered, time and again', async () => {
  const { agent, operator, session_id } = await setUp()
  await operator.call('session_update', { session_id, status: 'stopped' })
  const refused = () => refusalOf(agent.call('session_increment_completed'))
  await refused()
  expect((await statementsOf(refused)).length).toBeLessThan(4)
})

test('a line of a later version behind the kept state is passed over, as a rebuild does', async () => {
  const { agent, truth, rows, project_id, session_id } = await setUp()
  await agent.call('session_increment_completed')
  const [last] = await rows(
    `SELECT seq, line FROM rutter.events WHERE project_id = '${project_id}' ORDER BY seq DESC LIMIT 1`,
  )
  const before = String(last?.['line'])
  const seq = Number(last?.['seq']) + 1
  const line = JSON.stringify({ ...JSON.parse(before), v: 99, seq, prev: lineHash(before) })
  await rows(`INSERT INTO rutter.events VALUES ('${project_id}', 'session', '${session_id}', ${seq}, '${line}')`)
  await rows(
    `UPDATE rutter.streams SET seq = ${seq}, hash = '${lineHash(line)}' WHERE project_id = '${project_id}' AND id = '${session_id}'`,
  )
  const reader = agentOn(truth)
  const counted = await reader.call('session_get_state', { session_id })
  await truth.rebuild()
  expect(await reader.call('session_get_state', { session_id })).toEqual(counted)
})

test('calls of one process that are under way together are each counted', async () => {
  const { agent } = await setUp()
  await Promise.all(Array.from({ length: 6 }, () => agent.call('session_increment_completed')))
  expect(await agent.call('session_increment_completed')).toMatchObject({ tasks_completed: 8 })
})

const CALLS = [
  ['session_increment_completed', {}],
  ['session_update', { current_task_id: 'a' }],
  ['session_update', { current_task_id: 'b' }],
  ['session_record_failure', FAILED],
  ['steering_heartbeat', { status: 'working', next_action: 'x' }],
  ['steering_heartbeat', { status: 'working', next_action: 'y' }],
  ['task_mark_done', { task_id: 'a' }],
  ['session_get_state', {}],
] as const

test('whichever process calls in whatever order, each answer is as a process that remembers nothing would give it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(1), fc.constantFrom(...CALLS)), { minLength: 2, maxLength: 12 }),
      async (calls) => {
        const { agent, otherCalls, truth, session_id } = await setUp()
        const reader = agentOn(truth)
        for (const [who, [name, input]] of calls) {
          const answer = await (who === 0 ? agent.call(name, { session_id, ...input }) : otherCalls(name, input)).catch(
            (error) => error.code,
          )
          const now = await reader.call('session_get_state', { session_id })
          if (typeof answer === 'string') continue
          for (const field of Object.keys(now)) {
            if (field in answer) expect([field, answer[field]]).toEqual([field, now[field]])
          }
        }
      },
    ),
    { numRuns: 15 },
  )
})
