import { expect, test } from 'vitest'
import { saveDecision } from '../../../src/app/operations/save_decision.ts'
import { testContext } from '../../support/book.ts'
import { SEED_DECISION } from '../../support/memory-makers.ts'
import { newBook, onEachStore } from '../../support/stores.ts'

const decision = (over = {}) => ({ ...SEED_DECISION, ...over })

onEachStore(() => {
  test('saves a decision once, and gives the same id when it is said again', async () => {
    const book = newBook()
    const context = testContext(book.open(), book.clock)
    const first = await context.call(saveDecision, { decision: decision() })
    expect(first).toEqual({ status: 'saved', artifact_id: expect.any(String), dedup_outcome: 'new', message: null })
    const again = await context.call(saveDecision, {
      decision: decision({ title: 'use "sha-256" + jaccard for decision dedup.' }),
    })
    expect(again).toMatchObject({ status: 'saved', artifact_id: first.artifact_id, dedup_outcome: 'duplicate_skip' })
  })

  test('supersedes what is nearly the same, and asks a person about what is half the same', async () => {
    const book = newBook()
    const context = testContext(book.open(), book.clock)
    const first = await context.call(saveDecision, { decision: decision() })
    const changed = await context.call(saveDecision, {
      decision: decision({ title: 'Use SHA-512 + Jaccard for decision dedup' }),
    })
    expect(changed).toMatchObject({ status: 'saved', dedup_outcome: 'supersede', candidate_id: first.artifact_id })
    const negated = await context.call(saveDecision, {
      decision: decision({ title: 'Never use SHA-512 + Jaccard for decision dedup' }),
    })
    expect(negated).toMatchObject({
      status: 'failed',
      dedup_outcome: 'manual_review',
      candidate_id: changed.artifact_id,
    })
    const back = await context.call(saveDecision, { decision: decision() })
    expect(back).toMatchObject({ status: 'saved', dedup_outcome: 'supersede', candidate_id: changed.artifact_id })
    expect(back.artifact_id).not.toBe(first.artifact_id)
  })
})
