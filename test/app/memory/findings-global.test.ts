import { describe, expect, test } from 'vitest'
import { resolveReview } from '../../../src/app/memory/reviewing.ts'
import { Refusal } from '../../../src/domain/refusal.ts'
import { refusalOf } from '../../support/book.ts'
import { readingContext } from '../../support/memory.ts'
import { decisionOf, patternOf, type Saver, saver, summaryOf, words } from '../../support/memory-makers.ts'
import { newBook, onEachStore } from '../../support/stores.ts'

const everywhere = (title: string) => decisionOf(title, { scope: 'global' })

/** A global decision in force, and one that is half like it and waits. */
async function globalReview(agent: Saver) {
  const known = await agent.decide(everywhere(words(10)), { governance_token: await agent.token() })
  const asked = await agent.decide(everywhere(`${words(7)} a b c`), { governance_token: await agent.token() })
  return { known: known.artifact_id, review: asked.review_id }
}

onEachStore(() => {
  describe('a review in global scope', () => {
    test.each(['supersede', 'keep_both'])('is not resolved as %s by an agent without a token', async (resolution) => {
      const agent = saver()
      const { known, review } = await globalReview(agent)
      expect(await agent.resolve(review, resolution)).toMatchObject({
        status: 'blocked_scope',
        artifact_id: null,
        error: { code: 'governance_required' },
      })
      const governance_token = 'no-such-token'
      expect(await agent.resolve(review, resolution, { governance_token })).toMatchObject({
        status: 'blocked_scope',
        error: { code: 'governance_invalid' },
      })
      expect(await agent.inForce('*')).toEqual([known])
      expect(await agent.reviews()).toHaveLength(1)
    })

    test('is resolved with a token, which is spent in the same step and opens nothing more', async () => {
      const book = newBook()
      const agent = saver(book)
      const { review } = await globalReview(agent)
      const governance_token = await agent.token()
      const result = await agent.resolve(review, 'supersede', { governance_token })
      expect(result).toMatchObject({ status: 'saved', dedup_outcome: 'supersede' })
      const last = (await book.events('memory', 'global')).slice(-3)
      expect(last.map(({ type }) => type)).toEqual(['decision.saved', 'review.resolved', 'approval.spent'])
      expect(await agent.decide(everywhere('something else'), { governance_token })).toMatchObject({
        status: 'blocked_scope',
        error: { code: 'governance_invalid' },
      })
      // Told again it is done already, with a token or without.
      expect(await agent.resolve(review, 'supersede')).toMatchObject({
        status: 'saved',
        artifact_id: result?.artifact_id,
      })
    })

    test('is discarded without a token, and by an operator resolved without one', async () => {
      const agent = saver()
      const { review } = await globalReview(agent)
      expect(await agent.resolve(review, 'discard')).toMatchObject({ status: 'saved', artifact_id: null })
      const book = newBook()
      const person = saver(book, { actor: { kind: 'operator', name: 'olga' } })
      const waiting = await globalReview(saver(book))
      expect(await person.resolve(waiting.review, 'keep_both')).toMatchObject({ status: 'saved', dedup_outcome: 'new' })
    })

    test('is not said to be missing where the global book cannot be read', async () => {
      const globalFails = new Refusal('store_unavailable', 'The disk is gone.')
      const wanted = { id: 'r', resolution: 'discard', project_id: null, governance_token: null } as const
      const refusal = await refusalOf(resolveReview(readingContext({ globalFails }), wanted))
      expect(refusal).toMatchObject({
        code: 'store_unavailable',
        message: expect.stringContaining('The disk is gone.'),
      })
    })
  })

  describe('a batch that is told again with the token that it spent', () => {
    const batchOf = (governance_token: string, over = {}) =>
      [
        [everywhere('use postgres'), decisionOf('write files')],
        [patternOf('deploy', { scope: 'global' })],
        { governance_token, idempotency_key: 'run-7', ...over },
      ] as const

    test.each(['project', 'global'])('is answered as done where its summary is for the %s', async (save_scope) => {
      const book = newBook()
      const agent = saver(book)
      const batch = batchOf(await agent.token(), { session: summaryOf('A batch', { save_scope }) })
      const first = await agent.batch(...batch)
      await agent.settle()
      const before = (await book.events('memory', 'global')).length
      const again = await agent.batch(...batch)
      expect([first.overall, again.overall]).toEqual(['saved', 'saved'])
      const ids = ({ decisions, patterns }: typeof first) => [...decisions, ...patterns].map((one) => one.artifact_id)
      expect(ids(again)).toEqual(ids(first))
      await agent.settle()
      expect(await book.events('memory', 'global')).toHaveLength(before)
    })

    test('is blocked where it says something more, or has no key', async () => {
      const agent = saver()
      const [decisions, patterns, more] = batchOf(await agent.token())
      await agent.batch(decisions, patterns, more)
      const longer = await agent.batch([...decisions, everywhere('something else')], patterns, more)
      expect(longer.decisions.map(({ status }) => status)).toEqual(['saved', 'saved', 'blocked_scope'])
      const keyless = await agent.batch(decisions, patterns, { ...more, idempotency_key: null })
      expect(keyless.decisions[0]).toMatchObject({ status: 'blocked_scope', error: { code: 'governance_invalid' } })
      expect(await agent.inForce('*')).toHaveLength(2)
    })
  })

  describe('a token', () => {
    test('opens nothing once the clock stands before the time at which it was given', async () => {
      const book = newBook()
      const agent = saver(book)
      const governance_token = await agent.token()
      book.clock.setWall('2026-11-20T00:00:00.000Z')
      const blocked = await agent.decide(everywhere('use postgres'), { governance_token })
      expect(blocked).toMatchObject({ status: 'blocked_scope', error: { code: 'governance_invalid' } })
      expect(blocked.message).toContain('set back')
    })

    test('that was given after the clock was set back is good', async () => {
      const book = newBook()
      const agent = saver(book)
      await agent.decide(everywhere('write files'), { governance_token: await agent.token() })
      book.clock.setWall('2026-11-20T00:00:00.000Z')
      const governance_token = await agent.token()
      expect(await agent.decide(everywhere('use postgres'), { governance_token })).toMatchObject({ status: 'saved' })
    })
  })
})
