import { describe, expect, test } from 'vitest'
import { refusalOf, testBook } from '../../support/book.ts'
import { decisionOf, eventsOf, type Saver, saver, summaryOf, words } from '../../support/memory-makers.ts'

const KNOWN = words(10)
const HALF = `${words(7)} a b c`

/** A decision in force, and one that is half like it and waits. */
async function waiting(agent: Saver, more = {}) {
  const known = await agent.decide(KNOWN, more)
  const asked = await agent.decide(decisionOf(HALF, { owner: 'pia', confidence: 0.3 }), more)
  if (asked.review_id === undefined) throw new Error(`No review was opened: ${JSON.stringify(asked)}`)
  return { known: known.artifact_id, review: asked.review_id }
}

describe('the review queue', () => {
  test('keeps the whole text beside the one that it is like', async () => {
    const book = testBook()
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
        decision: { title: HALF, rationale: '', owner: 'pia', date: '2026-11-21', confidence: 0.3 },
        candidate: {
          ...{ id: known, in_force: true, title: KNOWN, rationale: '' },
          ...{ owner: 'olga', date: '2026-11-21', confidence: 1 },
        },
        resolutions: ['supersede', 'keep_both', 'discard'],
      },
    ])
  })

  test('has the same text once, however often it is said, and writes nothing more', async () => {
    const book = testBook()
    const agent = saver(book)
    const { review } = await waiting(agent)
    await agent.settle()
    const before = eventsOf(book.layout).length
    for (const text of [HALF, `"${HALF}".`, HALF.toUpperCase()]) {
      expect(await agent.decide(text)).toMatchObject({ dedup_outcome: 'manual_review', review_id: review })
    }
    expect(await agent.reviews()).toHaveLength(1)
    expect(eventsOf(book.layout)).toHaveLength(before)
  })

  test('is the oldest first, of one project and the global scope', async () => {
    const book = testBook()
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

  test('takes the place of what is in force by then, where its candidate was superseded meanwhile', async () => {
    const agent = saver()
    const { review, known } = await waiting(agent)
    const heir = await agent.decide(`${words(9)} heir`)
    expect(heir.candidate_id).toBe(known)
    expect(await agent.reviews()).toMatchObject([{ candidate: { id: known, in_force: false } }])
    const result = await agent.resolve(review, 'supersede')
    expect(result).toMatchObject({ status: 'saved', dedup_outcome: 'supersede', candidate_id: heir.artifact_id })
    expect(await agent.inForce()).toEqual([result?.artifact_id])
  })

  test('in global scope is resolved from any project that shares it', async () => {
    const global_root = testBook().root
    const one = saver(testBook({ project_id: 'one', global_root }))
    const two = saver(testBook({ project_id: 'two', global_root }))
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
