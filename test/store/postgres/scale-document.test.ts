import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { grantsFor } from '../../../src/store/postgres/access.ts'
import { PostgresLedger } from '../../../src/store/postgres/ledger.ts'
import { PostgresTeamStore } from '../../../src/store/postgres/team-store.ts'
import { refusalOf, testMachine } from '../../support/book.ts'
import { startPostgres } from '../../support/postgres-server.ts'

const DOCUMENT = readFileSync(join(import.meta.dirname, '../../../docs/scale.md'), 'utf8')

test('the SQL in docs/scale.md does what it says, step by step on a server of its own', async () => {
  const server = await startPostgres()
  onTestFinished(() => server.end())
  const url = (user: string) => server.url('rutter').replace('admin@', `${user}@`)
  const run = async (text: string, at: string) => {
    const client = new pg.Client({ connectionString: at })
    await client.connect()
    try {
      // One by one, as psql sends them.
      for (const statement of text.split(/;$/m).filter((part) => part.trim() !== '')) await client.query(statement)
    } finally {
      await client.end()
    }
  }

  const [roles, grants] = sqlOf('Which database, which role')
  await run(roles ?? '', server.url('postgres'))
  const owner = new PostgresTeamStore({ url: url('rutter_owner') })
  onTestFinished(() => owner.close())
  expect(await owner.migrate({})).toMatchObject({ before: 0, role: 'rutter_owner' })
  await run(grants ?? '', url('rutter_owner'))
  expect(grants).toBe(`${grantsFor('rutter_agent', { writes: [], reads: [] })}\n`)

  await use(url('rutter_agent'), 'atlas')
  await expect(run('CREATE TABLE rutter.mine (id int)', url('rutter_agent'))).rejects.toMatchObject({ code: '42501' })
  await expect(run('CREATE TEMPORARY TABLE mine (id int)', url('rutter_agent'))).rejects.toMatchObject({
    code: '42501',
  })

  const [rows, leakproof] = sqlOf('Row-level security')
  const given = { writes: ['atlas', 'atlas-web'], reads: ['*'] }
  expect(grantsFor('atlas_agent', given)).toContain(rows?.trim())
  await owner.migrate({ rowLevelSecurity: true })
  await run('CREATE ROLE atlas_agent LOGIN; GRANT CONNECT ON DATABASE rutter TO atlas_agent', server.url('rutter'))
  await run(grantsFor('atlas_agent', given), url('rutter_owner'))
  await use(url('atlas_agent'), 'atlas')
  await use(url('atlas_agent'), 'atlas-web')
  expect((await refusalOf(use(url('atlas_agent'), 'borealis'))).message).toContain('was not given project "borealis"')

  expect(await owner.about()).toMatchObject({
    row_level_security: true,
    search_by_index: false,
    search_remedy: leakproof?.trim(),
  })
  await run(leakproof ?? '', server.url('rutter'))
  expect(await owner.about()).toMatchObject({ row_level_security: true, search_by_index: true, search_remedy: null })

  const [removal] = sqlOf('Old sessions')
  const tables = (await server.sql(TABLES, 'rutter')).map(({ name }) => String(name))
  const left = () => server.sql(`${tables.map(countedBy).join(' UNION ALL ')} ORDER BY 1, 2`, 'rutter')
  const before = await left()
  expect(before.filter(({ project_id }) => project_id === 'atlas').length).toBeGreaterThan(2)
  await server.sql(removal ?? '', 'rutter')
  expect(await left()).toEqual(before.filter(({ project_id }) => project_id !== 'atlas'))
})

const TABLES = `SELECT relname AS name FROM pg_class
  WHERE relnamespace = 'rutter'::regnamespace AND relkind = 'r' AND relname <> 'project_grants'`

function countedBy(table: string): string {
  return `SELECT '${table}' AS name, project_id, count(*) AS n FROM rutter.${table} GROUP BY project_id`
}

/** The blocks of SQL under a heading. */
function sqlOf(heading: string): string[] {
  const section = DOCUMENT.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  return [...section.matchAll(/^```sql\n(.*?)^```/gms)].map(([, sql = '']) => sql)
}

async function use(url: string, project_id: string): Promise<void> {
  const processes = testMachine().process()
  const ledger = new PostgresLedger({ url, project_id, place: 'here', processes, lease_ttl_ms: 60_000 })
  onTestFinished(() => ledger.close())
  const at = '2026-11-21T22:00:00.000Z'
  const actor = { kind: 'agent', name: 'test-agent' } as const
  await ledger.write(async (book) => {
    const lease = await book.grant('default', `s-${project_id}`)
    await book.append(await book.memoryStream(), [{ type: 'moon.rose', data: { token: lease.token } }], { actor, at })
    await book.release('default')
  })
  await ledger.rebuild()
}
