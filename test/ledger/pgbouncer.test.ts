import { afterAll, beforeAll, describe, onTestFinished, test } from 'vitest'
import { PostgresLedger } from '../../src/store/postgres/ledger.ts'
import { PGBOUNCER, type Pooler, startPgbouncer } from '../support/pgbouncer.ts'
import { sharedServer, testDatabase } from '../support/postgres.ts'
import { ledgerContract } from './contract.ts'

if (PGBOUNCER === null) {
  describe('PostgreSQL behind pgbouncer', () => {
    test.skip('keeps what every ledger promises (not tested: pgbouncer is not installed here)', () => {})
  })
} else {
  void sharedServer()
  let pooler: Pooler
  beforeAll(async () => {
    pooler = await startPgbouncer(await sharedServer(), ['admin'])
  })
  afterAll(() => pooler.end())

  const urls = new Map<string, string>()

  /** Two connections for all, and each transaction on whichever is free. */
  ledgerContract('PostgreSQL behind pgbouncer in transaction mode', async ({ book, ...options }) => {
    const url = urls.get(book) ?? pooler.url((await testDatabase()).name)
    urls.set(book, url)
    const ledger = new PostgresLedger({ url, project_id: 'test-project', ...options })
    onTestFinished(() => ledger.close())
    return ledger
  })
}
