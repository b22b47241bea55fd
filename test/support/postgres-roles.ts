import { onTestFinished } from 'vitest'
import type { ProjectRights } from '../../src/ports/team-store.ts'
import { grantsFor } from '../../src/store/postgres/access.ts'
import { PostgresTeamStore } from '../../src/store/postgres/team-store.ts'
import type { testDatabase } from './postgres.ts'

type TestDatabase = Awaited<ReturnType<typeof testDatabase>>

let roles = 0

/** Makes Rutter's tables in a database, as its administrator; row-level security as it is said. */
export async function migrated({ url }: Pick<TestDatabase, 'url'>, rowLevelSecurity?: boolean): Promise<void> {
  const store = new PostgresTeamStore({ url })
  await store.migrate({ rowLevelSecurity })
  await store.close()
}

/** A role that can log in and do nothing else; it goes with the test, and with it what it owns. */
export async function newRole({ url, name, server }: TestDatabase): Promise<{ role: string; url: string }> {
  const role = `role_${process.pid}_${++roles}`
  await server.sql(`CREATE ROLE ${role} LOGIN`)
  onTestFinished(async () => {
    await server.sql(`DROP OWNED BY ${role}`, name)
    await server.sql(`DROP ROLE ${role}`)
  })
  return { role, url: asRole(url, role) }
}

/** A role with the rights of agents, in a database that has the tables. With projects, row-level security is on. */
export async function agentRole(
  database: TestDatabase,
  projects?: ProjectRights,
): Promise<{ role: string; url: string }> {
  await migrated(database, projects === undefined ? undefined : true)
  const agent = await newRole(database)
  await database.server.sql(grantsFor(agent.role, projects ?? { writes: [], reads: [] }), database.name)
  return agent
}

/** The address of the same database for another role. */
function asRole(url: string, role: string): string {
  return url.replace(/^(postgres:\/\/)[^@/]*@/, `$1${role}@`)
}
