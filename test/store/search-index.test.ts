import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Database } from '../../src/store/sqlite/database.ts'
import { SearchIndex } from '../../src/store/sqlite/search-index.ts'
import { tempFolder } from '../support/book.ts'
import { searchContract } from './search-contract.ts'

const TABLES = ['search_docs', 'search_terms_data', 'search_terms_idx', 'search_terms_docsize']

searchContract('SQLite', async () => {
  const folder = tempFolder()
  const { database: db } = await Database.open(join(folder, 'rutter.db'), join(folder, 'torn'))
  onTestFinished(() => db.close())
  const index = new SearchIndex(db)
  return {
    putAll: (docs) => {
      for (const doc of docs) index.put(doc)
    },
    remove: (...of) => index.remove(...of),
    removeAll: (...of) => index.removeAll(...of),
    dropAll: () => index.dropAll(),
    search: (filter) => index.search(filter),
    begin: () => db.begin(),
    rollBack: () => db.rollBack(),
    contents: () => TABLES.map((table) => db.sql(`SELECT * FROM ${table}`).all()),
    size: () => Number(db.sql('SELECT count(*) AS n FROM search_terms_docsize').get()?.['n']),
  }
})
