import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { SearchDoc } from '../../src/domain/memory/search-doc.ts'
import type { Match, SearchFilter } from '../../src/ports/memory.ts'

const NOW = '2026-11-22T12:00:00.000Z'

/** A search index as its tests see it; a backend that answers at once may do so. */
export interface TestedIndex {
  putAll(docs: readonly SearchDoc[]): void | Promise<void>
  remove(projectId: string, kind: SearchDoc['kind'], id: string): void | Promise<void>
  removeAll(projectId: string, kind: SearchDoc['kind'], idPrefix: string): void | Promise<void>
  /** Of every project. */
  dropAll(): void | Promise<void>
  search(filter: SearchFilter): Match[] | Promise<Match[]>
  begin(): void | Promise<void>
  rollBack(): void | Promise<void>
  /** Everything that the index consists of. */
  contents(): unknown
  /** Documents that the index has terms of. */
  size(): number | Promise<number>
}

/** A document of these words, a decision of the project `ours` unless told otherwise. */
export function doc(id: string, text: string, over: Partial<SearchDoc> = {}): SearchDoc {
  return {
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
  }
}

/** What every search index promises, whatever is behind it. `open` gives an empty one for each test. */
export function searchContract(name: string, open: () => TestedIndex | Promise<TestedIndex>): void {
  let index: TestedIndex

  beforeEach(async () => {
    index = await open()
  })

  async function put(id: string, text: string, over: Partial<SearchDoc> = {}): Promise<void> {
    await index.putAll([doc(id, text, over)])
  }

  async function putMany(count: number, nth: (i: number) => SearchDoc): Promise<void> {
    await index.putAll(Array.from({ length: count }, (_, i) => nth(i)))
  }

  async function search(text: string, over: Partial<SearchFilter> = {}): Promise<Match[]> {
    return await index.search({ project_ids: ['ours'], text, limit: 10, now: NOW, ...over })
  }

  async function found(text: string, over: Partial<SearchFilter> = {}): Promise<string[]> {
    return (await search(text, over)).map((match) => match.id)
  }

  const contents = async () => await index.contents()

  describe(`${name}: the search index finds`, () => {
    test('a word in its other forms', async () => {
      await put('a', 'The client retries three times')
      await put('b', 'Nothing of the kind')
      expect(await found('retry')).toEqual(['a'])
      expect(await found('RETRYING')).toEqual(['a'])
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
    ])('%s by %s', async (text, query) => {
      await put('a', `we chose ${text} today`)
      await put('b', 'another thing altogether, in C')
      expect(await found(query)).toEqual(['a'])
    })

    test.each([
      ['我们使用分布式数据库连接池来提高性能', '数据库'],
      ['我们使用分布式数据库连接池来提高性能', '连接池'],
      ['データベースの接続を再試行する', '接続'],
      ['データベースの接続を再試行する', 'データ'],
      ['데이터베이스 연결을 다시 시도한다', '연결'],
      ['เราใช้ฐานข้อมูลแบบกระจาย', 'ฐานข้อมูล'],
      ['先にRedisを使う', 'redis'],
    ])('a word inside %s', async (text, query) => {
      await put('a', text)
      await put('b', '完全に別のこと')
      expect(await found(query)).toEqual(['a'])
    })

    test('what has the rarer of two words first', async () => {
      for (let i = 0; i < 20; i++) await put(`cache-${i}`, 'the cache is warm')
      await put('eviction', 'the eviction is slow')
      expect((await found('cache eviction'))[0]).toBe('eviction')
    })

    test('a word in the title before the same word in the text', async () => {
      await put('text', 'pooling of connections', { title: 'Storage' })
      await put('title', 'of connections, storage', { title: 'Pooling' })
      await put('other', 'something else', { title: 'Nothing' })
      expect(await found('pooling')).toEqual(['title', 'text'])
    })

    test('only the kinds that are asked for, also those that a common word hides', async () => {
      await put('old', 'the deploy failed', { kind: 'error', at: '2020-01-01T00:00:00.000Z' })
      await putMany(500, (i) => doc(`task-${i}`, 'deploy this', { kind: 'task' }))
      expect(await found('deploy', { kinds: ['error'] })).toEqual(['old'])
      expect(await found('deploy', { kinds: ['error', 'pattern'], limit: 1 })).toEqual(['old'])
      expect(await found('deploy', { kinds: ['pattern'] })).toEqual([])
      expect(await found('deploy', { kinds: [] })).toEqual([])
    })

    test('nothing by stop words, and all else beside them', async () => {
      await put('a', 'to be or not to be')
      expect(await found('the and of to be')).toEqual([])
      await put('b', 'the lease')
      expect(await found('what is the lease')).toEqual(['b'])
    })

    test('documents by words that hundreds have: those with most of the words, and of these the newest', async () => {
      const day = (i: number) => new Date(Date.UTC(2020, 0, 1 + i)).toISOString()
      const texts = ['deploy the server', 'a failing test', 'deploy the failing test']
      await putMany(1500, (i) => doc(`one-${i}`, texts[i % 3] ?? '', { at: day(i) }))
      expect(await found('failing test deploy', { limit: 3 })).toEqual(['one-1499', 'one-1496', 'one-1493'])
      expect(await found('server', { limit: 2 })).toEqual(['one-1497', 'one-1494'])
    })

    test('a rare word of a long text, whatever stands around it', async () => {
      await put('a', 'the zanzibar incident')
      for (let i = 0; i < 30; i++) await put(`other-${i}`, 'deploy the failing test')
      const long = `${'deploy the failing test again and again. '.repeat(100)} zanzibar ${'x'.repeat(1_000_000)}`
      expect((await found(long))[0]).toBe('a')
    })
  })

  describe(`${name}: of equal texts`, () => {
    test('the narrower scope comes first', async () => {
      await put('global', 'use tabs', { project_id: '*', scope: 'global' })
      await put('project', 'use tabs')
      await put('focus', 'use tabs', { scope: 'focus', focus: 'editor' })
      expect(await found('tabs', { project_ids: ['ours', '*'] })).toEqual(['focus', 'project', 'global'])
    })

    test('the fresher comes first, whatever the order in which they came', async () => {
      await put('week', 'use tabs', { at: '2026-11-20T00:00:00.000Z' })
      await put('year', 'use tabs', { at: '2025-11-20T00:00:00.000Z' })
      await put('month', 'use tabs', { at: '2026-11-01T00:00:00.000Z' })
      await put('day', 'use tabs', { at: '2026-11-21T00:00:00.000Z' })
      expect(await found('tabs')).toEqual(['day', 'week', 'month', 'year'])
    })

    test('and equal times the order is that of their ids, every time', async () => {
      for (const id of ['c', 'a', 'b']) await put(id, 'use tabs')
      expect(await found('tabs')).toEqual(['a', 'b', 'c'])
    })

    test('a better text is not overtaken by being fresh', async () => {
      await put('fresh', 'tabs and other matters of taste, such as colour, font, size and the width of a line', {
        at: '2026-11-21T00:00:00.000Z',
      })
      for (let i = 0; i < 10; i++) await put(`old-${i}`, 'indent by tabs')
      for (let i = 0; i < 10; i++) await put(`else-${i}`, 'a word on merges')
      expect((await found('indent tabs'))[0]).toBe('old-0')
    })
  })

  describe(`${name}: a match`, () => {
    test('says what it is, with a passage in its own words', async () => {
      await put('a', `${'Filler. '.repeat(60)}The lease is renewed by appends.${' More.'.repeat(60)}`, {
        kind: 'summary',
        scope: 'focus',
        focus: 'locks',
        session_id: 's-1',
        title: 'Locks',
      })
      const [match] = await search('leases')
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

    test('has a score that never rises down the list', async () => {
      for (let i = 0; i < 50; i++)
        await put(`doc-${i}`, `tabs ${'and spaces '.repeat(i % 7)}`, { title: i % 3 === 0 ? 'tabs' : '' })
      const scores = (await search('tabs spaces', { limit: 50 })).map((match) => match.score)
      expect(scores).toHaveLength(50)
      expect(scores).toEqual([...scores].sort((a, b) => b - a))
    })
  })

  describe(`${name}: what is replaced or removed`, () => {
    test('leaves nothing behind', async () => {
      await put('a', 'the old words', { title: 'Former' })
      await put('a', 'the new words', { title: 'Latter', at: '2026-02-02T00:00:00.000Z' })
      expect(await found('old')).toEqual([])
      expect(await found('former')).toEqual([])
      expect(await found('new')).toEqual(['a'])
      expect(await search('latter words')).toHaveLength(1)
      await index.remove('ours', 'decision', 'a')
      expect(await found('new')).toEqual([])
      expect(await found('words')).toEqual([])
      expect(await index.size()).toBe(0)
    })

    test('is of its own kind and project only', async () => {
      await put('a', 'one word')
      await put('a', 'one word', { kind: 'pattern' })
      await put('a', 'one word', { project_id: 'theirs' })
      await index.remove('ours', 'decision', 'a')
      await index.remove('ours', 'decision', 'never-there')
      expect((await search('word')).map((match) => match.kind)).toEqual(['pattern'])
      expect(await found('word', { project_ids: ['theirs'] })).toEqual(['a'])
    })

    test('by the beginning of its id takes no other with it', async () => {
      for (const id of ['s-1/a', 's-1/b', 's-10/a', 's-1', 's-2/a']) await put(id, 'one word', { kind: 'task' })
      await put('s-1/a', 'one word')
      await index.removeAll('ours', 'task', 's-1/')
      expect((await found('word', { kinds: ['task'] })).sort()).toEqual(['s-1', 's-10/a', 's-2/a'])
      expect(await found('word', { kinds: ['decision'] })).toEqual(['s-1/a'])
    })

    test('all of it, and what comes after is found again', async () => {
      for (let i = 0; i < 30; i++) await put(`doc-${i}`, 'some words')
      await index.dropAll()
      expect(await found('words')).toEqual([])
      await put('after', 'other words')
      expect(await found('words')).toEqual(['after'])
    })

    test('comes back with a transaction that is rolled back', async () => {
      await put('a', 'the old words')
      const before = await contents()
      await index.begin()
      await put('a', 'the new words')
      await put('b', 'more words')
      await index.remove('ours', 'decision', 'b')
      await index.dropAll()
      await index.rollBack()
      expect(await contents()).toEqual(before)
      expect(await found('old')).toEqual(['a'])
    })

    test('agrees with a fresh index after any sequence of changes', async () => {
      const words = ['alpha', 'beta', 'gamma', 'delta']
      const change = fc.record({
        id: fc.constantFrom('a', 'b', 'c'),
        text: fc.option(fc.array(fc.constantFrom(...words), { maxLength: 4 }).map((some) => some.join(' '))),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(change, { maxLength: 20 }), async (changes) => {
          await index.dropAll()
          const left = new Map<string, string>()
          for (const { id, text } of changes) {
            if (text === null) {
              await index.remove('ours', 'decision', id)
              left.delete(id)
            } else {
              await put(id, text)
              left.set(id, text)
            }
          }
          for (const word of words) {
            const expected = [...left].filter(([, text]) => text.includes(word)).map(([id]) => id)
            expect((await found(word)).sort()).toEqual(expected.sort())
          }
        }),
        { numRuns: 100 },
      )
    })
  })

  describe(`${name}: another project`, () => {
    test('is never seen, whatever it holds', async () => {
      await put('ours', 'the lease', { at: '2020-01-01T00:00:00.000Z' })
      await putMany(600, (i) => doc(`theirs-${i}`, 'the lease', { project_id: 'theirs' }))
      expect(await found('lease')).toEqual(['ours'])
      expect(await found('lease', { project_ids: [] })).toEqual([])
      expect(await found('lease', { project_ids: ['nobody'] })).toEqual([])
      expect(await found('lease', { project_ids: ['theirs', 'ours', 'ours'], limit: 1000 })).toHaveLength(601)
    })
  })

  describe(`${name}: any text is a query and never syntax`, () => {
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

    test.each(hostile)('such as %j', async (text) => {
      await put('a', 'the lease and its token')
      const before = await contents()
      expect(await found(text)).toEqual(/lease/.test(text) ? ['a'] : [])
      expect(await contents()).toEqual(before)
    })

    test('up to a megabyte of it', async () => {
      await put('a', 'the lease')
      for (const part of ['lease ', 'lease', '"', '连接池', 'a.', "'", '\ud800', '\u0301', 'a1_']) {
        await expect(search(part.repeat(1_000_000 / part.length))).resolves.toBeInstanceOf(Array)
      }
    })

    test('and any text is a document that is found by its own words', async () => {
      const texts = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 80 }),
        fc.string({ unit: 'grapheme', maxLength: 80 }),
        fc.string({
          unit: fc.constantFrom('a', 'B', '"', '*', '|', '.', '+', '#', '-', "'", '中', '文', '\u0000', ' '),
          maxLength: 40,
        }),
        fc.constantFrom(...hostile),
      )
      await fc.assert(
        fc.asyncProperty(texts, texts, async (text, query) => {
          await index.dropAll()
          await put('a', text, { title: text })
          const before = await contents()
          const matches = await search(query)
          expect(matches.length).toBeLessThanOrEqual(1)
          expect(await contents()).toEqual(before)
          await index.remove('ours', 'decision', 'a')
          expect(await search(text)).toEqual([])
          await put('a', `${text}\nzanzibar`)
          expect(await found(`${query} zanzibar`)).toEqual(['a'])
        }),
        { numRuns: 300 },
      )
    })

    test('and any id, time or project is kept as it is', async () => {
      await fc.assert(
        fc.asyncProperty(fc.string(), fc.string(), fc.string(), async (id, at, project_id) => {
          fc.pre(![id, at, project_id].some((text) => !text.isWellFormed()))
          await index.dropAll()
          await put(id, 'zanzibar', { at, project_id })
          expect(await search('zanzibar', { project_ids: [project_id] })).toMatchObject([{ id, at, project_id }])
        }),
        { numRuns: 100 },
      )
    })

    test('times from before and after all calendars do not keep a document out', async () => {
      for (const at of [
        '-271821-04-20T00:00:00.000Z',
        '+275760-09-13T00:00:00.000Z',
        '1969-12-31T23:59:59.999Z',
        'never',
      ]) {
        await put(at, 'zanzibar', { at, kind: 'error' })
      }
      expect(await found('zanzibar', { kinds: ['error'] })).toHaveLength(4)
      expect(await found('zanzibar', { kinds: ['task'] })).toEqual([])
    })

    test('and a second may have thousands of documents', async () => {
      await putMany(3000, (i) => doc(`doc-${i}`, `word${i}`))
      expect(await found('word0')).toEqual(['doc-0'])
      expect(await found('word2999')).toEqual(['doc-2999'])
    })
  })
}
