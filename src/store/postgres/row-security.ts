import type { Sql } from './sql.ts'

/*
 * Bound to the role that connects and to nothing that a client can say: whoever has a connection can SET any setting by hand, and
 * cannot connect as a role whose password it has not. A role that is a member of others may SET ROLE to them, and changes nothing
 * here by it. `rutter.projects` is such a setting: it makes less visible and never more.
 *
 * The owner of the tables stands outside, since it could switch all of this off. No standard: a server that lacks it refuses the option.
 */

/** What a role may see and change; a row for each role and project, the global one as '*'. */
const PROJECT_GRANTS = `
  CREATE TABLE IF NOT EXISTS rutter.project_grants (
    project_id text COLLATE "C" NOT NULL, role_name text COLLATE "C" NOT NULL, may_write boolean NOT NULL DEFAULT true,
    PRIMARY KEY (project_id, role_name)
  );
  -- Each role sees what it was given itself. No policy lets anybody but the owner write, whatever else was granted.
  ALTER TABLE rutter.project_grants ENABLE ROW LEVEL SECURITY;
  DROP POLICY IF EXISTS rutter_select ON rutter.project_grants;
  CREATE POLICY rutter_select ON rutter.project_grants FOR SELECT USING (role_name = session_user::text);
  GRANT SELECT ON rutter.project_grants TO PUBLIC;`

/** Tables whose rows are no project's. */
const NO_PROJECTS: ReadonlySet<string> = new Set(['meta', 'project_grants'])

// As an array of a query that depends on no row, so that it is asked once for each statement and not for each row.
const given = (and: string) => `project_id = ANY (ARRAY (
    SELECT g.project_id FROM rutter.project_grants AS g WHERE g.role_name = session_user::text${and}
      AND (coalesce(current_setting('rutter.projects', true), '') = ''
        OR g.project_id = ANY (string_to_array(current_setting('rutter.projects', true), ',')))))`
const READABLE = given('')
const WRITABLE = given(' AND g.may_write')

const POLICIES = {
  select: `FOR SELECT USING (${READABLE})`,
  insert: `FOR INSERT WITH CHECK (${WRITABLE})`,
  update: `FOR UPDATE USING (${WRITABLE}) WITH CHECK (${WRITABLE})`,
  delete: `FOR DELETE USING (${WRITABLE})`,
}

export async function hasRowSecurity(sql: Sql): Promise<boolean> {
  const row = await sql.get(
    "SELECT relrowsecurity AS on FROM pg_catalog.pg_class WHERE oid = to_regclass('rutter.events')",
  )
  return row?.['on'] === true
}

/** Puts policies on every table, also on those that a later version brought; what is there already is made anew. */
export async function secureRows(sql: Sql): Promise<void> {
  const tables = await lockedTables(sql)
  const made = tables.flatMap((table) => [
    `ALTER TABLE rutter.${table} ENABLE ROW LEVEL SECURITY`,
    ...Object.entries(POLICIES).flatMap(([name, policy]) => [
      `DROP POLICY IF EXISTS rutter_${name} ON rutter.${table}`,
      `CREATE POLICY rutter_${name} ON rutter.${table} ${policy}`,
    ]),
  ])
  await sql.all([PROJECT_GRANTS, ...made].join(';\n'))
}

/** Lets every role that has rights on the tables see all projects again. What roles were given stays, for another time. */
export async function unsecureRows(sql: Sql): Promise<void> {
  const tables = await lockedTables(sql)
  const undone = tables.flatMap((table) => [
    `ALTER TABLE rutter.${table} DISABLE ROW LEVEL SECURITY`,
    ...Object.keys(POLICIES).map((name) => `DROP POLICY IF EXISTS rutter_${name} ON rutter.${table}`),
  ])
  await sql.all(undone.join(';\n'))
}

/** The tables with rows of projects; whoever else would change what they are waits. */
async function lockedTables(sql: Sql): Promise<string[]> {
  await sql.all("SELECT 1 FROM rutter.meta WHERE project_id = '*' FOR UPDATE")
  const rows = await sql.all(
    `SELECT c.relname AS name FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = 'rutter' AND c.relkind IN ('r', 'p') ORDER BY c.relname`,
  )
  return rows.map((row) => String(row['name'])).filter((name) => !NO_PROJECTS.has(name))
}

/** What a statement says before its work, so that its connection sees less than its role may; empty where it may see all of that. */
export function narrowing(projects: readonly string[] | undefined): string {
  if (projects === undefined) return ''
  // For the transaction alone: behind a pooler the next one on this connection is somebody else's.
  return `; SET LOCAL rutter.projects = '${projects.join(',').replaceAll("'", "''")}'`
}
