import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { migrations } from '../../../src/store/postgres/migrations.ts'
import { PostgresTeamStore } from '../../../src/store/postgres/team-store.ts'
import { AGENT, refusalOf } from '../../support/book.ts'
import { sharedServer, testDatabase } from '../../support/postgres.ts'
import { agentOn, IMPATIENT, ledgerOn, preparedDatabase, startedAgent } from '../../support/trouble.ts'

void sharedServer()

/** Everything that is in a database, with the files that hold it. */
async function catalogue({ server, name }: Awaited<ReturnType<typeof testDatabase>>) {
  const things = await server.sql(
    `SELECT n.nspname, c.relname, c.relkind, c.oid::text, c.relfilenode::text FROM pg_class AS c
       JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_'
     UNION ALL SELECT nspname, '', 'schema', oid::text, '' FROM pg_namespace ORDER BY 1, 2, 3`,
    name,
  )
  return JSON.stringify(things)
}

type Case = [what: string, made: string, message: RegExp]

/** What is no table and no view, made in the schema that stands first in the path. */
const THINGS: [what: string, made: string][] = [
  ['function', "CREATE FUNCTION tide() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
  ['procedure', "CREATE PROCEDURE ebb() LANGUAGE sql AS 'SELECT 1'"],
  ['sequence', 'CREATE SEQUENCE berths'],
  ['enum', "CREATE TYPE flag AS ENUM ('red', 'green')"],
  ['domain', 'CREATE DOMAIN depth AS int CHECK (VALUE > 0)'],
  ['composite type', 'CREATE TYPE position AS (north float8, east float8)'],
  ['range type', 'CREATE TYPE watch AS RANGE (subtype = time)'],
  ['operator', 'CREATE OPERATOR <~> (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int)'],
  ['configuration of text search', 'CREATE TEXT SEARCH CONFIGURATION dutch_ships (COPY = simple)'],
]

/** Not touched by an agent; who brings tables up to date makes Rutter's beside what is there. */
const STRANGE: Case[] = [
  [
    'other people’s tables',
    'CREATE TABLE customers (id int)',
    /holds other things and nothing of Rutter's\. It was not touched/,
  ],
  [
    'other people’s views in a schema',
    'CREATE SCHEMA shop; CREATE VIEW shop.v AS SELECT 1 AS one',
    /holds other things.*not touched/,
  ],
  ...THINGS.map(([what, made]): Case => [`another’s ${what} and no table`, made, /nothing of Rutter's.*not touched/]),
]

/** Not touched by anybody. */
const REFUSALS: Case[] = [
  [
    'a schema of our name with somebody else’s tables',
    'CREATE SCHEMA rutter; CREATE TABLE rutter.boats (id int)',
    /schema "rutter" .*somebody else's.*not touched/,
  ],
  [
    'a schema of our name with a meta table that is not ours',
    'CREATE SCHEMA rutter; CREATE TABLE rutter.meta (key text, value text)',
    /schema "rutter" .*somebody else's.*not touched/,
  ],
  [
    'tables of a later version',
    `CREATE SCHEMA rutter; CREATE TABLE rutter.meta (project_id text PRIMARY KEY, version int); INSERT INTO rutter.meta VALUES ('*', 999)`,
    /is of version 999; this Rutter knows versions up to \d+\. Nothing was changed/,
  ],
  ...THINGS.map(
    ([what, made]): Case => [
      `a schema of our name with another’s ${what} and no table`,
      `CREATE SCHEMA rutter; SET search_path = rutter; ${made}`,
      /schema "rutter" .*somebody else's.*not touched/,
    ],
  ),
]

describe('a database', () => {
  test.each([...STRANGE, ...REFUSALS])('with %s is refused, and is as it was', async (_, made, message) => {
    const database = await testDatabase()
    await database.server.sql(made, database.name)
    const before = await catalogue(database)
    const agent = agentOn(ledgerOn(database.url, IMPATIENT))
    for (const call of [
      () => agent.ledger.read(async () => {}),
      () => agent.call('session_initialize', { session_type: 'manual' }),
    ]) {
      const refusal = await refusalOf(call())
      expect(refusal.code).toBe('store_unavailable')
      expect(refusal.message).toMatch(message)
    }
    expect(await catalogue(database)).toBe(before)
  })

  test.each(REFUSALS)('with %s is refused by whoever brings tables up to date, too', async (_, made, message) => {
    const database = await testDatabase()
    await database.server.sql(made, database.name)
    const before = await catalogue(database)
    const store = new PostgresTeamStore({ url: database.url })
    expect((await refusalOf(store.migrate({}))).message).toMatch(message)
    await store.close()
    expect(await catalogue(database)).toBe(before)
  })

  test('with what an extension brought is as good as an empty one', async () => {
    const { url, server, name } = await testDatabase()
    const [one] = await server.sql(
      "SELECT name FROM pg_available_extensions WHERE name IN ('pg_stat_statements', 'pg_buffercache') ORDER BY name DESC LIMIT 1",
    )
    if (one === undefined) return
    await server.sql(`CREATE EXTENSION ${one['name']}`, name)
    await startedAgent(url)
  })

  test('with functions, types and operators of extensions in any schema is as good as an empty one', async () => {
    const { url, server, name } = await testDatabase()
    await server.sql('CREATE SCHEMA rutter; CREATE EXTENSION hstore SCHEMA rutter', name)
    await server.sql('CREATE EXTENSION citext; CREATE SCHEMA shop; CREATE EXTENSION unaccent SCHEMA shop', name)
    await startedAgent(url)
  })

  test('with a schema that an administrator made and gave rights in, and nothing in it, is as good as an empty one', async () => {
    const { url, server, name } = await testDatabase()
    await server.sql('CREATE SCHEMA rutter; GRANT USAGE ON SCHEMA rutter TO PUBLIC; CREATE SCHEMA shop', name)
    await server.sql('ALTER DEFAULT PRIVILEGES IN SCHEMA rutter GRANT SELECT ON TABLES TO PUBLIC', name)
    await startedAgent(url)
  })

  test('with an empty schema that an administrator made is used by a role that may make nothing else', async () => {
    const { url, server, name } = await testDatabase()
    await server.sql('CREATE ROLE tenant LOGIN')
    await server.sql('CREATE SCHEMA rutter AUTHORIZATION tenant', name)
    await server.sql(`REVOKE CREATE ON DATABASE ${name} FROM PUBLIC`)
    const agent = await startedAgent(url.replace('//admin@', '//tenant@'))
    expect(await agent.call('session_increment_completed')).toMatchObject({ tasks_completed: 1 })
  })

  test('that ten find empty at once gets its tables once', async () => {
    const { url, server, name } = await testDatabase()
    const stores = Array.from({ length: 10 }, () => new PostgresTeamStore({ url }))
    const steps = await Promise.all(stores.map(async (store) => (await store.migrate({})).steps))
    expect(steps.reduce((a, b) => a + b)).toBe(migrations.length)
    expect(steps.filter((n) => n > 0)).toHaveLength(1)
    await Promise.all(stores.map((store) => store.close()))
    expect(await server.sql('SELECT project_id, version FROM rutter.meta', name)).toEqual([
      { project_id: '*', version: migrations.length },
    ])
  })

  test('that ten agents find empty at once serves them all', async () => {
    const { url } = await testDatabase()
    const started = await Promise.all(Array.from({ length: 10 }, (_, i) => startedAgent(url, {}, `slot-${i}`)))
    expect(new Set(started.map(({ session_id }) => session_id)).size).toBe(10)
  })
})

describe('connections', () => {
  const BY = { actor: AGENT, at: '2026-11-21T23:00:00.000Z' }

  test('are shared by more calls than there are of them', async () => {
    const { url, events } = await preparedDatabase()
    const ledger = ledgerOn(url, { max: 2 })
    const notes = Array.from({ length: 40 }, (_, i) => ({ kind: 'memory', id: `m-${i}` }) as const)
    await Promise.all(
      notes.map((stream) => ledger.write((book) => book.append(stream, [{ type: 'moon.rose', data: {} }], BY))),
    )
    expect(await events('moon.rose')).toBe(40)
  })

  test('that are all taken are waited for, not longer than a call may wait, and that is said', async () => {
    const { url } = await preparedDatabase()
    const ledger = ledgerOn(url, { limits: { ...IMPATIENT.limits, idle_ms: 5000 }, max: 2 })
    await ledger.read(async () => {})
    const [one, other] = [ledger.read(() => sleep(1600)), ledger.read(() => sleep(1600))]
    await sleep(100)
    const refusal = await refusalOf(ledger.read(async () => {}))
    expect(refusal.message).toMatch(/All 2 connections of this process .* for 1 s\. Nothing was changed/)
    await Promise.all([one, other])
    await ledger.read(async () => {})
  })

  test('are not waited for by a call inside the work of another, which may have the last one', async () => {
    const { url } = await preparedDatabase()
    const ledger = ledgerOn(url, { ...IMPATIENT, max: 1 })
    const seen = await ledger.write(async (book) => {
      await book.append({ kind: 'memory', id: 'm-1' }, [{ type: 'moon.rose', data: {} }], BY)
      return await ledger.read(async (inner) => {
        const { events } = await ledger.history({ kind: 'memory', id: 'm-1' })
        return [events.length, await inner.session('s-1')]
      })
    })
    expect(seen).toEqual([0, undefined])
    await Promise.all(Array.from({ length: 5 }, () => ledger.write(() => ledger.read(async () => {}))))
  })

  test('that the server has no more of are waited for, and told of', async () => {
    const { url, server } = await preparedDatabase()
    await server.sql('CREATE ROLE scarce LOGIN CONNECTION LIMIT 1')
    await server.sql(
      'GRANT USAGE ON SCHEMA rutter TO scarce; GRANT SELECT ON ALL TABLES IN SCHEMA rutter TO scarce',
      'prepared',
    )
    const scarce = url.replace('//admin@', '//scarce@')
    const [one, other] = [ledgerOn(scarce, { ...IMPATIENT, max: 1 }), ledgerOn(scarce, { ...IMPATIENT, max: 1 })]
    await one.read(async () => {})
    const refusal = await refusalOf(other.read(async () => {}))
    expect(refusal.message).toMatch(
      /has no connection left: too many connections for role "scarce"\. Nothing was written/,
    )
    await one.close()
    await other.read(async () => {})
  })
})
