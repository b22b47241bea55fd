import { onTestFinished } from 'vitest'
import { PostgresLedger } from '../../src/store/postgres/ledger.ts'
import { sharedServer, testDatabase } from '../support/postgres.ts'
import { ledgerContract } from './contract.ts'

void sharedServer()

const urls = new Map<string, string>()

ledgerContract('PostgreSQL', async ({ book, ...options }) => {
  const url = urls.get(book) ?? (await testDatabase()).url
  urls.set(book, url)
  const ledger = new PostgresLedger({ url, project_id: 'test-project', ...options })
  onTestFinished(() => ledger.close())
  return ledger
})
