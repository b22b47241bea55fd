import { expect, test } from 'vitest'
import { findTwins, queueTwins } from '../../../src/app/memory/twins.ts'
import { memoryReview } from '../../../src/app/operations/memory_review.ts'
import { examineBook } from '../../../src/app/operator/doctor.ts'
import { isInForce } from '../../../src/domain/memory/artifact.ts'
import { newBook, onEachStore, type Share } from '../../support/stores.ts'
import { type Learner, learner } from './learned.ts'

const REASON = 'Each line can be read alone, and tools know it.'
const ONE = ['Write logs as lines of JSON', REASON] as const
/** 60 % alike, by their words. */
const OTHER = ['Write logs as lines of text', 'Each line can be read alone, so people like it.'] as const
/** More than 70 %. */
const SAME = ['Write logs as lines of CSV', REASON] as const

/** Two clones of one book, each on a machine of its own. */
function twoClones(): [Learner, Learner] {
  const me = learner()
  return [me, learner(newBook({ clock: me.book.clock }))]
}

/** What a merge brings. */
const pull = (to: Learner, from: Learner, share?: Share) => to.book.pull(from.book, share)

const doctor = async ({ context }: Learner, fix = false) =>
  (await examineBook(context, { fix, restore: false })).filter(({ check }) => check === 'memory')
const queueOf = async ({ context }: Learner) => (await context.call(memoryReview, { action: 'list' })).reviews

async function inForce({ context, book }: Learner): Promise<string[]> {
  const filter = { project_id: book.project_id, in_force: true, limit: 100 }
  return (await context.ledger.read(({ memory }) => memory.artifacts(filter))).filter(isInForce).map(({ id }) => id)
}

onEachStore(() => {
  test.each([
    ['half alike', OTHER],
    ['nearly the same', SAME],
  ])('tells of two that are %s and met only in a merge', async (_how, [title, rationale]) => {
    const [me, them] = twoClones()
    const older = await me.decide(...ONE)
    const newer = await them.decide(title, rationale)
    expect(await doctor(me)).toEqual([])
    await pull(me, them)
    expect(await doctor(me)).toEqual([
      {
        check: 'memory',
        level: 'wrong',
        where: `decision ${newer}`,
        message: expect.stringMatching(`^"${title}" and "${ONE[0]}" \\(${older}\\) are \\d\\d % alike`),
        mend: 'rutter doctor --fix puts them in the review queue.',
        mended: null,
      },
    ])
    expect(await queueOf(me)).toEqual([])
  })

  test('tells of two that took the place of the same one, however little they are alike', async () => {
    const [me, them] = twoClones()
    const first = await me.decide('Cache pages for one hour', 'Readers wait less.')
    await pull(them, me)
    const mine = await me.decide('Cache nothing', 'Old pages were seen.', { supersedes: first })
    await them.decide('Keep a copy of it all for a week', 'Disk space costs nothing now.', { supersedes: first })
    await pull(me, them)
    const [complaint, ...more] = await doctor(me)
    expect(more).toEqual([])
    expect(complaint?.message).toContain(`both took the place of ${first}`)
    expect(complaint?.message).toContain(mine)
  })

  test('puts a pair in the review queue once, under the id that it has in every clone', async () => {
    const [me, them] = twoClones()
    await me.decide(...ONE)
    await them.decide(...OTHER)
    await pull(me, them)
    await pull(them, me)
    expect(await doctor(me, true)).toMatchObject([{ mended: expect.stringContaining('review queue') }])
    expect(await doctor(me, true)).toEqual([])
    expect(await doctor(them, true)).toMatchObject([{ mended: expect.any(String) }])
    const [mine, theirs] = [await queueOf(me), await queueOf(them)]
    expect(mine).toHaveLength(1)
    expect(mine[0]).toMatchObject({
      reason: 'merged_twins',
      decision: { title: OTHER[0] },
      candidate: { title: ONE[0] },
    })
    expect(theirs.map(({ id }) => id)).toEqual(mine.map(({ id }) => id))
    await pull(me, them)
    expect(await queueOf(me)).toHaveLength(1)
    expect(await doctor(me)).toEqual([])
  })

  test.each([
    ['supersede', (newer: string) => [newer]],
    ['discard', (_newer: string, older: string) => [older]],
    ['keep_both', (newer: string, older: string) => [newer, older]],
  ] as const)('lets a person say %s, and does not ask again', async (resolution, stays) => {
    const [me, them] = twoClones()
    const older = await me.decide(...ONE)
    const newer = await them.decide(...OTHER)
    await pull(me, them)
    await doctor(me, true)
    const [review] = await queueOf(me)
    await me.resolve(String(review?.id), resolution)
    expect((await inForce(me)).sort()).toEqual([...stays(newer, older)].sort())
    expect(await doctor(me)).toEqual([])
  })

  /** Two that met in a merge and wait in the queue. */
  async function queued() {
    const [me, them] = twoClones()
    const older = await me.decide(...ONE)
    const newer = await them.decide(...OTHER)
    await pull(me, them)
    await doctor(me, true)
    const [review] = await queueOf(me)
    const resolve = async (resolution: string) =>
      (await me.context.call(memoryReview, { action: 'resolve', id: review?.id, resolution })).resolved
    return { me, older, newer, review, resolve }
  }

  test.each([
    ['supersede', (newer: string, older: string) => `${newer} is in force; ${older} gave way to it.`],
    ['discard', (newer: string, older: string) => `${older} is in force; ${newer} gave way to it.`],
    ['keep_both', (newer: string, older: string) => `Both stay in force: ${newer} and ${older}.`],
  ])('says by title and id which one is in force and which one gave way: %s', async (resolution, message) => {
    const { older, newer, resolve } = await queued()
    const result = await resolve(resolution)
    expect(result?.message).toBe(message(`"${OTHER[0]}" (${newer})`, `"${ONE[0]}" (${older})`))
    expect(await resolve(resolution)).toMatchObject({ artifact_id: result?.artifact_id })
  })

  test.each([
    ['supersede', (heir: string) => [heir]],
    ['discard', (_heir: string, older: string) => [older]],
    ['keep_both', (heir: string, older: string) => [heir, older]],
  ])(
    'lets what took the place of the newer one since stand for it, where a person says %s',
    async (resolution, stays) => {
      const { me, older, newer, resolve } = await queued()
      const heir = await me.decide('Log nothing at all', 'Nobody ever looked.', { supersedes: newer })
      expect(await queueOf(me)).toMatchObject([
        {
          similarity: 0,
          decision: { id: heir, title: 'Log nothing at all', in_force: true, in_place_of: newer },
          candidate: { id: older, in_force: true, in_place_of: null },
        },
      ])
      await resolve(resolution)
      expect((await inForce(me)).sort()).toEqual([...stays(heir, older)].sort())
      expect(await doctor(me)).toEqual([])
    },
  )

  test.each(['supersede', 'discard', 'keep_both'])(
    'leaves what took the place of both in force, where a person says %s',
    async (resolution) => {
      const { me, older, newer, resolve } = await queued()
      const heir = await me.decide('Log nothing at all', 'Nobody ever looked.', { supersedes: newer })
      await me.decide('Log nothing at all', 'Nobody ever looked.', { supersedes: older })
      const result = await resolve(resolution)
      expect(result).toMatchObject({ artifact_id: heir, message: expect.stringContaining('nothing gave way') })
      expect(await inForce(me)).toEqual([heir])
      expect(await queueOf(me)).toEqual([])
    },
  )

  test('takes a text that waits out of force again, where another clone let it in and a person discards it', async () => {
    const [me, them] = twoClones()
    const older = await me.decide(...ONE)
    const waits = await me.decide(...OTHER)
    const newer = await them.decide(...OTHER)
    await pull(me, them)
    expect(await queueOf(me)).toMatchObject([{ id: waits, decision: { id: newer, in_force: true } }])
    await me.resolve(waits, 'discard')
    expect(await inForce(me)).toEqual([older])
  })

  test('says nothing of two that were held against each other in one book', async () => {
    const me = learner()
    await me.decide(...ONE)
    const waits = await me.decide(...OTHER)
    expect(await doctor(me)).toEqual([])
    await me.resolve(waits, 'keep_both')
    expect(await inForce(me)).toHaveLength(2)
    expect(await doctor(me)).toEqual([])
  })

  test('says nothing of what is in another room, or not in force', async () => {
    const [me, them] = twoClones()
    await me.decide(...ONE)
    await me.decide(...OTHER, { scope: 'focus', focus: 'web' })
    await me.decide(...OTHER, { project_id: 'other' })
    const gone = await them.decide(...OTHER)
    await them.decide('Log nothing at all', 'Nobody ever looked.', { supersedes: gone })
    await pull(me, them)
    expect(await doctor(me)).toEqual([])
  })

  test('finds twins of other projects and of global scope too, and queues each where it is', async () => {
    const [me, them] = twoClones()
    for (const over of [{ project_id: 'other' }, { scope: 'global' }]) {
      await me.decide(...ONE, over)
      await them.decide(...OTHER, over)
    }
    await pull(me, them)
    await pull(me, them, 'global')
    const twins = await findTwins(me.context)
    expect(twins.map(({ project_id }) => project_id)).toEqual(['other', '*'])
    expect((await queueTwins(me.context, twins)).size).toBe(2)
    expect((await queueTwins(me.context, twins)).size).toBe(0)
    expect((await queueOf(me)).map(({ scope }) => scope)).toEqual(['global'])
    expect(await findTwins(me.context)).toEqual([])
  })

  test('leaves a pair of which one is gone by the time that it is to be queued', async () => {
    const [me, them] = twoClones()
    const older = await me.decide(...ONE)
    await them.decide(...OTHER)
    await pull(me, them)
    const twins = await findTwins(me.context)
    await me.decide('Log nothing at all', 'Nobody ever looked.', { supersedes: older })
    expect((await queueTwins(me.context, twins)).size).toBe(0)
    expect(await queueOf(me)).toEqual([])
  })
})
