import { join } from 'node:path'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { SearchDoc } from '../../../src/domain/memory/search-doc.ts'
import { SEARCH_SCHEMA, SearchIndex } from '../../../src/store/postgres/search-index.ts'
import { type Row, Sql, type Value } from '../../../src/store/postgres/sql.ts'
import { TermIndex } from '../../../src/store/postgres/term-index.ts'
import { Database } from '../../../src/store/sqlite/database.ts'
import { SearchIndex as SqliteIndex } from '../../../src/store/sqlite/search-index.ts'
import { tempFolder } from '../../support/book.ts'
import { sharedServer } from '../../support/postgres.ts'
import { doc, searchContract } from '../search-contract.ts'

const NOW = '2026-11-22T12:00:00.000Z'
const DATABASE = 'searched'

let url: string
let client: pg.Client

const started = sharedServer()

beforeAll(async () => {
  const server = await started
  await server.sql(`CREATE DATABASE ${DATABASE}`)
  url = server.url(DATABASE)
  client = await connected()
  await client.query(`CREATE SCHEMA rutter; ${SEARCH_SCHEMA}`)
})

afterAll(async () => {
  await client.end()
})

async function connected(): Promise<pg.Client> {
  const made = new pg.Client({ connectionString: url, pipeline: true } as pg.ClientConfig)
  await made.connect()
  return made
}

/** The index of the file's database, emptied. */
async function emptied(): Promise<SearchIndex> {
  await client.query('TRUNCATE rutter.search_docs')
  return new SearchIndex(new Sql(client, true))
}

async function rows(text: string): Promise<Row[]> {
  return (await client.query(text)).rows as Row[]
}

searchContract('PostgreSQL', async () => {
  const index = await emptied()
  return {
    putAll: (docs) => index.putAll(docs),
    remove: (...of) => index.remove(...of),
    removeAll: (...of) => index.removeAll(...of),
    dropAll: async () => {
      const sql = new Sql(client, true)
      for (const row of await sql.all('SELECT DISTINCT project_id FROM rutter.search_docs')) {
        await index.dropAll(String(row['project_id']))
      }
    },
    search: (filter) => index.search(filter),
    begin: async () => {
      await client.query('BEGIN')
    },
    rollBack: async () => {
      await client.query('ROLLBACK')
    },
    contents: () => rows('SELECT * FROM rutter.search_docs ORDER BY project_id, kind, id'),
    size: async () => Number((await rows('SELECT count(*) AS n FROM rutter.search_docs'))[0]?.['n']),
  }
})

/** The same documents in the embedded index. */
async function embedded(): Promise<SqliteIndex> {
  const folder = tempFolder()
  const { database } = await Database.open(join(folder, 'rutter.db'), join(folder, 'torn'))
  onTestFinished(() => database.close())
  return new SqliteIndex(database)
}

/** Of rank k with a probability of about 1 / k. */
function zipf(x: number, words: number): string {
  return `word${Math.floor(words ** x)}`
}

/** Numbers from 0 to 1, the same ones each time. */
function random(seed = 1): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** So many documents of words as projects have them, each a minute after the one before. */
function drawn(count: number, { words = 3000, least = 10, most = 40, seed = 1 } = {}): SearchDoc[] {
  const next = random(seed)
  const some = (n: number) => Array.from({ length: Math.floor(n) }, () => zipf(next(), words)).join(' ')
  const kinds = ['decision', 'pattern', 'task', 'error'] as const
  return Array.from({ length: count }, (_, i) =>
    doc(`doc-${i}`, some(least + next() * (most - least)), {
      kind: kinds[Math.floor(next() * kinds.length)] ?? 'task',
      title: some(next() * 6),
      at: new Date(Date.UTC(2026, 5, 1) + i * 60_000).toISOString(),
    }),
  )
}

describe('the ranking', () => {
  test('is that of the embedded index, to the last digit of the score, where the documents can be counted', async () => {
    const [ours, theirs] = [await emptied(), await embedded()]
    const word = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }).map((x) => zipf(x, 40))
    const text = fc.array(word, { maxLength: 15 }).map((some) => some.join(' '))
    const one = fc.record({
      id: fc.integer({ min: 0, max: 20 }).map(String),
      project_id: fc.constantFrom('ours', '*'),
      kind: fc.constantFrom('decision', 'task', 'error'),
      scope: fc.constantFrom('focus', 'project', 'global'),
      title: text,
      text,
    })
    const query = fc.record({
      text,
      limit: fc.integer({ min: 1, max: 20 }),
      kinds: fc.option(fc.uniqueArray(fc.constantFrom('decision', 'task', 'summary')), { nil: undefined }),
      project_ids: fc.constantFrom(['ours'], ['ours', '*'], ['*', 'ours', 'none']),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(one, { maxLength: 60 }), fc.array(query, { maxLength: 10 }), async (docs, queries) => {
        theirs.dropAll()
        for (const project of ['ours', '*']) await ours.dropAll(project)
        // Seconds apart: within one second the embedded index knows the order of their coming, this one that of their ids.
        const dated = docs.map((one, i) =>
          doc(one.id, one.text, { ...one, at: new Date(i * 1e10).toISOString() } as never),
        )
        for (const one of dated) theirs.put(one)
        await ours.putAll(dated)
        for (const asked of queries) {
          const filter = { ...asked, now: NOW } as Parameters<SqliteIndex['search']>[0]
          expect(await ours.search(filter)).toEqual(theirs.search(filter))
        }
      }),
      { numRuns: 60 },
    )
  })

  test('is that of the embedded index also by words that hundreds have', async () => {
    const [ours, theirs] = [await emptied(), await embedded()]
    const docs = drawn(1500, { words: 200 })
    await ours.putAll(docs)
    for (const one of docs) theirs.put(one)
    const next = random(2)
    for (let i = 0; i < 150; i++) {
      const text = Array.from({ length: 1 + Math.floor(next() * 8) }, () => zipf(next(), 200)).join(' ')
      const filter = { project_ids: ['ours'], text, limit: 10, now: NOW }
      expect(await ours.search(filter), text).toEqual(theirs.search(filter))
    }
  })

  test('of more documents than are counted has nearly always the same first match, and 95 of 100 others', async () => {
    const [ours, theirs] = [await emptied(), await embedded()]
    const docs = drawn(4000)
    await ours.putAll(docs)
    for (const one of docs) theirs.put(one)
    const next = random(3)
    let [first, shared, all] = [0, 0, 0]
    const asked = 200
    for (let i = 0; i < asked; i++) {
      const words = (docs[Math.floor(next() * docs.length)]?.text ?? '').split(' ').slice(0, 6)
      const filter = { project_ids: ['ours'], text: words.join(' '), limit: 10, now: NOW }
      const [mine, other] = [await ours.search(filter), theirs.search(filter)].map((found) => found.map(({ id }) => id))
      if (mine?.[0] === other?.[0]) first++
      shared += mine?.filter((id) => other?.includes(id)).length ?? 0
      all += other?.length ?? 0
    }
    // How many have a word that more than 600 have, and how many documents there are, is told from a sample.
    expect(first / asked).toBeGreaterThan(0.95)
    expect(shared / all).toBeGreaterThan(0.95)
  })

  test('tells how many documents have a word exactly where it is scored, and where it is common within the error of a sample', async () => {
    const index = await emptied()
    const docs = drawn(4000)
    await index.putAll(docs)
    const words = Array.from({ length: 300 }, (_, i) => `word${i + 1}`)
    const uses = await new TermIndex(new Sql(client, true)).uses(words, ['ours'])
    for (const { term, docs: told } of uses) {
      const truth = docs.filter((one) => `${one.title} ${one.text}`.split(' ').includes(term)).length
      if (truth < 300) expect({ term, told }).toEqual({ term, told: truth })
      else {
        expect(told).toBeGreaterThanOrEqual(300)
        expect(Math.abs(told - truth) / Math.sqrt(64 * truth)).toBeLessThan(4)
      }
    }
  })
})

describe('a document', () => {
  test.each([
    ['a word of 16,000 characters', 'x'.repeat(16_000)],
    ['a version of 30,000 digits', `1.${'2'.repeat(900)}${`.${'3'.repeat(990)}`.repeat(29)}`],
    ['a word of 16,000 letters of two units each', '\u{10330}'.repeat(8_000)],
    ['quotes and backslashes within words', String.raw`it's C:\temp\it's\\x don''t rock'n'roll`],
    ['half a character', 'lease\ud800token and \udfff'],
    ['joined scripts', '我们使用分布式数据库连接池来提高性能'.repeat(200)],
  ])('of %s is found by its own text', async (_, text) => {
    const index = await emptied()
    await index.putAll([doc('a', text, { title: text.slice(0, 100) }), doc('b', 'another thing')])
    const matches = await index.search({ project_ids: ['ours'], text, limit: 10, now: NOW })
    expect(matches.map(({ id }) => id)).toEqual(['a'])
  })

  test('of more different words than the server has room for is found by the first of them', async () => {
    const index = await emptied()
    const words = Array.from({ length: 120_000 }, (_, i) => `distinct${i}`)
    await index.put(doc('a', words.join(' ')))
    const found = async (text: string) =>
      (await index.search({ project_ids: ['ours'], text, limit: 5, now: NOW })).length
    expect(await found('distinct0 distinct30000')).toBe(1)
    expect(await found('distinct119999')).toBe(0)
  })

  test('with an id of any length is kept, replaced, found and removed by it', async () => {
    const index = await emptied()
    const long = 'i\u0000d'.repeat(3000)
    await index.putAll([doc(long, 'one word'), doc(`${long}x`, 'one word'), doc(long.slice(0, 300), 'one word')])
    await index.put(doc(long, 'a word of zanzibar'))
    const found = async (text: string) =>
      (await index.search({ project_ids: ['ours'], text, limit: 5, now: NOW })).map(({ id }) => id)
    expect(await found('zanzibar')).toEqual([long])
    await index.removeAll('ours', 'decision', `${long}x`)
    expect((await found('word')).sort()).toEqual([long.slice(0, 300), long])
    await index.remove('ours', 'decision', long)
    expect(await found('word')).toEqual([long.slice(0, 300)])
    await index.removeAll('ours', 'decision', '')
    expect(await found('word')).toEqual([])
  })

  test('with a long text has its passage, from wherever that stands', async () => {
    const index = await emptied()
    await index.put(doc('a', `${'Filler. '.repeat(5000)}The lease is renewed.`))
    const [match] = await index.search({ project_ids: ['ours'], text: 'lease', limit: 5, now: NOW })
    expect(match?.snippet).toContain('The lease is renewed.')
  })

  test('that is put twice at once is there once, as it was put last', async () => {
    const index = await emptied()
    await index.putAll([doc('a', 'the first'), doc('b', 'other'), doc('a', 'the last')])
    expect(await rows('SELECT id, text FROM rutter.search_docs ORDER BY id')).toEqual([
      { id: 'a', text: 'the last' },
      { id: 'b', text: 'other' },
    ])
    await index.putAll([])
    await index.removeMany([])
  })

  test('of another project is left alone when one is dropped', async () => {
    const index = await emptied()
    await index.putAll([doc('a', 'one word'), doc('a', 'one word', { project_id: 'theirs' })])
    await index.dropAll('ours')
    expect(await rows('SELECT project_id FROM rutter.search_docs')).toEqual([{ project_id: 'theirs' }])
  })
})

describe('eight connections at once', () => {
  test('put and remove the same documents without a deadlock, and the counts are right at the end', async () => {
    const index = await emptied()
    const docs = drawn(200, { words: 100 })
    const others = await Promise.all(Array.from({ length: 8 }, connected))
    onTestFinished(async () => {
      await Promise.all(others.map((other) => other.end()))
    })
    await Promise.all(
      others.map(async (other, who) => {
        const [mine, next] = [new SearchIndex(new Sql(other, true)), random(who + 1)]
        for (let i = 0; i < 25; i++) {
          const some = docs.filter(() => next() < 0.2).sort(() => next() - 0.5)
          await other.query('BEGIN')
          if (next() < 0.3) await mine.removeMany(some)
          else await mine.putAll(some)
          await other.query(next() < 0.2 ? 'ROLLBACK' : 'COMMIT')
        }
      }),
    )
    await index.putAll(docs.slice(0, 150))
    await index.removeMany(docs.slice(150))
    const words = Array.from({ length: 100 }, (_, i) => `word${i + 1}`)
    const uses = await new TermIndex(new Sql(client, true)).uses(words, ['ours'])
    expect(uses).toEqual(
      words.map((term) => ({
        term,
        docs: docs.slice(0, 150).filter((one) => `${one.title} ${one.text}`.split(' ').includes(term)).length,
      })),
    )
  })

  test('put different documents of the same words without waiting for each other', async () => {
    await emptied()
    const [one, other] = [await connected(), await connected()]
    onTestFinished(async () => {
      await Promise.all([one.end(), other.end()])
    })
    await one.query('BEGIN')
    await new SearchIndex(new Sql(one, true)).put(doc('a', 'the same words'))
    // The first has not committed; a second that waited for it would never come back.
    await other.query("SET lock_timeout = '2s'")
    await new SearchIndex(new Sql(other, true)).put(doc('b', 'the same words'))
    await one.query('COMMIT')
    expect(await rows('SELECT count(*)::integer AS n FROM rutter.search_docs')).toEqual([{ n: 2 }])
  })
})

/** Keeps, beside each answer, the plan that the server has for a statement whose values it does not know yet. */
class PlannedSql extends Sql {
  readonly plans: string[] = []

  override async all(text: string, values: readonly Value[] = []): Promise<Row[]> {
    const name = `planned_${this.plans.length}`
    this.plans.push('')
    const literals = values.map((value) => pg.escapeLiteral(Array.isArray(value) ? arrayOf(value) : String(value)))
    await client.query(`PREPARE ${name} AS ${text}`)
    const lines = (await client.query(`EXPLAIN EXECUTE ${name} (${literals.join(', ')})`)).rows as Row[]
    this.plans[Number(name.slice('planned_'.length))] = lines.map((line) => line['QUERY PLAN']).join('\n')
    await client.query(`DEALLOCATE ${name}`)
    return await super.all(text, values)
  }
}

function arrayOf(values: readonly unknown[]): string {
  return `{${values.map((value) => JSON.stringify(String(value))).join(',')}}`
}

test('a search reads no whole table, however its statements were planned', async () => {
  const index = await emptied()
  const docs = drawn(8000)
  await index.putAll(docs)
  await index.putAll(Array.from({ length: 300 }, (_, i) => doc('a', 'a small project', { project_id: `small-${i}` })))
  await client.query('ANALYZE rutter.search_docs; SET plan_cache_mode = force_generic_plan')
  onTestFinished(async () => {
    await client.query('RESET plan_cache_mode')
  })
  const sql = new PlannedSql(client, true)
  const planned = new SearchIndex(sql)
  for (const text of [docs[77]?.text ?? '', 'word1 word2 word3', `it's zanzibar\\zanzibar`]) {
    await planned.search({ project_ids: ['ours', '*'], text, limit: 5, now: NOW })
    await planned.search({ project_ids: ['ours'], text, limit: 5, kinds: ['summary'], now: NOW })
  }
  expect(sql.plans.length).toBeGreaterThan(12)
  for (const plan of sql.plans) expect(plan).not.toContain('Seq Scan')
  expect(sql.plans.join('\n')).toContain('Bitmap Index Scan on search_docs_by_term')
})
