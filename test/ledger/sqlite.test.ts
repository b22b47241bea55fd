import { tempFolder, testBook } from '../support/book.ts'
import { ledgerContract } from './contract.ts'

const roots = new Map<string, string>()

ledgerContract('SQLite and files', ({ book, ...options }) => {
  const root = roots.get(book) ?? tempFolder()
  roots.set(book, root)
  return testBook({ root }).open(options)
})
