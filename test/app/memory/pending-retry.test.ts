import { describe, expect, test } from 'vitest'
import type { Refusal } from '../../../src/domain/refusal.ts'
import { asUnavailable, outcomeUnknown } from '../../../src/store/postgres/faults.ts'
import { refusalOf } from '../../support/book.ts'
import { aDecision, aPattern, aSummary } from '../../support/learnings.ts'
import { sharedServer } from '../../support/postgres.ts'
import { tcpProxy } from '../../support/tcp-proxy.ts'
import { agentOn, IMPATIENT, ledgerOn, preparedDatabase } from '../../support/trouble.ts'

void sharedServer()

const BATCH = {
  session: aSummary(),
  decisions: [aDecision('Steer by one star'), { ...aDecision('Reef'), rationale: 'Early.' }],
  patterns: [aPattern('it rains')],
}

/** What a client says last in a transaction. */
const COMMIT = (message: Buffer) => message.toString('latin1', 5) === 'COMMIT\0'

async function setUp() {
  const database = await preparedDatabase()
  const proxy = await tcpProxy(database.server.port)
  return { ...database, proxy, agent: agentOn(ledgerOn(proxy.url(database.tcp), IMPATIENT)) }
}

describe('while the store that was asked for is away', () => {
  test('each of the saving tools answers that it is to be tried again, and keeps nothing', async () => {
    const { proxy, agent, lines } = await setUp()
    proxy.close()
    const calls: [string, Record<string, unknown>][] = [
      ['save_session', { session: BATCH.session, idempotency_key: 'k-1' }],
      ['save_decision', { decision: BATCH.decisions[0] }],
      ['save_pattern', { pattern: BATCH.patterns[0] }],
    ]
    const answers = await Promise.all(calls.map(([name, input]) => agent.call(name, input)))
    for (const answer of answers) {
      expect(answer).toMatchObject({
        status: 'pending_retry',
        artifact_id: null,
        dedup_outcome: null,
        message: expect.stringMatching(/cannot be reached: .*Nothing was kept here\. Save it again/),
        error: { code: 'store_unavailable' },
      })
    }
    expect(answers[0]?.['message']).toContain('with the same idempotency_key')
    expect(await lines()).toEqual([])
  })

  test('a batch answers so for each of its items, in their order, and is saved once by the same call when it is back', async () => {
    const { proxy, agent, events } = await setUp()
    proxy.close()
    const call = () => agent.call('store_session_with_learnings', { ...BATCH, idempotency_key: 'run-1' })
    const waiting = { status: 'pending_retry', artifact_id: null }
    expect(await call()).toMatchObject({
      session: waiting,
      decisions: [waiting, waiting],
      patterns: [waiting],
      overall: 'partial',
    })
    proxy.open()
    const saved = await call()
    expect(saved['overall']).toBe('saved')
    const { session } = saved as { session: { artifact_id: string } }
    expect(await call()).toMatchObject({ session: { artifact_id: session.artifact_id } })
    expect([await events('summary.saved'), await events('decision.saved')]).toEqual([1, 2])
  })

  test('an item that is to hold for all projects waits as well', async () => {
    const { proxy, agent } = await setUp()
    proxy.close()
    const decision = aDecision('For all', { scope: 'global' })
    expect(await agent.call('save_decision', { decision, governance_token: 't' })).toMatchObject({
      status: 'pending_retry',
    })
  })

  test('what is no saving is refused as ever', async () => {
    const { proxy, agent } = await setUp()
    proxy.close()
    const refusal = await refusalOf(() => agent.call('memory_surface', { query: 'x' }))
    expect(refusal.body).toMatchObject({ code: 'store_unavailable' })
    expect(refusal.body).not.toHaveProperty('passing')
  })
})

test('a save of which nobody knows whether it was committed does not say that nothing was kept', async () => {
  const { proxy, agent } = await setUp()
  await agent.call('save_decision', { decision: aDecision('Before') })
  proxy.arm(COMMIT, 'cut after')
  proxy.atOnce(() => proxy.close())
  const answer = await agent.call('save_session', { session: aSummary() })
  expect(answer).toMatchObject({ status: 'pending_retry', message: expect.stringContaining('is not known') })
  expect(answer['message']).not.toMatch(/Nothing was (kept|written)/)
  expect(answer['message']).toContain('look with memory_surface whether it is there')
})

test('where waiting does not help, a save is refused as ever', async () => {
  const { server, name, tcp } = await preparedDatabase()
  await server.sql('CREATE ROLE stranger LOGIN', name)
  const decision = aDecision('One')
  for (const url of [
    tcp.replace('//admin@', '//nobody_here@'),
    tcp.replace(/\/[^/]*$/, '/nowhere'),
    tcp.replace('//admin@', '//stranger@'),
  ]) {
    const refusal = await refusalOf(() => agentOn(ledgerOn(url, IMPATIENT)).call('save_decision', { decision }))
    expect(refusal.code).toBe('store_unavailable')
  }
})

test.each<[string | undefined, string, Refusal['passing']]>([
  ['ECONNREFUSED', 'connect ECONNREFUSED', 'nothing'],
  ['57P01', 'terminating connection', 'nothing'],
  ['ENOTFOUND', 'getaddrinfo ENOTFOUND db', 'nothing'],
  ['40001', 'could not serialize', 'nothing'],
  ['53300', 'too many clients', 'nothing'],
  [undefined, 'timeout expired', 'nothing'],
  ['28P01', 'password authentication failed', null],
  ['42501', 'permission denied', null],
  ['25006', 'read-only transaction', null],
  ['53100', 'disk full', null],
  ['57014', 'canceling statement', null],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate', null],
])('of %s (%s) it is said whether it passes by itself', (code, message, passing) => {
  const error = Object.assign(new Error(message), code === undefined ? {} : { code })
  expect(asUnavailable(error, 'db').passing).toBe(passing)
  expect(outcomeUnknown(error, error, 'db').passing).toBe('unknown')
})
