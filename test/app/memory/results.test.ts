import { describe, expect, test } from 'vitest'
import { refusalOf } from '../../support/book.ts'
import {
  decisionOf,
  patternOf,
  SEED_DECISION,
  SEED_SESSION,
  saver,
  summaryOf,
  words,
} from '../../support/memory-makers.ts'
import { onEachStore } from '../../support/stores.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

onEachStore(() => {
  describe('what a saving call answers', () => {
    test('for something new is its id and nothing else', async () => {
      const agent = saver()
      const answer = { status: 'saved', artifact_id: expect.stringMatching(UUID), message: null }
      expect(await agent.decide(SEED_DECISION)).toEqual({ ...answer, dedup_outcome: 'new' })
      expect(await agent.learn('When it rains')).toEqual({ ...answer, dedup_outcome: 'new' })
      expect(await agent.summarize(SEED_SESSION)).toEqual({ ...answer, dedup_outcome: null })
    })

    test('for what takes the place of another names that one and how like it is', async () => {
      const agent = saver()
      const old = await agent.decide(words(10))
      expect(await agent.decide(`${words(9)} changed`)).toEqual({
        status: 'saved',
        artifact_id: expect.stringMatching(UUID),
        dedup_outcome: 'supersede',
        message: expect.stringContaining(String(old.artifact_id)),
        candidate_id: old.artifact_id,
        similarity: 0.8182,
      })
    })

    test('for what a person must look at is no id, the candidate, and what to do next', async () => {
      const agent = saver()
      const old = await agent.decide(words(10))
      const answer = await agent.decide(`${words(7)} a b c`)
      expect(answer).toEqual({
        status: 'failed',
        artifact_id: null,
        dedup_outcome: 'manual_review',
        message: expect.stringContaining('kept in the review queue'),
        candidate_id: old.artifact_id,
        similarity: 0.5385,
        review_id: expect.stringMatching(UUID),
        next_step: expect.stringContaining(String(answer.review_id)),
      })
    })

    test('for what is not allowed says why, twice in the same words, and what to do next', async () => {
      const agent = saver()
      const answer = await agent.decide(decisionOf('For all', { scope: 'global' }))
      expect(answer).toEqual({
        status: 'blocked_scope',
        artifact_id: null,
        dedup_outcome: null,
        message: expect.stringContaining('governance token'),
        next_step: expect.stringContaining('request_global_write_approval'),
        error: { code: 'governance_required', message: answer.message, hint: answer.next_step },
      })
    })
  })

  describe('a text without a word', () => {
    test.each(['', ' ', '\n\t', '...', '"" () [] {}', '“ ” . , ; : ! ?', '« »'])(
      '%j is refused as a decision',
      async (text) => {
        const agent = saver()
        const refusal = await refusalOf(agent.decide(decisionOf(text, { rationale: text })))
        expect(refusal).toMatchObject({ code: 'invalid_argument', message: expect.stringContaining('no word') })
        expect(refusal.message).toContain('decision')
        expect(await agent.inForce()).toEqual([])
      },
    )

    test('is refused as a pattern', async () => {
      const agent = saver()
      const refusal = await refusalOf(agent.learn(patternOf('...', { repeatable_steps: ['!', ''] })))
      expect(refusal).toMatchObject({ code: 'invalid_argument', message: expect.stringContaining('no word') })
    })

    test('is no title of a decision, and a pattern where a step has one', async () => {
      const agent = saver()
      for (const title of ['', '  ', '...']) {
        const refusal = await refusalOf(() => agent.decide(decisionOf(title, { rationale: 'because' })))
        expect(refusal).toMatchObject({ code: 'invalid_argument', message: expect.stringContaining('decision.title') })
      }
      expect(await agent.learn(patternOf('', { repeatable_steps: ['go'] }))).toMatchObject({ dedup_outcome: 'new' })
    })

    test('of signs that mean something is a decision: +, -, *', async () => {
      const agent = saver()
      for (const sign of ['+', '-', '*', '&&', '👍']) {
        expect(await agent.decide(sign)).toMatchObject({ status: 'saved', dedup_outcome: 'new' })
      }
    })
  })

  describe('an argument that does not fit', () => {
    const bad: [string, object, string][] = [
      ['a date that is none', { date: '2026-02-30' }, 'decision.date'],
      ['a date with a time', { date: '2026-02-03T10:00:00Z' }, 'decision.date'],
      ['a confidence above 1', { confidence: 1.01 }, 'decision.confidence'],
      ['a confidence below 0', { confidence: -0.1 }, 'decision.confidence'],
      ['an unknown scope', { scope: 'team' }, 'decision.scope'],
      ['an unknown field', { importance: 1 }, 'importance'],
    ]
    test.each(bad)('%s names its field and changes nothing', async (_what, over, field) => {
      const agent = saver()
      const refusal = await refusalOf(agent.decide(decisionOf('A title', over as Record<string, unknown>)))
      expect(refusal).toMatchObject({ code: 'invalid_argument', message: expect.stringContaining(field) })
      expect(await agent.inForce()).toEqual([])
    })

    test('the project "*" is refused, since it stands for none', async () => {
      const agent = saver()
      for (const project_id of ['*', '', ' a', 'a ', '\n']) {
        const refusal = await refusalOf(agent.decide('A title', { project_id }))
        expect(refusal).toMatchObject({ code: 'invalid_argument', message: expect.stringContaining('project_id') })
      }
    })

    test('confidence is 1 where none is said, and exclusions are none', async () => {
      const agent = saver()
      const decision = await agent.artifact((await agent.decide('A title')).artifact_id)
      expect(decision?.text).toMatchObject({ confidence: 1 })
      const pattern = await agent.artifact((await agent.learn('A trigger')).artifact_id)
      expect(pattern?.text).toMatchObject({ exclusions: [] })
    })
  })

  describe('a session summary', () => {
    test('is never taken for another one, however alike', async () => {
      const agent = saver()
      const first = await agent.summarize(SEED_SESSION)
      const second = await agent.summarize(SEED_SESSION)
      expect(second).toMatchObject({ status: 'saved', dedup_outcome: null })
      expect(second.artifact_id).not.toBe(first.artifact_id)
    })

    test('is the same one under the same idempotency key, whatever it says', async () => {
      const agent = saver()
      const first = await agent.summarize(SEED_SESSION, { idempotency_key: 'run-7' })
      const again = await agent.summarize('Something else', { idempotency_key: 'run-7' })
      expect(again).toMatchObject({ status: 'saved', artifact_id: first.artifact_id })
      expect(again.message).toContain('idempotency_key')
      expect((await agent.artifact(first.artifact_id))?.text).toMatchObject({ objective: SEED_SESSION.objective })
      const other = await agent.summarize(SEED_SESSION, { idempotency_key: 'run-8' })
      expect(other.artifact_id).not.toBe(first.artifact_id)
    })

    test('of another project is another one under the same key, also in global scope', async () => {
      const agent = saver()
      for (const save_scope of ['project', 'global']) {
        const one = await agent.summarize(summaryOf('x', { save_scope }), { project_id: 'a', idempotency_key: 'run-7' })
        const other = await agent.summarize(summaryOf('y', { save_scope }), {
          project_id: 'b',
          idempotency_key: 'run-7',
        })
        expect(other.artifact_id).not.toBe(one.artifact_id)
      }
    })

    test('for a focus that is not named is kept at project scope, and says so', async () => {
      const agent = saver()
      const answer = await agent.summarize(summaryOf('x', { save_scope: 'focus' }))
      expect(answer).toMatchObject({ status: 'saved', message: expect.stringContaining('kept at project scope') })
      expect(await agent.artifact(answer.artifact_id)).toMatchObject({ scope: 'project', focus: null })
      const named = await agent.summarize(summaryOf('x', { save_scope: 'focus' }), { focus: 'auth' })
      expect(named.message).toBeNull()
      expect(await agent.artifact(named.artifact_id)).toMatchObject({ scope: 'focus', focus: 'auth' })
    })

    test('in global scope needs no token, since it claims nothing for others', async () => {
      const agent = saver()
      const answer = await agent.summarize(summaryOf('x', { save_scope: 'global' }))
      expect(answer).toMatchObject({ status: 'saved' })
      expect(await agent.artifact(answer.artifact_id, '*')).toMatchObject({ scope: 'global', project_id: '*' })
    })
  })
})
