import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { Database } from '../../src/store/sqlite/database.ts'
import { WordSets } from '../../src/store/sqlite/word-sets.ts'
import { type WordSetsIndex, wordSetsContract } from './word-sets-contract.ts'

const folder = mkdtempSync(join(tmpdir(), 'rutter-word-sets-'))
let database: Database
let index: WordSetsIndex

beforeAll(async () => {
  database = (await Database.open(join(folder, 'rutter.db'), join(folder, 'torn'))).database
  const sets = new WordSets(database)
  index = {
    sets,
    dropAll: () => sets.dropAll(),
    begin: () => database.begin(),
    rollBack: () => database.rollBack(),
    count: (table) => Number(database.sql(`SELECT count(*) AS n FROM ${table}`).get()?.['n']),
  }
})
afterAll(() => {
  database.close()
  rmSync(folder, { recursive: true, force: true })
})

wordSetsContract('SQLite', () => index, { runs: 400 })
