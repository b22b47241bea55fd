import { beforeEach, expect, test } from 'vitest'
import { sharedServer, testDatabase } from '../../support/postgres.ts'
import { migrated } from '../../support/postgres-roles.ts'

/*
 * What lets a database shard by project, and lets others than PostgreSQL itself hold these tables: asked of the catalogue of a database
 * that has all of it, row-level security too.
 */

void sharedServer()

let asked: (text: string) => Promise<Record<string, unknown>[]>

beforeEach(async () => {
  const database = await testDatabase()
  await migrated(database, true)
  asked = (text) => database.server.sql(text, database.name)
})

const TABLES = `pg_class AS t JOIN pg_namespace AS n ON n.oid = t.relnamespace AND n.nspname = 'rutter'`

/** Inverted indexes know no second column without an extension: there each term begins with the project instead. */
const BY_TERM = /^search_docs_by_term(_sampled)?$/

test('every table has a primary key, and it begins with the project', async () => {
  const tables = await asked(
    `SELECT t.relname AS name, (
       SELECT a.attname FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
       WHERE i.indrelid = t.oid AND i.indisprimary) AS first
     FROM ${TABLES} WHERE t.relkind IN ('r', 'p') ORDER BY 1`,
  )
  expect(tables.length).toBeGreaterThan(20)
  expect(tables.filter(({ first }) => first !== 'project_id')).toEqual([])
})

test('every index begins with the project, but those on terms, which begin with it themselves', async () => {
  const indexes = await asked(
    `SELECT x.relname AS name, am.amname AS method, i.indisunique AS is_unique, a.attname AS first
     FROM ${TABLES} JOIN pg_index AS i ON i.indrelid = t.oid JOIN pg_class AS x ON x.oid = i.indexrelid
     JOIN pg_am AS am ON am.oid = x.relam
     LEFT JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = i.indkey[0] ORDER BY 1`,
  )
  const others = indexes.filter(({ first }) => first !== 'project_id')
  expect(others.length).toBeGreaterThan(0)
  for (const { name, method, is_unique, first } of others) {
    expect({ name, method, is_unique, first }).toEqual({
      name: expect.stringMatching(BY_TERM),
      method: 'gin',
      is_unique: false,
      first: 'terms',
    })
  }
})

test('every term in the index begins with a sign of its project', async () => {
  const database = await testDatabase()
  await migrated(database)
  const { sql } = database.server
  const { SearchIndex } = await import('../../../src/store/postgres/search-index.ts')
  const { Pool } = await import('../../../src/store/postgres/pool.ts')
  const pool = new Pool({ url: database.url })
  const doc = { kind: 'decision', scope: 'project', focus: null, session_id: null, at: '2026-11-21T22:00:00Z' } as const
  const docs = ['atlas', 'borealis'].map((project_id) => ({
    ...doc,
    project_id,
    id: 'd',
    title: 'Keep charts',
    text: 'dry',
  }))
  await pool.write(async (given) => ({ result: await new SearchIndex(given).putAll(docs), happened: null }))
  await pool.close()
  const rows = await sql(
    `SELECT project_id, array_agg(DISTINCT split_part(lexeme, '|', 1)) AS signs
     FROM rutter.search_docs CROSS JOIN unnest(terms) GROUP BY 1 ORDER BY 1`,
    database.name,
  )
  const [atlas, borealis] = rows.map(({ signs }) => signs as string[])
  expect(rows).toHaveLength(2)
  expect([atlas?.length, borealis?.length]).toEqual([1, 1])
  expect(atlas).not.toEqual(borealis)
})

test('there is no foreign key, sequence, trigger, function, view or type of its own', async () => {
  expect(
    await asked(
      `SELECT c.conname FROM pg_constraint AS c JOIN pg_namespace AS n ON n.oid = c.connamespace
       WHERE n.nspname = 'rutter' AND c.contype NOT IN ('p', 'n')`,
    ),
  ).toEqual([])
  expect(await asked(`SELECT t.relname FROM ${TABLES} WHERE t.relkind NOT IN ('r', 'i', 't')`)).toEqual([])
  expect(await asked(`SELECT tgname FROM pg_trigger AS g JOIN ${TABLES} ON t.oid = g.tgrelid`)).toEqual([])
  for (const [catalogue, schema] of [
    ['pg_proc', 'pronamespace'],
    ['pg_operator', 'oprnamespace'],
    ['pg_collation', 'collnamespace'],
  ]) {
    expect(
      await asked(
        `SELECT c.oid FROM ${catalogue} AS c JOIN pg_namespace AS n ON n.oid = c.${schema} WHERE n.nspname = 'rutter'`,
      ),
    ).toEqual([])
  }
  const types = `SELECT y.typname FROM pg_type AS y JOIN pg_namespace AS n ON n.oid = y.typnamespace
    WHERE n.nspname = 'rutter' AND y.typtype <> 'c' AND y.typelem = 0`
  expect(await asked(types)).toEqual([])
  expect(await asked("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'")).toEqual([])
})

test('no column makes its own numbers, and text is ordered by its bytes wherever an index orders it', async () => {
  const numbered = await asked(
    `SELECT t.relname, a.attname FROM ${TABLES} JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0
     LEFT JOIN pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = a.attnum
     WHERE a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) ~ '[(]'`,
  )
  expect(numbered).toEqual([])
  const collated = await asked(
    `SELECT x.relname, k.of::regcollation::text AS ordered
     FROM ${TABLES} JOIN pg_index AS i ON i.indrelid = t.oid JOIN pg_class AS x ON x.oid = i.indexrelid
     CROSS JOIN unnest(i.indcollation) AS k (of)
     WHERE k.of NOT IN (0, '"C"'::regcollation) AND t.relname <> 'meta' ORDER BY 1`,
  )
  expect(collated).toEqual([])
})
