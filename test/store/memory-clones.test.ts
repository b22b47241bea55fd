import { cpSync, existsSync, readFileSync, statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type TestBook, tempFolder, testBook, testClock } from '../support/book.ts'
import { decisionOf, saver, words } from '../support/memory-makers.ts'
import { graphOf, streamsOf } from '../support/records.ts'
import { put } from './runs.ts'

/** Brings the records of one book into another, as a merge does: of two copies of a record, the longer one goes on. */
function merge(from: TestBook, into: TestBook): void {
  for (const kind of ['session', 'memory'] as const) {
    for (const id of streamsOf(from.layout, kind)) {
      const [source, target] = [from.layout.record({ kind, id }), into.layout.record({ kind, id })]
      if (existsSync(target) && statSync(target).size >= statSync(source).size) continue
      put(target, readFileSync(source))
    }
  }
}

describe('what two clones did', () => {
  const clones = () => {
    const clock = testClock()
    return [testBook({ clock }), testBook({ clock })] as const
  }

  test('is one artifact after a merge where both decided the same, and both edges are there', async () => {
    const [one, two] = clones()
    const [here, there] = [saver(one), saver(two)]
    const first = await here.batch([decisionOf('Use "Postgres".')])
    one.clock.advance(1000)
    const second = await there.batch([decisionOf('use postgres')])
    expect(second.decisions[0]?.artifact_id).toBe(first.decisions[0]?.artifact_id)
    await here.settle()
    await there.settle()
    merge(one, two)
    merge(two, one)
    await there.settle()
    expect(await there.inForce()).toEqual([first.decisions[0]?.artifact_id])
    expect(await there.artifact(first.decisions[0]?.artifact_id ?? null)).toMatchObject({
      text: { title: 'Use "Postgres".' },
      produced_by: [first.session.artifact_id, second.session.artifact_id],
    })
    await here.settle()
    expect(graphOf(one.layout)).toEqual(graphOf(two.layout))
  })

  test('leaves both in force after a merge where each superseded the same in its own way', async () => {
    const [one, two] = clones()
    const [here, there] = [saver(one), saver(two)]
    const { artifact_id: old } = await here.decide(words(10))
    await here.settle()
    merge(one, two)
    const mine = await here.decide(`${words(9)} mine`)
    const theirs = await there.decide(`${words(9)} theirs`)
    expect([mine.candidate_id, theirs.candidate_id]).toEqual([old, old])
    await here.settle()
    await there.settle()
    merge(two, one)
    expect((await here.inForce()).sort()).toEqual([mine.artifact_id, theirs.artifact_id].sort())
    const both = await here.artifact(old)
    expect([...(both?.superseded_by ?? [])].sort()).toEqual([mine.artifact_id, theirs.artifact_id].sort())
    const again = await here.decide(words(10))
    expect([mine.artifact_id, theirs.artifact_id]).toContain(again.candidate_id)
  })

  test('resolves a review as it was resolved first, and keeps what each let in', async () => {
    const [one, two] = clones()
    const [here, there] = [saver(one), saver(two)]
    await here.decide(words(10))
    const asked = await here.decide(`${words(7)} a b c`)
    await here.settle()
    merge(one, two)
    const kept = await here.resolve(asked.review_id, 'keep_both')
    one.clock.advance(1000)
    await there.resolve(asked.review_id, 'discard')
    await there.settle()
    await here.settle()
    merge(two, one)
    expect(await here.inForce()).toContain(kept?.artifact_id)
    expect(await here.resolve(asked.review_id, 'keep_both')).toMatchObject({ artifact_id: kept?.artifact_id })
  })

  test('lets a text in once where one has it waiting and the other has it in force', async () => {
    const [one, two] = clones()
    const [here, there] = [saver(one), saver(two)]
    const half = `${words(7)} a b c`
    await here.decide(words(10))
    const asked = await here.decide(half)
    const free = await there.decide(half)
    expect(free.dedup_outcome).toBe('new')
    await here.settle()
    await there.settle()
    merge(two, one)
    const resolved = await here.resolve(asked.review_id, 'supersede')
    expect(resolved).toMatchObject({ status: 'saved', artifact_id: free.artifact_id })
    expect(await here.inForce()).toEqual([free.artifact_id])
  })

  test('does not fork a stream where the folder was copied with its store', async () => {
    const one = testBook({ clock: testClock() })
    const here = saver(one)
    await here.decide('alpha')
    await here.settle()
    await here.ledger.close()
    const root = tempFolder()
    cpSync(one.root, root, { recursive: true })
    const two = testBook({ root, clock: one.clock })
    const [back, there] = [saver(one), saver(two, { ledger: { place: 'that-place' } })]
    await back.decide('beta')
    await there.decide('gamma')
    await back.settle()
    await there.settle()
    const shared = streamsOf(one.layout).filter((id) => streamsOf(two.layout).includes(id))
    for (const id of shared) {
      const path = (book: TestBook) => readFileSync(book.layout.record({ kind: 'memory', id }))
      const [mine, theirs] = [path(one), path(two)]
      const shorter = Math.min(mine.length, theirs.length)
      expect(mine.subarray(0, shorter).equals(theirs.subarray(0, shorter))).toBe(true)
    }
  })
})
