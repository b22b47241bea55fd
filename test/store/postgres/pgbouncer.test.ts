import { describe, expect, onTestFinished, test } from 'vitest'
import { perform } from '../../../src/app/operation.ts'
import { memorySurface } from '../../../src/app/operations/memory_surface.ts'
import { saveDecision } from '../../../src/app/operations/save_decision.ts'
import { sessionInitialize } from '../../../src/app/operations/session_initialize.ts'
import { sessionRecordTurn } from '../../../src/app/operations/session_record_turn.ts'
import { Pool } from '../../../src/store/postgres/pool.ts'
import { openBook } from '../../../src/wire.ts'
import { refusalOf } from '../../support/book.ts'
import { scratchFolder } from '../../support/cli.ts'
import { decisionOf } from '../../support/memory-makers.ts'
import { PGBOUNCER, startPgbouncer } from '../../support/pgbouncer.ts'
import { sharedServer, testDatabase } from '../../support/postgres.ts'
import { agentRole } from '../../support/postgres-roles.ts'

void sharedServer()

const why = PGBOUNCER === null ? ' (not tested: pgbouncer is not installed here)' : ''

describe.skipIf(PGBOUNCER === null)(`behind pgbouncer in transaction mode${why}`, () => {
  test('many processes share two connections, and none meets what another prepared or set', async () => {
    const database = await testDatabase()
    const pooler = await startPgbouncer(database.server, ['admin'])
    onTestFinished(() => pooler.end())
    const agents = await Promise.all(
      Array.from({ length: 12 }, (_, i) => agent(pooler.url(database.name), 'atlas', `slot-${i}`)),
    )
    await Promise.all(
      agents.flatMap(({ turn, decide }, i) => [
        ...Array.from({ length: 10 }, (_, n) => turn(`r-${n}`)),
        decide(`Moor ship number ${i} at the pier that is its own, name ${i * 7919}`),
      ]),
    )
    const [one] = agents
    const sessions = await one?.ledger.read((book) => book.sessions({ limit: 100 }))
    expect(sessions?.map(({ usage }) => usage.turns)).toEqual(Array.from({ length: 12 }, () => 10))
    expect((await one?.ledger.verify())?.findings).toEqual([])
    const open =
      'SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()'
    expect(await database.server.sql(open, database.name)).toEqual([{ n: 2 }])
  })

  test('each role keeps to its projects, and each process to its own part of them', async () => {
    const database = await testDatabase()
    const { role } = await agentRole(database, { writes: ['atlas', 'borealis', '*'], reads: [] })
    const pooler = await startPgbouncer(database.server, [role], 1)
    onTestFinished(() => pooler.end())
    const all = await agent(pooler.url(database.name), 'borealis', 'wide')
    process.env['RUTTER_PROJECTS'] = 'atlas'
    onTestFinished(() => {
      delete process.env['RUTTER_PROJECTS']
    })
    const narrow = await agent(pooler.url(database.name), 'atlas', 'narrow')
    await all.decide('Keep the harbour of borealis dry')
    await narrow.decide('Keep the harbour of atlas wet')
    // On one connection, in turns: what the one said of itself must not be left to the other.
    for (let i = 0; i < 5; i++) {
      expect(await narrow.found('harbour', 'borealis')).toEqual([])
      expect(await all.found('harbour', 'borealis')).toHaveLength(1)
      expect(await all.found('harbour', 'atlas')).toHaveLength(1)
    }
  })

  test('a database that is not there is told as such', async () => {
    const { server } = await testDatabase()
    const pooler = await startPgbouncer(server, ['admin'])
    onTestFinished(() => pooler.end())
    const refusal = await refusalOf(agent(pooler.url('nowhere'), 'atlas', 'default'))
    expect(refusal.message).toContain('nowhere')
  }, 30_000)
})

describe('prepared statements', () => {
  test('are made anew without a name, where the server has forgotten them', async () => {
    const pool = await onlyConnection()
    const ask = () => pool.read((sql) => sql.get('SELECT $1::int + 1 AS n', [1]))
    expect(await ask()).toEqual({ n: 2 })
    await pool.ask((sql) => sql.all('DEALLOCATE ALL'))
    expect(await ask()).toEqual({ n: 2 })
    await pool.ask((sql) => sql.all('DEALLOCATE ALL'))
    expect(await ask()).toEqual({ n: 2 })
  })

  test('are made anew where somebody else has changed the table', async () => {
    const pool = await onlyConnection()
    await pool.ask((sql) => sql.all('CREATE TABLE ports (name text)'))
    const ask = () => pool.read((sql) => sql.all('SELECT * FROM ports WHERE name <> $1', ['']))
    expect(await ask()).toEqual([])
    await pool.ask((sql) => sql.all('ALTER TABLE ports ADD COLUMN depth int'))
    expect(await ask()).toEqual([])
  })

  test('that fail are told by what failed, and not by what came behind it', async () => {
    const pool = await onlyConnection()
    const refusal = await refusalOf(
      pool.read(async (sql) => {
        const failing = sql.all('SELECT 1 / $1::int', [0])
        failing.catch(() => {})
        await sql.all('SELECT $1::int', [1])
      }),
    )
    expect(refusal.message).toContain('division by zero')
  })
})

async function onlyConnection(): Promise<Pool> {
  const pool = new Pool({ url: (await testDatabase()).url, max: 1 })
  onTestFinished(() => pool.close())
  return pool
}

/** An agent with a session in a repository of its own. */
async function agent(url: string, project: string, slot: string) {
  const book = openBook(scratchFolder(), { project_id: project, store: url })
  onTestFinished(() => book.ledger.close())
  const context = book.connect({ kind: 'agent', name: 'test-agent' }, slot)
  await perform(sessionInitialize, context, { session_type: 'autonomous' })
  return {
    ledger: book.ledger,
    turn: (request_id: string) => perform(sessionRecordTurn, context, { request_id, input_tokens: 1 }),
    decide: (title: string) => perform(saveDecision, context, { decision: decisionOf(title) }),
    async found(query: string, project_id: string) {
      return (await perform(memorySurface, context, { query, project_id })).matches.map(({ title }) => title)
    },
  }
}
