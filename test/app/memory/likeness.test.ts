import { describe, expect, test } from 'vitest'
import { decisionOf, saver, twoTexts, words } from '../../support/memory-makers.ts'
import { newBook, onEachStore } from '../../support/stores.ts'

onEachStore(() => {
  describe('the similarity at which something happens is exact', () => {
    const boundaries: [similarity: string, shared: number, one: number, other: number, outcome: string][] = [
      ['0.70 (7 of 10)', 7, 2, 1, 'supersede'],
      ['0.70 (14 of 20)', 14, 3, 3, 'supersede'],
      ['0.70 (700 of 1000)', 700, 100, 200, 'supersede'],
      ['0.6999 (699 of 999)', 699, 100, 200, 'manual_review'],
      ['0.6999 (2333 of 3333)', 2333, 500, 500, 'manual_review'],
      ['0.50 (1 of 2)', 1, 0, 1, 'manual_review'],
      ['0.50 (5 of 10)', 5, 3, 2, 'manual_review'],
      ['0.50 (500 of 1000)', 500, 0, 500, 'manual_review'],
      ['0.4999 (499 of 999)', 499, 250, 250, 'new'],
      ['0.4999 (1249 of 2499)', 1249, 1250, 0, 'new'],
      ['1 in another order', 10, 0, 0, 'supersede'],
    ]
    test.each(boundaries)('%s', async (_name, shared, one, other, outcome) => {
      const agent = saver()
      const [first, second] = twoTexts(shared, one, other)
      const known = await agent.decide(first)
      const reversed = second.split(' ').reverse().join(' ')
      const answer = await agent.decide(reversed)
      expect(answer.dedup_outcome).toBe(outcome)
      expect(answer.candidate_id).toBe(outcome === 'new' ? undefined : known.artifact_id)
    })

    test('over title and rationale together, wherever a word stands', async () => {
      const agent = saver()
      await agent.decide(decisionOf(words(5), { rationale: words(10) }))
      const answer = await agent.decide(decisionOf('w9 w8 w7', { rationale: `${words(7)} other` }))
      expect(answer).toMatchObject({ dedup_outcome: 'supersede', similarity: 0.9091 })
    })
  })

  describe('the one that is met', () => {
    test('is the most similar, not the newest', async () => {
      const book = newBook()
      const agent = saver(book)
      const [base] = [words(20)]
      const near = await agent.decide(`${base} x1`)
      book.clock.advance(1000)
      await agent.decide(`${words(11)} ${words(9, 'z')}`)
      expect((await agent.decide(base)).candidate_id).toBe(near.artifact_id)
    })

    test('is the newest of equals', async () => {
      const book = newBook()
      const agent = saver(book)
      const text = (own: string) => `${words(6)} ${words(4, own)}`
      const ids: (string | null)[] = []
      for (const own of ['p', 'q', 'r', 's']) {
        ids.push((await agent.decide(text(own))).artifact_id)
        book.clock.advance(1)
      }
      const answer = await agent.decide(words(6))
      expect(answer).toMatchObject({ dedup_outcome: 'manual_review', similarity: 0.6, candidate_id: ids[3] })
    })

    test('is the newest of equals that one batch brought: the last', async () => {
      const agent = saver()
      const text = (own: string) => decisionOf(`${words(6)} ${words(4, own)}`)
      for (const owns of ['pqrst', 'uvxyz']) {
        const focus = owns
        const given = [...owns].map((own) => ({ ...text(own), scope: 'focus' }))
        const { decisions } = await agent.batch(given, [], { focus })
        expect(decisions.map((one) => one.dedup_outcome)).toEqual(Array.from({ length: 5 }, () => 'new'))
        const answer = await agent.decide(decisionOf(words(6), { scope: 'focus' }), { focus })
        expect(answer.candidate_id).toBe(decisions[4]?.artifact_id)
      }
    })

    test('is in force: what was superseded is never met again', async () => {
      const agent = saver()
      await agent.decide(words(10))
      const heir = await agent.decide(`${words(8)} ${words(3, 'n')}`, {})
      expect(heir.dedup_outcome).toBe('manual_review')
      await agent.resolve(heir.review_id, 'supersede')
      const [inForce] = await agent.inForce()
      expect((await agent.decide(`${words(8)} ${words(2, 'n')}`)).candidate_id).toBe(inForce)
    })
  })

  describe('the same words', () => {
    const same: [string, string, string][] = [
      ['capitals', 'use postgres', 'Use Postgres'],
      ['white space', 'use postgres', '  use \t\n postgres\u00a0'],
      ['signs at the end of a word', 'use postgres now', 'use, postgres; now!?'],
      ['quotes', 'use postgres now', '"use" \'postgres\' `now`'],
      ['quotes of other languages', 'use postgres now', '“use” »postgres« „now“'],
      ['brackets', 'use postgres now', '(use) [postgres] {now}'],
      ['several of these', 'use postgres now', '("use", [postgres]; {“now”}!)'],
      ['wide letters', 'use postgres', 'ｕｓｅ ｐｏｓｔｇｒｅｓ'],
      ['ligatures', 'define the office', 'deﬁne the oﬃce'],
      ['composed and decomposed accents', 'Café crème', 'Cafe\u0301 cre\u0300me'],
      ['curly and straight apostrophes', "the server's log", 'the server’s log'],
    ]
    test.each(same)('but for %s are a duplicate', async (_name, one, other) => {
      const agent = saver()
      const first = await agent.decide(decisionOf(one, { rationale: 'as tried' }))
      const again = await agent.decide(decisionOf(other, { rationale: 'As tried.' }))
      expect(again).toMatchObject({ status: 'saved', dedup_outcome: 'duplicate_skip', artifact_id: first.artifact_id })
      expect(await agent.inForce()).toHaveLength(1)
    })

    test('by another owner on another day with less confidence are a duplicate all the same', async () => {
      const agent = saver()
      const first = await agent.decide('use postgres')
      const again = await agent.decide(decisionOf('use postgres', { owner: 'x', date: '2020-01-01', confidence: 0 }))
      expect(again).toMatchObject({ dedup_outcome: 'duplicate_skip', artifact_id: first.artifact_id })
      expect((await agent.artifact(first.artifact_id))?.text).toMatchObject({ owner: 'olga', confidence: 1 })
    })

    test('with the border between title and rationale elsewhere are no duplicate, though they are the same set', async () => {
      const agent = saver()
      const first = await agent.decide(decisionOf('use postgres', { rationale: 'for all' }))
      const moved = await agent.decide(decisionOf('use postgres for', { rationale: 'all' }))
      expect(moved).toMatchObject({ dedup_outcome: 'supersede', candidate_id: first.artifact_id, similarity: 1 })
      const joined = await agent.decide(decisionOf('ab', { rationale: 'c' }))
      const other = await agent.decide(decisionOf('a', { rationale: 'bc' }))
      expect([joined.dedup_outcome, other.dedup_outcome]).toEqual(['new', 'new'])
    })
  })

  describe('words that differ', () => {
    const pairs = ['C++', 'C#', '.NET', '1.5s', '15s', 'C', 'NET', '1.5', 'a-b', 'ab', 'a_b', 'foo()', 'foo', '-v', 'v']
    test('by a sign within or before them are different words', async () => {
      const agent = saver()
      const outcomes: (string | null)[] = []
      for (const word of pairs) outcomes.push((await agent.decide(word)).dedup_outcome)
      expect(outcomes).toEqual(pairs.map(() => 'new'))
    })

    test('in Chinese, Japanese and Thai are cut as their readers do, so that a small change is a small difference', async () => {
      const agent = saver()
      const texts: [string, string][] = [
        ['我们决定使用数据库保存所有用户的会话记录', '我们决定使用数据库保存所有用户的聊天记录'],
        ['データベースに接続する前に設定を確認してください', 'データベースに接続する前に権限を確認してください'],
        ['เราตัดสินใจใช้ฐานข้อมูลเดียวสำหรับทุกโครงการ', 'เราตัดสินใจใช้ฐานข้อมูลเดียวสำหรับทุกบริการ'],
      ]
      for (const [one, other] of texts) {
        const first = await agent.decide(one)
        expect(first).toMatchObject({ dedup_outcome: 'new' })
        const second = await agent.decide(other)
        expect(second, other).toMatchObject({ candidate_id: first.artifact_id })
        expect(await agent.decide(`「${one}」。`)).toMatchObject({
          dedup_outcome: expect.stringMatching(/skip|supersede/),
        })
      }
    })
  })
})
