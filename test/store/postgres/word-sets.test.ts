import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Sql } from '../../../src/store/postgres/sql.ts'
import { WORD_SETS_SCHEMA, WordSets } from '../../../src/store/postgres/word-sets.ts'
import { sharedServer } from '../../support/postgres.ts'
import { ROOMS, type WordSetsIndex, wordSetsContract } from '../word-sets-contract.ts'

const TABLES = ['word_set_numbers', 'word_set_words', 'word_set_rooms', 'word_sets', 'word_set_leads']
const ROOM = { project_id: 'p-1', room: 'project' }

const server = sharedServer()
let client: pg.Client
let sql: Sql
let sets: WordSets
let index: WordSetsIndex

beforeAll(async () => {
  client = new pg.Client({ connectionString: (await server).url('postgres'), pipeline: true } as pg.ClientConfig)
  await client.connect()
  await client.query(`CREATE SCHEMA rutter; ${WORD_SETS_SCHEMA}`)
  sql = new Sql(client, true)
  sets = new WordSets(sql)
  index = {
    sets,
    dropAll: async () => {
      for (const { project_id } of [...ROOMS, { project_id: "p'%" }]) await sets.dropAll(project_id)
    },
    begin: async () => void (await sql.all('BEGIN')),
    rollBack: async () => void (await sql.all('ROLLBACK')),
    count: async (table) => Number((await sql.get(`SELECT count(*) AS n FROM rutter.${table}`))?.['n']),
  }
})
afterAll(() => client.end())

// Each look waits for a server, so there are fewer of them.
wordSetsContract('PostgreSQL', () => index, { runs: 60 })

describe('PostgreSQL: the index of word sets', () => {
  test('takes words, rooms and ids that are longer than an entry of an index may be', async () => {
    const long = (end: string) => `${'語'.repeat(16_000)}${end}`
    const room = { project_id: 'p-1', room: `focus:${long('')}` }
    await sets.put(room, long('a'), [long('1'), long('2'), 'short'])
    await sets.put(room, long('b'), [long('1'), long('3'), 'short'])
    expect(await sets.similar(room, [long('1'), long('2'), 'short'], 0.5)).toEqual([
      { doc: long('a'), similarity: 1 },
      { doc: long('b'), similarity: 0.5 },
    ])
    await sets.remove(room, long('a'))
    await sets.put(room, long('b'), ['x'])
    expect(await sets.similar(room, ['x'], 1)).toEqual([{ doc: long('b'), similarity: 1 }])
    expect(await index.count('word_sets')).toBe(1)
  })

  test('takes no word for another whose digest it is', async () => {
    await sets.put(ROOM, 'long', ['x'.repeat(1000)])
    const row = await sql.get("SELECT word FROM rutter.word_set_words WHERE word LIKE 'sha256:%'")
    const digest = String(row?.['word'])
    await sets.put(ROOM, 'digest', [digest])
    expect(await sets.similar(ROOM, [digest], 0.5)).toEqual([{ doc: 'digest', similarity: 1 }])
    expect(await sets.similar(ROOM, ['x'.repeat(1000)], 0.5)).toEqual([{ doc: 'long', similarity: 1 }])
  })

  test('leaves the sets of other projects when one is dropped', async () => {
    for (const room of ROOMS) await sets.put(room, 'a', ['a', 'b'])
    await sets.dropAll('p-1')
    const found = await Promise.all(ROOMS.map((room) => sets.similar(room, ['a', 'b'], 0.5)))
    expect(found.map(({ length }) => length)).toEqual([0, 0, 1])
  })

  test('takes many sets out at once, and those that are not there', async () => {
    await sets.putAll(['a', 'b', 'c'].map((doc) => ({ room: ROOM, doc, words: ['x', doc] })))
    await sets.removeAll(['a', 'nobody', 'c', 'a'].map((doc) => ({ room: ROOM, doc })))
    expect(await Promise.all(['word_sets', 'word_set_leads'].map(index.count))).toEqual([1, 2])
  })

  test.each(['force_generic_plan', 'force_custom_plan'])('looks everything up by an index, with %s', async (mode) => {
    const words = (n: number) =>
      Array.from({ length: 15 }, (_, i) => `w${Math.floor(5000 ** (((n * 31 + i * 17) % 97) / 97))}`)
    const family = (n: number) => ({ room: ROOM, doc: `doc-${n}`, words: [...words(n), `own-${n}`, `kin-${n % 500}`] })
    await sets.putAll(Array.from({ length: 4000 }, (_, n) => family(n)))
    await sql.all(`SET plan_cache_mode = ${mode}`)
    try {
      for (const known of ['nothing', 'everything']) {
        if (known === 'everything') await sql.all('ANALYZE')
        await sql.all('BEGIN')
        const scans = async () => {
          const row = await sql.get(
            `SELECT sum(seq_scan) AS n FROM pg_stat_xact_user_tables
             WHERE relname IN ('word_set_words', 'word_sets', 'word_set_leads')`,
          )
          return Number(row?.['n'])
        }
        const before = await scans()
        for (let n = 0; n < 20; n++) {
          expect((await sets.similar(ROOM, family(n).words, 0.5)).length).toBeGreaterThan(0)
          await sets.put(ROOM, `doc-${n}`, [...words(n), 'another'])
          await sets.remove(ROOM, `doc-${n}`)
        }
        expect(await scans()).toBe(before)
        await sql.all('ROLLBACK')
      }
    } finally {
      await sql.all('RESET plan_cache_mode')
    }
  })

  test('has every table, and nothing else', async () => {
    const rows = await sql.all("SELECT tablename FROM pg_tables WHERE schemaname = 'rutter' ORDER BY tablename")
    expect(rows.map((row) => row['tablename'])).toEqual([...TABLES].sort())
  })
})
