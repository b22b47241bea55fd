import type { Migrated, StoreAbout, TeamStore } from '../../ports/team-store.ts'
import { bringUp } from './access.ts'
import { standingOf } from './migrate.ts'
import { migrations } from './migrations.ts'
import { Pool, type PoolOptions } from './pool.ts'
import { hasRowSecurity, secureRows, unsecureRows } from './row-security.ts'
import type { Sql } from './sql.ts'

/** The function behind the operator by which a document is found. */
const MATCHES = 'pg_catalog.ts_match_vq(tsvector, tsquery)'

/** The team's database as its owner sees it. */
export class PostgresTeamStore implements TeamStore {
  readonly where: string
  readonly #pool: Pool

  constructor(options: PoolOptions) {
    this.#pool = new Pool({ ...options, max: 1 })
    this.where = this.#pool.where
  }

  async about(): Promise<StoreAbout> {
    return await this.#pool.read((sql) => about(sql, this.where))
  }

  async migrate({ rowLevelSecurity }: { readonly rowLevelSecurity?: boolean | undefined }): Promise<Migrated> {
    const work = async (sql: Sql) => {
      const steps = await bringUp(sql, this.where)
      const was = await hasRowSecurity(sql)
      if (rowLevelSecurity === true) await secureRows(sql)
      if (rowLevelSecurity === false && was) await unsecureRows(sql)
      const now = await about(sql, this.where)
      const before = migrations.length - steps
      return {
        result: { ...now, before, steps, row_level_security_changed: now.row_level_security !== was },
        happened: null,
      }
    }
    // A step may be over a large table, and waits for those who are at work on it.
    return await this.#pool.write(work, { pace: 'long' })
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }
}

async function about(sql: Sql, where: string): Promise<StoreAbout> {
  // An index is looked into before the policies are only by functions of which it is certain that they give nothing away.
  const row = await sql.get(
    `SELECT current_user AS role, current_setting('server_version') AS version,
       (SELECT proleakproof FROM pg_catalog.pg_proc WHERE oid = to_regprocedure($1)) AS is_leakproof`,
    [MATCHES],
  )
  const isSecured = await hasRowSecurity(sql)
  const standing = await standingOf(sql, where)
  const hasTables = standing === 'current' || standing === 'behind'
  const version = hasTables ? await sql.get("SELECT version FROM rutter.meta WHERE project_id = '*'") : undefined
  const isByIndex = !isSecured || row?.['is_leakproof'] === true
  return {
    server: `PostgreSQL ${row?.['version']}`,
    role: String(row?.['role']),
    version: version === undefined ? null : Number(version['version']),
    newest: migrations.length,
    row_level_security: isSecured,
    search_by_index: isByIndex,
    search_remedy: isByIndex ? null : `ALTER FUNCTION ${MATCHES} LEAKPROOF;`,
  }
}
