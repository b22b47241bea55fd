import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { SearchDoc } from '../../src/domain/memory/search-doc.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SearchIndex } from '../../src/store/sqlite/search-index.ts'
import { tempFolder } from '../support/book.ts'

const NOW = '2026-11-22T12:00:00.000Z'

let db: Database
let index: SearchIndex

beforeEach(async () => {
  const folder = tempFolder()
  db = (await Database.open(join(folder, 'rutter.db'), join(folder, 'torn'))).database
  onTestFinished(() => db.close())
  index = new SearchIndex(db)
})

function put(id: string, text: string, over: Partial<SearchDoc> = {}): void {
  index.put({
    project_id: 'ours',
    kind: 'decision',
    id,
    scope: 'project',
    focus: null,
    session_id: null,
    at: '2026-01-01T00:00:00.000Z',
    title: '',
    text,
    ...over,
  })
}

function search(text: string, over: Partial<Parameters<SearchIndex['search']>[0]> = {}) {
  return index.search({ project_ids: ['ours'], text, limit: 10, now: NOW, ...over })
}

function found(text: string, over: Partial<Parameters<SearchIndex['search']>[0]> = {}): string[] {
  return search(text, over).map((match) => match.id)
}

/** Everything that the index consists of. */
function contents(): unknown {
  return ['search_docs', 'search_terms_data', 'search_terms_idx', 'search_terms_docsize'].map((table) =>
    db.sql(`SELECT * FROM ${table}`).all(),
  )
}

describe('the search index finds', () => {
  test('a word in its other forms', () => {
    put('a', 'The client retries three times')
    put('b', 'Nothing of the kind')
    expect(found('retry')).toEqual(['a'])
    expect(found('RETRYING')).toEqual(['a'])
  })

  test.each([
    ['getUserName', 'user name'],
    ['getUserName', 'getusername'],
    ['max_consecutive_failures', 'consecutive'],
    ['max_consecutive_failures', 'MAX_CONSECUTIVE_FAILURES'],
    ['src/log/chain.ts', 'chain.ts'],
    ['src/log/chain.ts', 'src/log/chain.ts'],
    ['src/log/chain.ts', 'chain'],
    ['better-sqlite3', 'sqlite3'],
    ['written in C++', 'C++'],
    ['Node v24.15.0 at least', '24.15.0'],
    ['reads .env first', '.env'],
  ])('%s by %s', (text, query) => {
    put('a', `we chose ${text} today`)
    put('b', 'another thing altogether, in C')
    expect(found(query)).toEqual(['a'])
  })

  test.each([
    ['我们使用分布式数据库连接池来提高性能', '数据库'],
    ['我们使用分布式数据库连接池来提高性能', '连接池'],
    ['データベースの接続を再試行する', '接続'],
    ['データベースの接続を再試行する', 'データ'],
    ['데이터베이스 연결을 다시 시도한다', '연결'],
    ['เราใช้ฐานข้อมูลแบบกระจาย', 'ฐานข้อมูล'],
    ['先にRedisを使う', 'redis'],
  ])('a word inside %s', (text, query) => {
    put('a', text)
    put('b', '完全に別のこと')
    expect(found(query)).toEqual(['a'])
  })

  test('what has the rarer of two words first', () => {
    for (let i = 0; i < 20; i++) put(`cache-${i}`, 'the cache is warm')
    put('eviction', 'the eviction is slow')
    expect(found('cache eviction')[0]).toBe('eviction')
  })

  test('a word in the title before the same word in the text', () => {
    put('text', 'pooling of connections', { title: 'Storage' })
    put('title', 'of connections, storage', { title: 'Pooling' })
    put('other', 'something else', { title: 'Nothing' })
    expect(found('pooling')).toEqual(['title', 'text'])
  })

  test('only the kinds that are asked for, also those that a common word hides', () => {
    put('old', 'the deploy failed', { kind: 'error', at: '2020-01-01T00:00:00.000Z' })
    for (let i = 0; i < 500; i++) put(`task-${i}`, 'deploy this', { kind: 'task' })
    expect(found('deploy', { kinds: ['error'] })).toEqual(['old'])
    expect(found('deploy', { kinds: ['error', 'pattern'], limit: 1 })).toEqual(['old'])
    expect(found('deploy', { kinds: ['pattern'] })).toEqual([])
    expect(found('deploy', { kinds: [] })).toEqual([])
  })

  test('nothing by stop words, and all else beside them', () => {
    put('a', 'to be or not to be')
    expect(found('the and of to be')).toEqual([])
    put('b', 'the lease')
    expect(found('what is the lease')).toEqual(['b'])
  })

  test('documents by words that hundreds have: those with most of the words, and of these the newest', () => {
    const day = (i: number) => new Date(Date.UTC(2020, 0, 1 + i)).toISOString()
    for (let i = 0; i < 1500; i++) {
      put(`one-${i}`, ['deploy the server', 'a failing test', 'deploy the failing test'][i % 3] ?? '', { at: day(i) })
    }
    expect(found('failing test deploy', { limit: 3 })).toEqual(['one-1499', 'one-1496', 'one-1493'])
    expect(found('server', { limit: 2 })).toEqual(['one-1497', 'one-1494'])
  })

  test('a rare word of a long text, whatever stands around it', () => {
    put('a', 'the zanzibar incident')
    for (let i = 0; i < 30; i++) put(`other-${i}`, 'deploy the failing test')
    const long = `${'deploy the failing test again and again. '.repeat(100)} zanzibar ${'x'.repeat(1_000_000)}`
    expect(found(long)[0]).toBe('a')
  })
})

describe('of equal texts', () => {
  test('the narrower scope comes first', () => {
    put('global', 'use tabs', { project_id: '*', scope: 'global' })
    put('project', 'use tabs')
    put('focus', 'use tabs', { scope: 'focus', focus: 'editor' })
    expect(found('tabs', { project_ids: ['ours', '*'] })).toEqual(['focus', 'project', 'global'])
  })

  test('the fresher comes first, whatever the order in which they came', () => {
    put('week', 'use tabs', { at: '2026-11-20T00:00:00.000Z' })
    put('year', 'use tabs', { at: '2025-11-20T00:00:00.000Z' })
    put('month', 'use tabs', { at: '2026-11-01T00:00:00.000Z' })
    put('day', 'use tabs', { at: '2026-11-21T00:00:00.000Z' })
    expect(found('tabs')).toEqual(['day', 'week', 'month', 'year'])
  })

  test('and equal times the order is that of their ids, every time', () => {
    for (const id of ['c', 'a', 'b']) put(id, 'use tabs')
    expect(found('tabs')).toEqual(['a', 'b', 'c'])
  })

  test('a better text is not overtaken by being fresh', () => {
    put('fresh', 'tabs and other matters of taste, such as colour, font, size and the width of a line', {
      at: '2026-11-21T00:00:00.000Z',
    })
    for (let i = 0; i < 10; i++) put(`old-${i}`, 'indent by tabs')
    for (let i = 0; i < 10; i++) put(`else-${i}`, 'a word on merges')
    expect(found('indent tabs')[0]).toBe('old-0')
  })
})

describe('a match', () => {
  test('says what it is, with a passage in its own words', () => {
    put('a', `${'Filler. '.repeat(60)}The lease is renewed by appends.${' More.'.repeat(60)}`, {
      kind: 'summary',
      scope: 'focus',
      focus: 'locks',
      session_id: 's-1',
      title: 'Locks',
    })
    const [match] = search('leases')
    expect(match).toEqual({
      project_id: 'ours',
      kind: 'summary',
      id: 'a',
      scope: 'focus',
      focus: 'locks',
      session_id: 's-1',
      at: '2026-01-01T00:00:00.000Z',
      title: 'Locks',
      snippet: expect.stringContaining('The lease is renewed by appends.'),
      score: expect.any(Number),
    })
    expect(match?.snippet.length).toBeLessThanOrEqual(202)
  })

  test('has a score that never rises down the list', () => {
    for (let i = 0; i < 50; i++)
      put(`doc-${i}`, `tabs ${'and spaces '.repeat(i % 7)}`, { title: i % 3 === 0 ? 'tabs' : '' })
    const scores = search('tabs spaces', { limit: 50 }).map((match) => match.score)
    expect(scores).toHaveLength(50)
    expect(scores).toEqual([...scores].sort((a, b) => b - a))
  })
})

describe('what is replaced or removed', () => {
  test('leaves nothing behind', () => {
    put('a', 'the old words', { title: 'Former' })
    put('a', 'the new words', { title: 'Latter', at: '2026-02-02T00:00:00.000Z' })
    expect(found('old')).toEqual([])
    expect(found('former')).toEqual([])
    expect(found('new')).toEqual(['a'])
    expect(search('latter words')).toHaveLength(1)
    index.remove('ours', 'decision', 'a')
    expect(found('new')).toEqual([])
    expect(found('words')).toEqual([])
    expect(db.sql('SELECT count(*) AS n FROM search_terms_docsize').get()?.['n']).toBe(0)
  })

  test('is of its own kind and project only', () => {
    put('a', 'one word')
    put('a', 'one word', { kind: 'pattern' })
    put('a', 'one word', { project_id: 'theirs' })
    index.remove('ours', 'decision', 'a')
    index.remove('ours', 'decision', 'never-there')
    expect(search('word').map((match) => match.kind)).toEqual(['pattern'])
    expect(found('word', { project_ids: ['theirs'] })).toEqual(['a'])
  })

  test('by the beginning of its id takes no other with it', () => {
    for (const id of ['s-1/a', 's-1/b', 's-10/a', 's-1', 's-2/a']) put(id, 'one word', { kind: 'task' })
    put('s-1/a', 'one word')
    index.removeAll('ours', 'task', 's-1/')
    expect(found('word', { kinds: ['task'] }).sort()).toEqual(['s-1', 's-10/a', 's-2/a'])
    expect(found('word', { kinds: ['decision'] })).toEqual(['s-1/a'])
  })

  test('all of it, and what comes after is found again', () => {
    for (let i = 0; i < 30; i++) put(`doc-${i}`, 'some words')
    index.dropAll()
    expect(found('words')).toEqual([])
    put('after', 'other words')
    expect(found('words')).toEqual(['after'])
  })

  test('comes back with a transaction that is rolled back', () => {
    put('a', 'the old words')
    const before = contents()
    db.begin()
    put('a', 'the new words')
    put('b', 'more words')
    index.remove('ours', 'decision', 'b')
    index.dropAll()
    db.rollBack()
    expect(contents()).toEqual(before)
    expect(found('old')).toEqual(['a'])
  })

  test('agrees with a fresh index after any sequence of changes', () => {
    const words = ['alpha', 'beta', 'gamma', 'delta']
    const change = fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      text: fc.option(fc.array(fc.constantFrom(...words), { maxLength: 4 }).map((some) => some.join(' '))),
    })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
        index.dropAll()
        const left = new Map<string, string>()
        for (const { id, text } of changes) {
          if (text === null) {
            index.remove('ours', 'decision', id)
            left.delete(id)
          } else {
            put(id, text)
            left.set(id, text)
          }
        }
        for (const word of words) {
          const expected = [...left].filter(([, text]) => text.includes(word)).map(([id]) => id)
          expect(found(word).sort()).toEqual(expected.sort())
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('another project', () => {
  test('is never seen, whatever it holds', () => {
    put('ours', 'the lease', { at: '2020-01-01T00:00:00.000Z' })
    for (let i = 0; i < 600; i++) put(`theirs-${i}`, 'the lease', { project_id: 'theirs' })
    expect(found('lease')).toEqual(['ours'])
    expect(found('lease', { project_ids: [] })).toEqual([])
    expect(found('lease', { project_ids: ['nobody'] })).toEqual([])
    expect(found('lease', { project_ids: ['theirs', 'ours', 'ours'], limit: 1000 })).toHaveLength(601)
  })
})

describe('any text is a query and never syntax', () => {
  const hostile = [
    '"',
    '""',
    "'; DROP TABLE search_docs; --",
    'lease AND',
    'OR NOT NEAR(',
    'NEAR(lease token, 5)',
    'title : lease',
    '{title text} : lease',
    '- lease',
    '^lease',
    'lease*',
    'lease + token',
    '(lease',
    'lease\u0000token',
    '\u0000',
    '\ud800lease\udfff',
    '\ud800',
    '👩‍👩‍👧‍👦',
    '\u202elease',
    '...!?,;',
    '%_\\',
    '⑴ ﷺ ½',
    '',
    ' \t\n',
    '|',
    '"lease|token"',
  ]

  test.each(hostile)('such as %j', (text) => {
    put('a', 'the lease and its token')
    const before = contents()
    expect(found(text)).toEqual(/lease/.test(text) ? ['a'] : [])
    expect(contents()).toEqual(before)
  })

  test('up to a megabyte of it', () => {
    put('a', 'the lease')
    for (const part of ['lease ', 'lease', '"', '连接池', 'a.', "'", '\ud800', '\u0301', 'a1_']) {
      expect(() => search(part.repeat(1_000_000 / part.length))).not.toThrow()
    }
  })

  test('and any text is a document that is found by its own words', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.string({ unit: 'grapheme', maxLength: 80 }),
      fc.string({
        unit: fc.constantFrom('a', 'B', '"', '*', '|', '.', '+', '#', '-', "'", '中', '文', '\u0000', ' '),
        maxLength: 40,
      }),
      fc.constantFrom(...hostile),
    )
    fc.assert(
      fc.property(texts, texts, (text, query) => {
        index.dropAll()
        put('a', text, { title: text })
        const before = contents()
        const matches = search(query)
        expect(matches.length).toBeLessThanOrEqual(1)
        expect(contents()).toEqual(before)
        index.remove('ours', 'decision', 'a')
        expect(search(text)).toEqual([])
        put('a', `${text}\nzanzibar`)
        expect(found(`${query} zanzibar`)).toEqual(['a'])
      }),
      { numRuns: 300 },
    )
  })

  test('and any id, time or project is kept as it is', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (id, at, project_id) => {
        fc.pre(![id, at, project_id].some((text) => !text.isWellFormed()))
        index.dropAll()
        put(id, 'zanzibar', { at, project_id })
        expect(search('zanzibar', { project_ids: [project_id] })).toMatchObject([{ id, at, project_id }])
      }),
      { numRuns: 100 },
    )
  })

  test('times from before and after all calendars do not keep a document out', () => {
    for (const at of [
      '-271821-04-20T00:00:00.000Z',
      '+275760-09-13T00:00:00.000Z',
      '1969-12-31T23:59:59.999Z',
      'never',
    ]) {
      put(at, 'zanzibar', { at, kind: 'error' })
    }
    expect(found('zanzibar', { kinds: ['error'] })).toHaveLength(4)
    expect(found('zanzibar', { kinds: ['task'] })).toEqual([])
  })

  test('and a second may have thousands of documents', () => {
    for (let i = 0; i < 3000; i++) put(`doc-${i}`, `word${i}`)
    expect(found('word0')).toEqual(['doc-0'])
    expect(found('word2999')).toEqual(['doc-2999'])
  })
})
