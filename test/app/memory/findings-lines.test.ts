import { cpSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { forget } from '../../../src/app/memory/forgetting.ts'
import { sessionInitialize } from '../../../src/app/operations/session_initialize.ts'
import { sessionUpdate } from '../../../src/app/operations/session_update.ts'
import { refusalOf, type TestBook, testBook } from '../../support/book.ts'
import { decisionOf, type Saver, saver, words } from '../../support/memory-makers.ts'
import { newBook, onEachStore } from '../../support/stores.ts'

/** Saves inside a session, and gives what brings that session's record back after it was taken away. */
async function inSession<T>(book: TestBook, agent: Saver, save: () => Promise<T>) {
  await agent.context.call(sessionInitialize, { session_type: 'autonomous' })
  const saved = await save()
  await agent.context.call(sessionUpdate, { status: 'stopped' })
  await agent.settle()
  const folder = book.layout.folder('session')
  const kept = join(book.root, 'kept')
  return {
    saved,
    away() {
      cpSync(folder, kept, { recursive: true })
      for (const name of readdirSync(folder)) rmSync(join(folder, name))
    },
    back: () => cpSync(kept, folder, { recursive: true }),
  }
}

describe('a text whose record is on another branch', () => {
  test('is another artifact when it is said again after it was superseded, and stays in force', async () => {
    const book = testBook()
    const agent = saver(book)
    const { saved, away, back } = await inSession(book, agent, () => agent.decide('use postgres'))
    await agent.decide(decisionOf('pick kafka', { supersedes: saved.artifact_id }))
    await agent.settle()
    away()
    const again = await agent.decide('use postgres')
    expect(again).toMatchObject({ status: 'saved' })
    expect(again.artifact_id).not.toBe(saved.artifact_id)
    expect(await agent.inForce()).toContain(again.artifact_id)
    back()
    expect(await agent.inForce()).toContain(again.artifact_id)
    expect(await agent.inForce()).not.toContain(saved.artifact_id)
  })

  test('is another artifact when it is said again after it was forgotten, and has its text', async () => {
    const book = testBook()
    const agent = saver(book)
    const { saved, away } = await inSession(book, agent, async () => [
      await agent.decide('use postgres'),
      await agent.learn('deploy'),
    ])
    for (const { artifact_id } of saved) {
      await forget(agent.context, { id: String(artifact_id), project_id: null }, { purge: false })
    }
    await agent.settle()
    away()
    const again = [await agent.decide('use postgres'), await agent.learn('deploy')]
    for (const { artifact_id } of again) {
      expect(await agent.artifact(artifact_id)).toMatchObject({ forgotten: false, text: expect.any(Object) })
    }
    expect(await agent.inForce()).toHaveLength(2)
  })
})

test('a summary that was forgotten is not said to be saved anew under its key while its record is away', async () => {
  const book = testBook()
  const agent = saver(book)
  const more = { idempotency_key: 'run-7' }
  const { saved, away } = await inSession(book, agent, () => agent.summarize('x', more))
  await forget(agent.context, { id: String(saved.artifact_id), project_id: null }, { purge: false })
  await agent.settle()
  away()
  const again = await agent.summarize('x', more)
  expect(again).toMatchObject({ artifact_id: saved.artifact_id, message: expect.stringContaining('forgotten') })
})

onEachStore(() => {
  test('of two decisions that two clones retired for each other, the one that was said first to stay does', async () => {
    const book = newBook()
    const one = saver(book)
    const a = await one.decide('use postgres')
    const b = await one.decide('pick kafka')
    await one.settle()
    const other = newBook({ clock: book.clock })
    await other.pull(book)
    const two = saver(other)
    book.clock.advance(1000)
    await one.decide(decisionOf('use postgres', { supersedes: b.artifact_id }))
    book.clock.advance(1000)
    await two.decide(decisionOf('pick kafka', { supersedes: a.artifact_id }))
    await Promise.all([one.settle(), two.settle()])
    await book.pull(other)
    await other.pull(book)
    for (const agent of [one, two]) {
      expect(await agent.inForce()).toEqual([a.artifact_id])
      await agent.ledger.rebuild()
      expect(await agent.inForce()).toEqual([a.artifact_id])
    }
  })

  describe('a text that waits', () => {
    const half = `${words(7)} a b c`

    test('waits no more once the same batch lets it in', async () => {
      const agent = saver()
      const known = await agent.decide(words(10))
      const batch = await agent.batch([decisionOf(half), decisionOf(half, { supersedes: known.artifact_id })])
      expect(batch.decisions.map(({ dedup_outcome }) => dedup_outcome)).toEqual(['manual_review', 'supersede'])
      expect(await agent.reviews()).toEqual([])
    })

    test('is queued anew when it is said again after it was forgotten', async () => {
      const agent = saver()
      await agent.decide(words(10))
      const first = await agent.decide(half)
      const id = String(first.review_id)
      await forget(agent.context, { id, project_id: null }, { purge: false })
      const again = await agent.decide(half)
      expect(again).toMatchObject({ status: 'failed', dedup_outcome: 'manual_review' })
      expect(again.review_id).not.toBe(id)
      expect(again.message).not.toContain('null')
      expect(await agent.reviews()).toMatchObject([{ id: again.review_id, decision: { title: half } }])
      // Said once more it is the one that waits, and writes nothing.
      expect(await agent.decide(half)).toMatchObject({ review_id: again.review_id })
      expect(await agent.reviews()).toHaveLength(1)
    })

    test('and was forgotten is told as forgotten, not as resolved at no time', async () => {
      const agent = saver()
      await agent.decide(words(10))
      const id = String((await agent.decide(half)).review_id)
      await forget(agent.context, { id, project_id: null }, { purge: false })
      const discarded = await agent.resolve(id, 'discard')
      expect(discarded).toMatchObject({ status: 'saved', message: expect.stringContaining('forgotten') })
      const refusal = await refusalOf(agent.resolve(id, 'keep_both'))
      expect(refusal.message).toContain('forgotten')
      for (const message of [discarded?.message, refusal.message]) expect(message).not.toContain('null')
    })
  })
})
