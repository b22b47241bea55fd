import { Refusal } from '../../domain/refusal.ts'
import type { ProjectRights } from '../../ports/team-store.ts'
import { migrate, type Standing } from './migrate.ts'
import { hasRowSecurity, secureRows } from './row-security.ts'
import type { Sql } from './sql.ts'

/** Who asks for what, and where. */
export interface Visitor {
  readonly where: string
  readonly project_id: string
  /** The projects that this process keeps to; `undefined` where it may see what its role may. */
  readonly projects?: readonly string[] | undefined
}

/** Takes the steps that the database lacks; policies, where there are any, are put on what is new. Gives the number of steps. */
export async function bringUp(sql: Sql, where: string): Promise<number> {
  const steps = await migrate(sql, where)
  if (steps > 0 && (await hasRowSecurity(sql))) await secureRows(sql)
  return steps
}

/**
 * Refuses where row-level security would show an empty book instead of this project's, or where a limit was asked for that nothing
 * would keep. Asked once a process, of tables that are current.
 */
export async function checkAccess(sql: Sql, { where, project_id, projects }: Visitor): Promise<void> {
  if (projects !== undefined && !projects.includes(project_id)) {
    throw new Refusal(
      'store_unavailable',
      `This process is limited to ${projects.join(', ')}, and the project here is "${project_id}".`,
      { hint: 'Add it to RUTTER_PROJECTS, or call from another repository.' },
    )
  }
  const isSecured = await hasRowSecurity(sql)
  const row = isSecured
    ? await sql.get(
        `SELECT session_user AS role, row_security_active('rutter.events') AS active,
           EXISTS (SELECT 1 FROM rutter.project_grants WHERE project_id = $1 AND role_name = session_user::text) AS given`,
        [project_id],
      )
    : undefined
  if (projects !== undefined && row?.['active'] !== true) {
    const why = isSecured
      ? `its role "${row?.['role']}" stands outside row-level security, as the owner of the tables does`
      : 'row-level security is off there'
    throw new Refusal(
      'store_unavailable',
      `RUTTER_PROJECTS is set, and nothing at ${where} would keep to it: ${why}.`,
      {
        hint: isSecured
          ? 'Connect as a role that owns nothing: docs/scale.md, "Which database, which role".'
          : 'Let the owner of the tables run rutter migrate --row-level-security, or unset RUTTER_PROJECTS.',
      },
    )
  }
  if (row?.['active'] === true && row['given'] !== true) {
    throw new Refusal(
      'store_unavailable',
      `The role "${row['role']}" was not given project "${project_id}" at ${where}, where each role sees only its own projects.`,
      {
        hint: `Let the owner of the tables run what this prints: rutter migrate --print-grants ${row['role']} --projects ${project_id}`,
      },
    )
  }
}

/** The refusal for tables that are missing or old, where this role may not make them; anything else as it is. */
export function notByThisRole(error: unknown, standing: Standing, where: string): unknown {
  const code = ((error as Error).cause as { code?: unknown } | undefined)?.code
  if (code !== '42501') return error
  const what =
    standing === 'behind'
      ? `The tables at ${where} are older than this Rutter, and its role may not change them.`
      : `The database at ${where} has no tables of Rutter's, and its role may not make them.`
  return new Refusal('store_unavailable', `${what} Nothing was changed.`, {
    hint: 'Let their owner run rutter migrate --store URL once, with this version of Rutter and an address of its own.',
    cause: error,
  })
}

/** SQL that gives a role what agents need: rows, and no table or right. */
export function grantsFor(role: string, { writes, reads }: ProjectRights): string {
  const to = `"${role.replaceAll('"', '""')}"`
  const rows = [...reads.map((id) => [id, false] as const), ...writes.map((id) => [id, true] as const)]
  const values = rows.map(([id, mayWrite]) => `  (${quoted(id)}, ${quoted(role)}, ${mayWrite})`)
  return [
    "-- To be run by the owner of Rutter's tables, in the database that has them.",
    `GRANT USAGE ON SCHEMA rutter TO ${to};`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA rutter TO ${to};`,
    '-- Which version the tables have is for their owner to say.',
    `REVOKE INSERT, UPDATE, DELETE ON rutter.meta FROM ${to};`,
    '-- The same on tables that a later version brings.',
    `ALTER DEFAULT PRIVILEGES IN SCHEMA rutter GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${to};`,
    ...(values.length === 0
      ? []
      : [
          '-- The projects that it sees where row-level security is on.',
          'INSERT INTO rutter.project_grants (project_id, role_name, may_write) VALUES',
          values.join(',\n'),
          'ON CONFLICT (project_id, role_name) DO UPDATE SET may_write = excluded.may_write;',
        ]),
  ].join('\n')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
