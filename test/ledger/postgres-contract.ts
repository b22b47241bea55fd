import { onTestFinished } from 'vitest'
import { PostgresLedger } from '../../src/store/postgres/ledger.ts'
import { testDatabase } from '../support/postgres.ts'
import { ledgerContract } from './contract.ts'

/** The contract on the server that the test file shares. */
export function postgresContract(name: string): void {
  const urls = new Map<string, string>()
  ledgerContract(name, async ({ book, ...options }) => {
    const url = urls.get(book) ?? (await testDatabase()).url
    urls.set(book, url)
    const ledger = new PostgresLedger({ url, project_id: 'test-project', ...options })
    onTestFinished(() => ledger.close())
    return ledger
  })
}
