import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Operation, perform } from '../../../src/app/operation.ts'
import { memorySurface } from '../../../src/app/operations/memory_surface.ts'
import { saveDecision } from '../../../src/app/operations/save_decision.ts'
import { sessionInitialize } from '../../../src/app/operations/session_initialize.ts'
import { taskAdd } from '../../../src/app/operations/task_add.ts'
import { grantsFor } from '../../../src/store/postgres/access.ts'
import { migrations } from '../../../src/store/postgres/migrations.ts'
import { secureRows } from '../../../src/store/postgres/row-security.ts'
import { Sql } from '../../../src/store/postgres/sql.ts'
import { PostgresTeamStore } from '../../../src/store/postgres/team-store.ts'
import { openBook } from '../../../src/wire.ts'
import { refusalOf } from '../../support/book.ts'
import { scratchFolder } from '../../support/cli.ts'
import { decisionOf } from '../../support/memory-makers.ts'
import { sharedServer, testDatabase } from '../../support/postgres.ts'
import { agentRole, migrated, newRole } from '../../support/postgres-roles.ts'
import { startedAgent } from '../../support/trouble.ts'

void sharedServer()

describe('the role that agents use', () => {
  test('does all that agents do, and makes no table', async () => {
    const database = await testDatabase()
    const { url, role } = await agentRole(database)
    const atlas = await agent(url, 'atlas')
    expect(await atlas.call(saveDecision, { decision: decisionOf('Keep charts in metres') })).toMatchObject({
      status: 'saved',
    })
    expect(await atlas.found('charts')).toEqual(['Keep charts in metres'])
    expect(await atlas.ledger.rebuild()).toMatchObject({ streams: 1 })
    expect((await atlas.ledger.verify()).findings).toEqual([])

    const client = await connected(url)
    for (const forbidden of [
      'CREATE TABLE rutter.mine (id int)',
      'CREATE SCHEMA mine',
      'ALTER TABLE rutter.events ADD COLUMN more text',
      'DROP TABLE rutter.events',
      'TRUNCATE rutter.events',
      'UPDATE rutter.meta SET version = 99',
      'DELETE FROM rutter.meta',
      `ALTER ROLE ${role} SUPERUSER`,
    ]) {
      await expect(client.query(forbidden), forbidden).rejects.toMatchObject({ code: '42501' })
    }
  })

  test('has its rights on the tables of a later version too', async () => {
    const database = await testDatabase()
    const { sql } = database.server
    await atVersion1(database)
    const { url, role } = await newRole(database)
    await sql(grantsFor(role, { writes: [], reads: [] }), database.name)
    await migrated(database)
    const atlas = await agent(url, 'atlas')
    await atlas.call(saveDecision, { decision: decisionOf('Keep charts in metres') })
    expect(await atlas.found('charts')).toHaveLength(1)
  })

  test('is told who must run what where the tables are old', async () => {
    const database = await testDatabase()
    const { url } = await agentRole(database)
    await database.server.sql(`UPDATE rutter.meta SET version = ${migrations.length - 1}`, database.name)
    const refusal = await refusalOf(agent(url, 'atlas'))
    expect(refusal).toMatchObject({
      code: 'store_unavailable',
      message: expect.stringMatching(
        /^The tables at role_\S+ are older than this Rutter, and its role may not change them/,
      ),
      hint: expect.stringContaining('rutter migrate --store URL'),
    })
  })

  test('is told who must run what where there are no tables', async () => {
    const database = await testDatabase()
    const { url } = await newRole(database)
    const refusal = await refusalOf(agent(url, 'atlas'))
    expect(refusal.message).toMatch(/has no tables of Rutter's, and its role may not make them. Nothing was changed.$/)
    expect(refusal.hint).toContain('rutter migrate --store URL')
  })

  test('is told of its rights where it has none', async () => {
    const database = await testDatabase()
    await migrated(database)
    const { url } = await newRole(database)
    const refusal = await refusalOf(agent(url, 'atlas'))
    expect(refusal.message).toMatch(/forbids this to its user: permission denied for schema rutter/)
  })

  test('is told when the tables are newer than its program', async () => {
    const database = await testDatabase()
    const { url } = await agentRole(database)
    await database.server.sql('UPDATE rutter.meta SET version = 99', database.name)
    expect((await refusalOf(agent(url, 'atlas'))).message).toContain('is of version 99')
  })

  test('is told when they become newer while its program is at work, and goes on when they are as it knows them', async () => {
    const { url, server, name } = await testDatabase()
    const { call } = await startedAgent(url, { version_ms: 0 })
    await server.sql('UPDATE rutter.meta SET version = version + 1', name)
    for (const _ of [1, 2]) {
      const refusal = await refusalOf(call('session_increment_completed'))
      expect(refusal.code).toBe('store_unavailable')
      expect(refusal.message).toContain(`is of version ${migrations.length + 1}`)
    }
    await server.sql('UPDATE rutter.meta SET version = version - 1', name)
    expect(await call('session_increment_completed')).toMatchObject({ tasks_completed: 1 })
  })
})

describe('rutter migrate', () => {
  test("makes its tables beside somebody else's, which it leaves alone", async () => {
    const { url, name, server } = await testDatabase()
    await server.sql('CREATE TABLE public.events (mine text); INSERT INTO public.events VALUES (1)', name)
    expect((await refusalOf(agent(url, 'atlas'))).message).toContain('It was not touched.')
    const store = teamStore(url)
    expect(await store.migrate({})).toMatchObject({ before: 0, steps: migrations.length, version: migrations.length })
    expect(await store.migrate({})).toMatchObject({ before: migrations.length, steps: 0, row_level_security: false })
    await (await agent(url, 'atlas')).call(taskAdd, { tasks: [{ task_id: 't-1', title: 'Sound the bay' }] })
    expect(await server.sql('SELECT * FROM public.events', name)).toEqual([{ mine: '1' }])
  })

  test('works in a schema that an administrator made for an owner who may make none', async () => {
    const database = await testDatabase()
    const owner = await newRole(database)
    await database.server.sql(`CREATE SCHEMA rutter AUTHORIZATION ${owner.role}`, database.name)
    expect(await teamStore(owner.url).migrate({ rowLevelSecurity: true })).toMatchObject({ steps: migrations.length })
  })

  test('is done once however many run it at the same time', async () => {
    const { url } = await testDatabase()
    const all = await Promise.all(Array.from({ length: 6 }, () => teamStore(url).migrate({ rowLevelSecurity: true })))
    expect(all.map(({ steps }) => steps).sort()).toEqual([0, 0, 0, 0, 0, migrations.length])
    const secured = [true, false, true, false, true, true].map((rowLevelSecurity) =>
      teamStore(url).migrate({ rowLevelSecurity }),
    )
    await Promise.all(secured)
    expect(await teamStore(url).migrate({ rowLevelSecurity: true })).toMatchObject({ row_level_security: true })
  })

  test('says of a database what is in it, and of an empty one that nothing is', async () => {
    const { url } = await testDatabase()
    const store = teamStore(url)
    expect(await store.about()).toMatchObject({ role: 'admin', version: null, row_level_security: false })
    await store.migrate({ rowLevelSecurity: true })
    expect(await store.about()).toMatchObject({ version: migrations.length, row_level_security: true })
  })
})

describe('row-level security', () => {
  /** Two teams; the first may read what is global, the second may also write it. */
  async function twoTeams() {
    const database = await testDatabase()
    const atlas = await agentRole(database, { writes: ['atlas'], reads: ['*'] })
    const borealis = await agentRole(database, { writes: ['borealis', '*'], reads: [] })
    const of = {
      atlas: await agent(atlas.url, 'atlas'),
      borealis: await agent(borealis.url, 'borealis'),
    }
    for (const [name, team] of Object.entries(of)) {
      await team.call(taskAdd, { tasks: [{ task_id: `t-${name}`, title: `Chart the coast of ${name}` }] })
      await team.call(saveDecision, { decision: decisionOf(`Keep the secret harbour of ${name}`) })
    }
    return { database, atlas, borealis, of }
  }

  test('shows a team its own, and what is global where that was given', async () => {
    const { of } = await twoTeams()
    expect(await of.atlas.found('harbour')).toEqual(['Keep the secret harbour of atlas'])
    expect(await of.borealis.found('harbour')).toEqual(['Keep the secret harbour of borealis'])
    expect(await of.atlas.found('harbour', 'borealis')).toEqual([])
  })

  test('lets nobody save into another project', async () => {
    const { of, database } = await twoTeams()
    const refusal = await refusalOf(
      of.atlas.call(saveDecision, { project_id: 'borealis', decision: decisionOf('Sell the harbour') }),
    )
    expect(refusal.message).toMatch(/forbids this to its user: new row violates row-level security policy/)
    expect(refusal.body).not.toHaveProperty('cause')
    const about = "SELECT count(*)::int AS n FROM rutter.memory_events WHERE project_id = 'borealis'"
    expect(await database.server.sql(about, database.name)).toEqual([{ n: 1 }])
    expect(await of.borealis.found('sell')).toEqual([])
  })

  test('stands where one team’s role is a member of the other’s', async () => {
    const { atlas, borealis, database } = await twoTeams()
    await database.server.sql(`GRANT ${borealis.role} TO ${atlas.role}`, database.name)
    const client = await connected(atlas.url)
    for (const role of [atlas.role, borealis.role]) {
      await client.query(`SET ROLE ${role}`)
      const { rows } = await client.query('SELECT DISTINCT project_id FROM rutter.events')
      expect(rows, role).toEqual([{ project_id: 'atlas' }])
      const theirs = "UPDATE rutter.events SET line = line WHERE project_id = 'borealis'"
      await expect(client.query(theirs)).resolves.toMatchObject({ rowCount: 0 })
    }
  })

  test('stands whatever is tried by hand over a connection of the other team', async () => {
    const { atlas, borealis, database } = await twoTeams()
    const { sql } = database.server
    await sql('ANALYZE', database.name)
    const tables = await namesOf(database)
    const counts = async (project: string) => {
      const found = await Promise.all(
        tables.map((t) =>
          sql(`SELECT count(*)::int AS n FROM rutter.${t} WHERE project_id = '${project}'`, database.name),
        ),
      )
      return Object.fromEntries(tables.map((table, i) => [table, found[i]?.[0]?.['n']]))
    }
    const before = await counts('borealis')
    expect(Object.values(before).filter((n) => Number(n) > 0).length).toBeGreaterThan(10)

    const client = await connected(atlas.url)
    const nothing = (text: string) => expect(client.query(text), text).resolves.toMatchObject({ rowCount: 0 })
    const forbidden = (text: string) => expect(client.query(text), text).rejects.toMatchObject({ code: '42501' })
    for (const said of [
      "SET rutter.projects = ''",
      "SET rutter.projects = 'borealis'",
      "SET rutter.projects = 'atlas,borealis'",
    ]) {
      await client.query(said)
      for (const table of tables) {
        await nothing(`SELECT * FROM rutter.${table} WHERE project_id = 'borealis'`)
        await nothing(`UPDATE rutter.${table} SET project_id = project_id WHERE project_id = 'borealis'`)
        await nothing(`DELETE FROM rutter.${table} WHERE project_id = 'borealis'`)
      }
    }
    await client.query('RESET rutter.projects')
    for (const table of tables) {
      const own = await client.query(`SELECT * FROM rutter.${table} WHERE project_id <> '*'`)
      if (own.rowCount === 0 || table === 'project_grants') continue
      expect(new Set(own.rows.map(({ project_id }) => project_id)), table).toEqual(new Set(['atlas']))
      await forbidden(`UPDATE rutter.${table} SET project_id = 'borealis'`)
      const asTheirs = `jsonb_populate_record(t, '{"project_id": "borealis"}')`
      await forbidden(`INSERT INTO rutter.${table} SELECT (${asTheirs}).* FROM rutter.${table} AS t LIMIT 1`)
    }
    for (const text of [
      `SET ROLE ${borealis.role}`,
      `SET SESSION AUTHORIZATION ${borealis.role}`,
      'SET row_security = off; SELECT * FROM rutter.events',
      'ALTER TABLE rutter.events DISABLE ROW LEVEL SECURITY',
      'DROP POLICY rutter_select ON rutter.events',
      'CREATE POLICY mine ON rutter.events USING (true)',
      `INSERT INTO rutter.project_grants VALUES ('borealis', '${atlas.role}', true)`,
      `ALTER ROLE ${atlas.role} BYPASSRLS`,
      'TRUNCATE rutter.events',
    ]) {
      await client.query('RESET row_security')
      await forbidden(text)
    }
    await nothing("UPDATE rutter.project_grants SET project_id = 'borealis' WHERE project_id = 'atlas'")
    await nothing('DELETE FROM rutter.project_grants')
    await nothing(`SELECT * FROM rutter.project_grants WHERE role_name = '${borealis.role}'`)
    // What an error or a statistic could tell of rows that it does not show.
    await client.query("SELECT * FROM rutter.events WHERE 1 / (CASE WHEN line LIKE '%borealis%' THEN 0 ELSE 1 END) = 1")
    await nothing("SELECT * FROM pg_stats WHERE schemaname = 'rutter' AND tablename NOT IN ('meta')")
    expect(await counts('borealis')).toEqual(before)
  })

  test('lets a role read what is global and not write it, where that is what it was given', async () => {
    const { atlas, borealis } = await twoTeams()
    const put = `INSERT INTO rutter.artifacts VALUES ('*', 'a', 'decision', 'global', NULL, 'r', NULL, true, '2026', '{}')`
    const [reader, writer] = [await connected(atlas.url), await connected(borealis.url)]
    await expect(reader.query(put)).rejects.toMatchObject({ code: '42501' })
    await writer.query(put)
    const seen = await reader.query("SELECT artifact_id FROM rutter.artifacts WHERE project_id = '*'")
    expect(seen.rows).toEqual([{ artifact_id: 'a' }])
    expect(await reader.query("DELETE FROM rutter.artifacts WHERE project_id = '*'")).toMatchObject({ rowCount: 0 })
  })

  test('says to a role that was not given the project what is missing, in place of an empty book', async () => {
    const { atlas } = await twoTeams()
    const refusal = await refusalOf(agent(atlas.url, 'borealis'))
    expect(refusal.message).toMatch(/^The role "role_\w+" was not given project "borealis" at /)
    expect(refusal.hint).toContain(`rutter migrate --print-grants ${atlas.role} --projects borealis`)
  })

  test('covers the tables of a later version as soon as they are made', async () => {
    const database = await testDatabase()
    await atVersion1(database)
    const client = await connected(database.url)
    await secureRows(new Sql(client, false))
    await migrated(database)
    const open = await database.server.sql(
      `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = 'rutter' AND c.relkind = 'r' AND NOT c.relrowsecurity`,
      database.name,
    )
    expect(open).toEqual([{ relname: 'meta' }])
  })

  test('can be switched off, and on again with what roles were given', async () => {
    const { database, of } = await twoTeams()
    const store = teamStore(database.url)
    expect(await store.migrate({ rowLevelSecurity: false })).toMatchObject({
      row_level_security: false,
      row_level_security_changed: true,
    })
    expect(await of.atlas.found('harbour', 'borealis')).toEqual(['Keep the secret harbour of borealis'])
    await store.migrate({ rowLevelSecurity: true })
    expect(await of.atlas.found('harbour', 'borealis')).toEqual([])
    expect(await of.atlas.found('harbour')).toHaveLength(1)
  })
})

describe('RUTTER_PROJECTS', () => {
  test('keeps a process to fewer projects than its role was given', async () => {
    const database = await testDatabase()
    const { url } = await agentRole(database, { writes: ['atlas', 'borealis', '*'], reads: [] })
    const all = await agent(url, 'atlas')
    await all.call(saveDecision, { project_id: 'borealis', decision: decisionOf('Keep the harbour dry') })
    expect(await all.found('harbour', 'borealis')).toHaveLength(1)

    const one = await limitedTo('atlas', () => agent(url, 'atlas', 'other'))
    expect(await one.found('harbour', 'borealis')).toEqual([])
    const refusal = await refusalOf(
      one.call(saveDecision, { project_id: 'borealis', decision: decisionOf('Fill the harbour') }),
    )
    expect(refusal.message).toContain('row-level security')
    await one.call(saveDecision, { decision: decisionOf('Keep charts in metres') })
    expect(await one.found('charts')).toHaveLength(1)
  })

  test('refuses to work where nothing would keep to it', async () => {
    const database = await testDatabase()
    const { url } = await agentRole(database)
    const off = await refusalOf(limitedTo('atlas', () => agent(url, 'atlas')))
    expect(off.message).toMatch(
      /^RUTTER_PROJECTS is set, and nothing at \S+ would keep to it: row-level security is off there/,
    )
    await migrated(database, true)
    const owner = await refusalOf(limitedTo('atlas', () => agent(database.url, 'atlas')))
    expect(owner.message).toContain('its role "admin" stands outside row-level security')
  })

  test('refuses the project of another repository, and a list that is none', async () => {
    const database = await testDatabase()
    const { url } = await agentRole(database, { writes: ['atlas', 'borealis'], reads: [] })
    const other = await refusalOf(limitedTo('borealis', () => agent(url, 'atlas')))
    expect(other.message).toBe('This process is limited to borealis, and the project here is "atlas".')
    const faulty = await refusalOf(limitedTo("a'b", () => agent(url, 'atlas')))
    expect(faulty.message).toMatch(/^RUTTER_PROJECTS: /)
  })
})

/** An agent with a session in a repository of its own. */
async function agent(url: string, project: string, slot = 'default') {
  const book = openBook(scratchFolder(), { project_id: project, store: url })
  onTestFinished(() => book.ledger.close())
  const context = book.connect({ kind: 'agent', name: 'test-agent' }, slot)
  const call = <Op extends Operation>(operation: Op, input: unknown) => perform(operation, context, input)
  await call(sessionInitialize, { session_type: 'autonomous' })
  const found = async (query: string, project_id?: string) => {
    const { matches } = await perform(memorySurface, context, {
      query,
      ...(project_id === undefined ? {} : { project_id }),
    })
    return matches.map(({ title }) => title)
  }
  return { call, found, ledger: book.ledger }
}

async function limitedTo<T>(projects: string, work: () => Promise<T>): Promise<T> {
  process.env['RUTTER_PROJECTS'] = projects
  try {
    return await work()
  } finally {
    delete process.env['RUTTER_PROJECTS']
  }
}

function teamStore(url: string): PostgresTeamStore {
  const store = new PostgresTeamStore({ url })
  onTestFinished(() => store.close())
  return store
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

/** As the first version of Rutter left it. */
async function atVersion1({ name, server }: Awaited<ReturnType<typeof testDatabase>>): Promise<void> {
  const meta = 'CREATE TABLE rutter.meta (project_id text PRIMARY KEY, version integer NOT NULL)'
  await server.sql(`CREATE SCHEMA rutter; ${meta}; INSERT INTO rutter.meta VALUES ('*', 1); ${migrations[0]}`, name)
}

async function namesOf({ name, server }: Awaited<ReturnType<typeof testDatabase>>): Promise<string[]> {
  const rows = await server.sql(
    "SELECT tablename FROM pg_tables WHERE schemaname = 'rutter' AND tablename <> 'meta' ORDER BY 1",
    name,
  )
  return rows.map((row) => String(row['tablename']))
}
