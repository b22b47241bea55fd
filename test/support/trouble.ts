import { inspect } from 'node:util'
import pg from 'pg'
import { onTestFinished, vi } from 'vitest'
import { operations } from '../../src/app/operations/index.ts'
import type { Actor } from '../../src/domain/event.ts'
import type { Refusal } from '../../src/domain/refusal.ts'
import { PostgresLedger, type PostgresLedgerOptions } from '../../src/store/postgres/ledger.ts'
import { AGENT, type TestContext, testClock, testContext, testMachine } from './book.ts'
import { sharedServer } from './postgres.ts'

/** Bounds that a test can wait for. */
export const IMPATIENT = { patience_ms: 1000, limits: { lock_ms: 1000, idle_ms: 500, silence_ms: 1200 } }

const machine = testMachine()

/** Each test that asks for a database has a project of its own in it. */
let projects = 0
const project = () => `project-${projects}`

/** A ledger of a process of its own, closed with the test. */
export function ledgerOn(url: string, options: Partial<PostgresLedgerOptions> = {}): PostgresLedger {
  const parts = { project_id: project(), place: 'here', processes: machine.process(), lease_ttl_ms: 60_000 }
  const ledger = new PostgresLedger({ ...parts, url, ...options })
  onTestFinished(() => ledger.close())
  return ledger
}

/** A connection of an agent, whose clock stands. */
export interface Agent {
  readonly ledger: PostgresLedger
  readonly context: TestContext
  call(name: string, input?: Record<string, unknown>): Promise<Record<string, unknown>>
}

export function agentOn(ledger: PostgresLedger, slot = 'default', clock = testClock(), actor: Actor = AGENT): Agent {
  const context = testContext(ledger, clock, { slot, actor })
  return {
    ledger,
    context,
    async call(name, input = {}) {
      const operation = operations.find((one) => one.name === name)
      if (operation === undefined) throw new Error(`There is no operation ${name}.`)
      return (await context.call(operation, input)) as Record<string, unknown>
    },
  }
}

/** An agent that has begun a session, and what the database has of it. */
export async function startedAgent(url: string, options: Partial<PostgresLedgerOptions> = {}, slot = 'default') {
  const agent = agentOn(ledgerOn(url, options), slot)
  const { session_id } = await agent.call('session_initialize', { session_type: 'manual' })
  return { ...agent, session_id: String(session_id) }
}

let prepared: Promise<string> | undefined

/** A database with Rutter's tables in it, and a project of a test's own, which its ledgers are of from now on. */
export async function preparedDatabase() {
  const server = await sharedServer()
  prepared ??= server.sql('CREATE DATABASE prepared').then(() => 'prepared')
  const name = await prepared
  projects++
  const truth = ledgerOn(server.url(name))
  await truth.read(async () => {})
  const rows = (text: string) => server.sql(text, name)
  const project_id = project()
  const of = `FROM rutter.events WHERE project_id = '${project_id}'`
  return {
    server,
    name,
    project_id,
    url: server.url(name),
    tcp: server.url(name, 'tcp'),
    /** Tells the truth, over a connection of its own. */
    truth,
    rows,
    events: async (type: string) =>
      Number((await rows(`SELECT count(*) AS n ${of} AND line LIKE '%"type":"${type}"%'`))[0]?.['n']),
    lines: async () => (await rows(`SELECT line ${of} ORDER BY id, seq`)).map(({ line }) => String(line)),
  }
}

/** Statements that go to the server while something is done. */
export async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const spy = vi.spyOn(pg.Client.prototype, 'query')
  try {
    await work()
    return spy.mock.calls.map(([asked]) => String((asked as { text?: string }).text ?? asked))
  } finally {
    spy.mockRestore()
  }
}

/** Everything that could be printed of a refusal. */
export function printed(refusal: Refusal): string {
  const chain: unknown[] = []
  for (let error: unknown = refusal; error instanceof Error; error = error.cause)
    chain.push(error, error.stack, error.message)
  return inspect([chain, refusal.body], { depth: 30, showHidden: true, maxStringLength: null })
}

/**
 * True for a message to the server by which something is added to the log: lines in an array, with their quotes escaped, or one line
 * between the hashes of the end as it was and as it is to be. A question for a line has no such hashes beside it.
 */
export function addsLines(message: Buffer): boolean {
  if (message.includes('\\"type\\":\\"')) return true
  return message.includes('"type":"') && (message.toString('latin1').match(/[0-9a-f]{64}/g)?.length ?? 0) > 2
}
