import { onTestFinished } from 'vitest'
import { PostgresLedger } from '../../src/store/postgres/ledger.ts'
import { sharedServer, testDatabase } from '../support/postgres.ts'
import { agentRole } from '../support/postgres-roles.ts'
import { ledgerContract } from './contract.ts'

void sharedServer()

const urls = new Map<string, string>()

/** A role that may change rows and nothing else, and sees one project and the global one. */
ledgerContract('PostgreSQL, as the role of one project', async ({ book, ...options }) => {
  const url =
    urls.get(book) ?? (await agentRole(await testDatabase(), { writes: ['test-project', '*'], reads: [] })).url
  urls.set(book, url)
  const ledger = new PostgresLedger({ url, project_id: 'test-project', projects: ['test-project', '*'], ...options })
  onTestFinished(() => ledger.close())
  return ledger
})
