import { describe, expect, test } from 'vitest'
import { forget } from '../../../src/app/memory/forgetting.ts'
import { resolveReview, waitingReview } from '../../../src/app/memory/reviewing.ts'
import type { ReviewView } from '../../../src/app/memory/shapes.ts'
import { findTwins } from '../../../src/app/memory/twins.ts'
import { refusalOf } from '../../support/book.ts'
import { decisionOf, type Saver, saver, summaryOf, words } from '../../support/memory-makers.ts'
import { newBook, onEachStore } from '../../support/stores.ts'

const KNOWN = words(10)
const HALF = `${words(7)} a b c`

/** A decision in force, and one that is half like it and waits. */
async function waiting(agent: Saver, more = {}) {
  const known = await agent.decide(KNOWN, more)
  const asked = await agent.decide(decisionOf(HALF, { owner: 'pia', confidence: 0.3 }), more)
  if (asked.review_id === undefined) throw new Error(`No review was opened: ${JSON.stringify(asked)}`)
  return { known: known.artifact_id, review: asked.review_id }
}

onEachStore(() => {
  describe('the review queue', () => {
    test('keeps the whole text beside the one that it is like', async () => {
      const book = newBook()
      const agent = saver(book)
      const { known, review } = await waiting(agent)
      expect(await agent.reviews()).toEqual([
        {
          id: review,
          project_id: 'test-project',
          scope: 'project',
          focus: null,
          opened_at: book.clock.now(),
          session_id: null,
          reason: 'similar',
          similarity: 7 / 13,
          decision: {
            ...{ id: null, in_force: false, in_place_of: null, title: HALF, rationale: '' },
            ...{ owner: 'pia', date: '2026-11-21', confidence: 0.3 },
          },
          candidate: {
            ...{ id: known, in_force: true, in_place_of: null, title: KNOWN, rationale: '' },
            ...{ owner: 'olga', date: '2026-11-21', confidence: 1 },
          },
          resolutions: ['supersede', 'keep_both', 'discard'],
        },
      ])
    })

    test('has the same text once, however often it is said, and writes nothing more', async () => {
      const book = newBook()
      const agent = saver(book)
      const { review } = await waiting(agent)
      await agent.settle()
      const before = (await book.events()).length
      for (const text of [HALF, `"${HALF}".`, HALF.toUpperCase()]) {
        expect(await agent.decide(text)).toMatchObject({ dedup_outcome: 'manual_review', review_id: review })
      }
      expect(await agent.reviews()).toHaveLength(1)
      expect(await book.events()).toHaveLength(before)
    })

    test('is the oldest first, of one project and the global scope', async () => {
      const book = newBook()
      const agent = saver(book)
      const governance_token = await agent.token()
      await agent.decide(decisionOf(KNOWN, { scope: 'global' }), { governance_token })
      const everywhere = decisionOf(HALF, { scope: 'global' })
      const global = await agent.decide(everywhere, { governance_token: await agent.token() })
      const ids: (string | undefined)[] = []
      for (let i = 0; i < 3; i++) {
        book.clock.advance(1000)
        const known = await agent.decide(words(10, `k${i}`))
        ids.push((await agent.decide(`${words(7, `k${i}`)} a b c`)).review_id)
        expect(known.dedup_outcome).toBe('new')
      }
      await agent.decide(KNOWN, { project_id: 'other' })
      const other = await agent.decide(HALF, { project_id: 'other' })
      expect((await agent.reviews()).map(({ id }) => id)).toEqual([...ids, global.review_id])
      expect((await agent.reviews()).at(-1)).toMatchObject({ project_id: null, scope: 'global' })
      const there = await agent.reviews({ project_id: 'other' })
      expect(there.map(({ id }) => id)).toEqual([other.review_id, global.review_id])
    })

    test('loses a text that comes into force by another way', async () => {
      const agent = saver()
      const { known, review } = await waiting(agent)
      const named = await agent.decide(decisionOf(HALF, { supersedes: known }))
      expect(named).toMatchObject({ status: 'saved', dedup_outcome: 'supersede' })
      expect(await agent.reviews()).toEqual([])
      const again = await agent.resolve(review, 'supersede')
      expect(again).toMatchObject({ status: 'saved', artifact_id: named.artifact_id })
      expect(await agent.inForce()).toEqual([named.artifact_id])
    })
  })

  describe('a review that is resolved', () => {
    test('as supersede is in force in the place of the other, with its own owner, origin and summary', async () => {
      const agent = saver()
      const known = await agent.decide(KNOWN)
      const asked = await agent.batch([decisionOf(HALF, { owner: 'pia' })])
      const result = await agent.resolve(asked.decisions[0]?.review_id, 'supersede')
      expect(result).toMatchObject({ status: 'saved', dedup_outcome: 'supersede', candidate_id: known.artifact_id })
      expect(await agent.inForce()).toEqual([result?.artifact_id])
      expect(await agent.artifact(result?.artifact_id ?? null)).toMatchObject({
        text: { title: HALF, owner: 'pia' },
        supersedes: known.artifact_id,
        produced_by: [asked.session.artifact_id],
      })
      expect(await agent.reviews()).toEqual([])
    })

    test('as keep_both is in force beside the other', async () => {
      const agent = saver()
      const { known, review } = await waiting(agent)
      const result = await agent.resolve(review, 'keep_both')
      expect(result).toMatchObject({ status: 'saved', dedup_outcome: 'new' })
      expect((await agent.inForce()).sort()).toEqual([known, result?.artifact_id].sort())
      expect(await agent.decide(HALF)).toMatchObject({
        dedup_outcome: 'duplicate_skip',
        artifact_id: result?.artifact_id,
      })
    })

    test('as discard leaves the other alone, and the same text is told so', async () => {
      const agent = saver()
      const { known, review } = await waiting(agent)
      expect(await agent.resolve(review, 'discard')).toMatchObject({ status: 'saved', artifact_id: null })
      expect(await agent.inForce()).toEqual([known])
      const again = await agent.decide(HALF)
      expect(again).toMatchObject({ status: 'failed', dedup_outcome: 'manual_review', review_id: review })
      expect(again.message).toContain('discard')
      expect(again.next_step).toContain('supersedes')
      expect(await agent.reviews()).toEqual([])
      const named = await agent.decide(decisionOf(HALF, { supersedes: known }))
      expect(named).toMatchObject({ status: 'saved', dedup_outcome: 'supersede' })
    })

    test.each(['supersede', 'keep_both', 'discard'])('twice as %s is resolved once', async (resolution) => {
      const agent = saver()
      const { review } = await waiting(agent)
      const first = await agent.resolve(review, resolution)
      const inForce = await agent.inForce()
      const second = await agent.resolve(review, resolution)
      expect(second).toMatchObject({ status: 'saved', artifact_id: first?.artifact_id })
      expect(second?.message).toContain('Resolved already')
      expect(await agent.inForce()).toEqual(inForce)
    })

    test('is not resolved otherwise afterwards, and the refusal says how it was', async () => {
      const agent = saver()
      const { review } = await waiting(agent)
      await agent.resolve(review, 'keep_both')
      const inForce = await agent.inForce()
      for (const late of ['supersede', 'discard']) {
        const refusal = await refusalOf(agent.resolve(review, late))
        expect(refusal).toMatchObject({ code: 'invalid_argument', message: expect.stringContaining('keep_both') })
      }
      expect(await agent.inForce()).toEqual(inForce)
    })

    test.each([
      [
        'supersede',
        (title: string, heir: string) => `"${HALF}" (${title}) is in force, in the place of "${KNOWN}" (${heir}).`,
      ],
      [
        'keep_both',
        (title: string, heir: string) => `Both are in force: "${HALF}" (${title}) and "${KNOWN}" (${heir}).`,
      ],
      [
        'discard',
        (_title: string, heir: string) => `Discarded: "${HALF}" is not in force; "${KNOWN}" (${heir}) stays.`,
      ],
    ])('as %s says which is in force by title and id', async (resolution, message) => {
      const agent = saver()
      const { review, known } = await waiting(agent)
      const result = await agent.resolve(review, resolution)
      expect(result?.message).toBe(message(String(result?.artifact_id), String(known)))
    })

    test('in global scope is resolved from any project that shares it', async () => {
      const global_root = newBook().root
      const one = saver(newBook({ project_id: 'one', global_root }))
      const two = saver(newBook({ project_id: 'two', global_root }))
      const everywhere = (title: string) => decisionOf(title, { scope: 'global' })
      const known = await one.decide(everywhere(KNOWN), { governance_token: await one.token() })
      const asked = await one.decide(everywhere(HALF), { governance_token: await one.token() })
      const result = await two.resolve(asked.review_id, 'supersede', { governance_token: await two.token() })
      expect(result).toMatchObject({ status: 'saved', candidate_id: known.artifact_id })
      expect(await one.inForce('*')).toEqual([result?.artifact_id])
      expect(await one.reviews()).toEqual([])
      expect(await one.artifact(result?.artifact_id ?? null, '*')).toMatchObject({ origin: { project_id: 'one' } })
    })
  })

  describe('a review whose candidate was superseded meanwhile', () => {
    const HEIR = `${words(9)} heir`

    async function overtaken() {
      const book = newBook()
      const agent = saver(book)
      const { review, known } = await waiting(agent)
      const [shown] = await agent.reviews()
      book.clock.advance(1000)
      const heir = await agent.decide(HEIR)
      expect(heir.candidate_id).toBe(known)
      return { book, agent, review, known, heir: heir.artifact_id, shown: shown as ReviewView }
    }

    test('shows what is in force in its place, and how like that it is', async () => {
      const { agent, known, heir } = await overtaken()
      expect(await agent.reviews()).toMatchObject([
        { similarity: 7 / 13, candidate: { id: heir, title: HEIR, in_force: true, in_place_of: known } },
      ])
      const last = await agent.decide(decisionOf('x y z', { supersedes: heir }))
      expect(await agent.reviews()).toMatchObject([
        { similarity: 0, candidate: { id: last.artifact_id, title: 'x y z', in_place_of: known } },
      ])
    })

    test('takes the place of what it shows, and says so', async () => {
      const { agent, review, known, heir } = await overtaken()
      const result = await agent.resolve(review, 'supersede')
      expect(result).toMatchObject({
        status: 'saved',
        dedup_outcome: 'supersede',
        candidate_id: heir,
        message: `"${HALF}" (${result?.artifact_id}) is in force, in the place of "${HEIR}" (${heir}), which took the place of ${known} since.`,
      })
      expect(await agent.inForce()).toEqual([result?.artifact_id])
    })

    test('is not asked about again by the doctor once both are kept', async () => {
      const { agent, review, heir } = await overtaken()
      const kept = await agent.resolve(review, 'keep_both')
      expect((await agent.inForce()).sort()).toEqual([heir, kept?.artifact_id].sort())
      expect(await findTwins(agent.context)).toEqual([])
    })

    test.each(['supersede', 'keep_both', 'discard'] as const)(
      'is not resolved as %s by somebody who saw it before that',
      async (resolution) => {
        const { book, agent, review: id, known, heir, shown } = await overtaken()
        await agent.settle()
        const before = (await book.events()).length
        const answer = { id: String(id), resolution, project_id: null, governance_token: null }
        const refusal = await refusalOf(resolveReview(agent.context, { ...answer, shown }))
        expect(refusal.message).toContain(`"${HEIR}" (${heir}) took the place of ${known}`)
        expect(refusal.body.hint).toContain('rutter review')
        expect(await book.events()).toHaveLength(before)
        const now = await waitingReview(agent.context, null, String(id))
        expect(await resolveReview(agent.context, { ...answer, shown: now as ReviewView })).toMatchObject({
          status: 'saved',
        })
        expect(await waitingReview(agent.context, null, String(id))).toBeNull()
      },
    )

    test('shows the candidate as it was, out of force, where what superseded it was forgotten', async () => {
      const { agent, review, known, heir } = await overtaken()
      await forget(agent.context, { id: String(heir), project_id: null }, { purge: false })
      expect(await agent.reviews()).toMatchObject([{ candidate: { id: known, in_force: false, in_place_of: null } }])
      const result = await agent.resolve(review, 'supersede')
      expect(result).toMatchObject({ dedup_outcome: 'new', message: expect.stringContaining('nothing gave way') })
      expect(await agent.inForce()).toEqual([result?.artifact_id])
    })
  })

  describe('a review that cannot be resolved', () => {
    test('since nobody knows it, is refused with those that are open', async () => {
      const agent = saver()
      const nothing = await refusalOf(agent.resolve('no-such-review', 'discard'))
      expect(nothing).toMatchObject({ code: 'artifact_not_found', hint: expect.stringContaining('Nothing waits') })
      const { review } = await waiting(agent)
      const refusal = await refusalOf(agent.resolve('no-such-review', 'discard'))
      expect(refusal).toMatchObject({ code: 'artifact_not_found', hint: expect.stringContaining(review) })
      expect(await refusalOf(agent.resolve(review, 'discard', { project_id: 'other' }))).toMatchObject({
        code: 'artifact_not_found',
      })
    })

    test('since its id or the resolution is missing or wrong, is refused and nothing is changed', async () => {
      const agent = saver()
      const { review } = await waiting(agent)
      await expect(agent.resolve(undefined, 'discard')).rejects.toMatchObject({ code: 'invalid_argument' })
      await expect(agent.resolve(review, 'merge')).rejects.toMatchObject({ code: 'invalid_argument' })
      expect(await agent.reviews()).toHaveLength(1)
    })
  })

  test('a summary is never asked about, and neither is a pattern', async () => {
    const agent = saver()
    await agent.summarize(summaryOf(KNOWN))
    await agent.summarize(summaryOf(HALF))
    await agent.learn(KNOWN)
    expect(await agent.learn(HALF)).toMatchObject({ dedup_outcome: 'new' })
    expect(await agent.reviews()).toEqual([])
  })
})
