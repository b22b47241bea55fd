import { Refusal } from '../../domain/refusal.ts'
import { migrations } from './migrations.ts'
import type { Sql } from './sql.ts'

/** How a database stands towards this program. */
export type Standing = 'current' | 'behind' | 'empty' | 'strange'

const OF_PEOPLE = "n.nspname !~ '^(pg_|information_schema$|crdb_internal$)'"

/** What an extension brought is nobody's data: managed databases come with some. */
const ofExtension = (classid: string, objid: string) => `EXISTS (
      SELECT 1 FROM pg_catalog.pg_depend AS e
      WHERE e.classid = ${classid} AND e.objid = ${objid} AND e.deptype = 'e')`

/**
 * Whatever is in a schema (a function, a sequence, a type, an operator) depends on it and so is listed, and what comes with another
 * thing, as the type of a table's rows does, depends on that one alone. Tables are asked for by themselves as well: not every server
 * that speaks like this one keeps such a list.
 */
const IN_DATABASE = `
  SELECT n.nspname = 'rutter' AS is_ours, c.relname = 'meta' AND (
      SELECT count(*) FROM pg_catalog.pg_attribute AS a
      WHERE a.attrelid = c.oid AND a.attname IN ('project_id', 'version') AND NOT a.attisdropped) = 2 AS is_meta
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ${OF_PEOPLE} AND NOT ${ofExtension("'pg_class'::regclass", 'c.oid')}
  UNION ALL
  SELECT n.nspname = 'rutter', false
  FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_namespace AS n ON n.oid = d.refobjid
  WHERE d.refclassid = 'pg_namespace'::regclass AND d.deptype = 'n' AND d.classid <> 'pg_extension'::regclass
    AND ${OF_PEOPLE} AND NOT ${ofExtension('d.classid', 'd.objid')}`

const LOOK = `
  SELECT coalesce(bool_or(is_ours), false) AS has_ours, coalesce(bool_or(is_ours AND is_meta), false) AS has_meta,
    coalesce(bool_or(NOT is_ours), false) AS has_others,
    EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'rutter') AS has_schema
  FROM (${IN_DATABASE}) AS found`

/** Asks without changing anything. Throws where this program must not touch what is there. */
export async function standingOf(sql: Sql, where: string): Promise<Standing> {
  return (await look(sql, where)).standing
}

async function look(sql: Sql, where: string): Promise<{ standing: Standing; hasSchema: boolean; hasMeta: boolean }> {
  const found = await sql.get(LOOK)
  const [hasSchema, hasMeta] = [found?.['has_schema'] === true, found?.['has_meta'] === true]
  if (hasMeta) {
    const version = await knownVersion(sql, where)
    return { standing: version === migrations.length ? 'current' : 'behind', hasSchema, hasMeta }
  }
  if (found?.['has_ours'] === true) throw anothers(where)
  // A schema of our name that an administrator made for us is as good as none.
  return { standing: found?.['has_others'] === true ? 'strange' : 'empty', hasSchema, hasMeta }
}

/**
 * Takes the steps that the database lacks, in the transaction of `sql`; gives their number. Whoever comes second waits for the
 * first and finds nothing to do.
 */
export async function migrate(sql: Sql, where: string): Promise<number> {
  const { standing, hasSchema, hasMeta } = await look(sql, where)
  if (standing === 'current') return 0
  // Who was given a schema, or a table, may well have no right to make one: it is asked for only where there is none.
  if (!hasSchema) await sql.all('CREATE SCHEMA IF NOT EXISTS rutter')
  if (!hasMeta) {
    await sql.all('CREATE TABLE IF NOT EXISTS rutter.meta (project_id text PRIMARY KEY, version integer NOT NULL)')
    await sql.all("INSERT INTO rutter.meta (project_id, version) VALUES ('*', 0) ON CONFLICT DO NOTHING")
  }
  const version = await knownVersion(sql, where, ' FOR UPDATE')
  for (const step of migrations.slice(version)) await sql.all(step)
  if (version < migrations.length)
    await sql.run("UPDATE rutter.meta SET version = $1 WHERE project_id = '*'", [migrations.length])
  return migrations.length - version
}

/** The version of the tables. Refuses them where they were brought to a later one than this program knows. */
export async function knownVersion(sql: Sql, where: string, locked: '' | ' FOR UPDATE' = ''): Promise<number> {
  const row = await sql.get(`SELECT version FROM rutter.meta WHERE project_id = '*'${locked}`)
  const version = Number(row?.['version'] ?? 0)
  if (version > migrations.length) throw tooNew(where, version)
  return version
}

function tooNew(where: string, version: number): Refusal {
  return new Refusal(
    'store_unavailable',
    `The team's store at ${where} is of version ${version}; this Rutter knows versions up to ${migrations.length}. Nothing was changed.`,
    { hint: 'Update Rutter on this machine.' },
  )
}

function anothers(where: string): Refusal {
  return new Refusal(
    'store_unavailable',
    `The schema "rutter" of the database at ${where} holds something, and no rutter.meta as this Rutter makes it: it is somebody else's. It was not touched.`,
    { hint: 'Name another database in RUTTER_STORE or --store; Rutter keeps its tables in a schema of that name.' },
  )
}
