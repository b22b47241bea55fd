import { describe, expect, test } from 'vitest'
import { sharedServer } from '../support/postgres.ts'
import { postgresPrograms } from '../support/postgres-server.ts'
import { postgresContract } from './postgres-contract.ts'

/* All other tests are on the newest server that is here; the contract is also for the oldest. */

const [oldest, ...newer] = await postgresPrograms()
const isTheOnlyOne = newer.length === 0

describe.skipIf(isTheOnlyOne)(`PostgreSQL ${oldest?.major}, where a newer one is here as well`, () => {
  if (isTheOnlyOne) return
  void sharedServer(oldest)

  test('is what is asked', async () => {
    const [row] = await (await sharedServer()).sql('SHOW server_version')
    expect(row?.['server_version']).toMatch(new RegExp(`^${oldest?.major}\\.`))
  })

  postgresContract('the oldest PostgreSQL')
})
