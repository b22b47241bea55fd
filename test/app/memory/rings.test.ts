import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryToExport } from '../../../src/app/memory/export/export.ts'
import { forget } from '../../../src/app/memory/forgetting.ts'
import { findRings, openRings } from '../../../src/app/memory/rings.ts'
import { examineBook } from '../../../src/app/operator/doctor.ts'
import { type Decision, isInForce } from '../../../src/domain/memory/artifact.ts'
import { GLOBAL_PROJECT } from '../../../src/domain/memory/room.ts'
import { newBook, onEachStore } from '../../support/stores.ts'
import { type Learner, learner } from './learned.ts'

const TEXTS = [
  ['Keep pages in memory', 'It is quick.'],
  ['Write reports on Fridays', 'People have time then.'],
  ['Colour the harbour lights green', 'Nobody mistakes them.'],
  ['Sail before noon', 'The wind turns later.'],
  ['Count barrels twice', 'One was missing.'],
  ['Feed the ship cat', 'Mice eat rope.'],
] as const

function clones(count: number): Learner[] {
  const me = learner()
  return [me, ...Array.from({ length: count - 1 }, () => learner(newBook({ clock: me.book.clock })))]
}

const doctor = async ({ context }: Learner, fix = false) =>
  (await examineBook(context, { fix, restore: false })).filter(({ check }) => check === 'memory')

async function decisionsOf({ context }: Learner, project_id = 'test-project'): Promise<Map<string, Decision>> {
  const filter = { project_id, kinds: ['decision'], in_force: false, limit: 100 } as const
  const found = await context.ledger.readWithGlobal(async (book, global) =>
    (project_id === GLOBAL_PROJECT ? global : book)?.memory.artifacts(filter),
  )
  return new Map((found ?? []).map((one) => [one.id, one as Decision]))
}

const inForce = async (who: Learner, project_id?: string) =>
  [...(await decisionsOf(who, project_id)).values()].filter(isInForce)

/** Three clones that know the same three decisions and each retire one for the next; all of it met in the first of them. */
async function ring(over: Record<string, unknown> = {}) {
  const all = clones(3)
  const [me, ...others] = all as [Learner, Learner, Learner]
  const share = over['scope'] === 'global' ? 'global' : 'own'
  const ids: string[] = []
  for (const [title, why] of TEXTS.slice(0, 3)) ids.push(await me.decide(title, why, over))
  for (const other of others) await other.book.pull(me.book, share)
  for (const [i, who] of all.entries()) {
    const [title, why] = TEXTS[(i + 1) % 3] ?? TEXTS[0]
    await who.decide(title, why, { ...over, supersedes: ids[i] })
  }
  for (const other of others) await me.book.pull(other.book, share)
  return { me, other: others[0], ids }
}

onEachStore(() => {
  test('three that each gave way to the next are told with titles and ids, and nothing is changed', async () => {
    const { me, ids } = await ring()
    expect(await inForce(me)).toEqual([])
    const told = await doctor(me)
    expect(told).toEqual([
      {
        check: 'memory',
        level: 'wrong',
        where: `decision ${ids[2]}`,
        message: `these 3 took the place of each other in a ring, so none of them is in force: "${TEXTS[2][0]}" (${ids[2]}), "${TEXTS[1][0]}" (${ids[1]}), "${TEXTS[0][0]}" (${ids[0]})`,
        mend: expect.stringContaining('rutter doctor --fix'),
        mended: null,
      },
    ])
    expect(await inForce(me)).toEqual([])
  })

  test.each([['project'], ['global']])(
    'the newest is back in force once the ring is opened: %s scope',
    async (scope) => {
      const { me, ids } = await ring({ scope })
      const told = await doctor(me, true)
      const [back, ...more] = await inForce(me, scope === 'global' ? GLOBAL_PROJECT : undefined)
      expect(more).toEqual([])
      expect(back).toMatchObject({ text: { title: TEXTS[2][0], rationale: TEXTS[2][1] }, supersedes: ids[2] })
      expect(told).toMatchObject([{ mended: `in force again is "${TEXTS[2][0]}" (${back?.id})` }])
      expect(await doctor(me, true)).toEqual([])
      expect(await inForce(me, back?.project_id)).toEqual([back])
    },
  )

  test('clones that open the same ring say one decision, and make the same of it after a merge', async () => {
    const { me, other } = await ring()
    await other.book.pull(me.book)
    await doctor(me, true)
    me.book.clock.advance(60_000)
    await doctor(other, true)
    await me.book.pull(other.book)
    await other.book.pull(me.book)
    const [mine, theirs] = [await inForce(me), await inForce(other)]
    expect(mine).toHaveLength(1)
    expect(theirs).toEqual(mine)
    expect(await doctor(me)).toEqual([])
    const known = ({ context }: Learner) => memoryToExport(context, { project_id: null, all_projects: true })
    expect({ ...(await known(other)), exported_at: '' }).toEqual({ ...(await known(me)), exported_at: '' })
  })

  test('a ring ends at a decision in force that says again what a member said', async () => {
    const { me, ids } = await ring()
    const again = await me.decide(...TEXTS[0])
    expect(ids).not.toContain(again)
    expect(await doctor(me, true)).toMatchObject([{ mended: expect.stringContaining(again) }])
    expect((await inForce(me)).map(({ id }) => id)).toEqual([again])
    expect(await doctor(me)).toEqual([])
  })

  test('of a ring with a forgotten member the newest of the others is back, and the forgotten one stays forgotten', async () => {
    const { me, ids } = await ring()
    await forget(me.context, { id: String(ids[2]), project_id: null }, { purge: false })
    const [told] = await doctor(me, true)
    expect(told?.message).toContain(`a forgotten one (${ids[2]})`)
    expect((await inForce(me)).map(({ text }) => text?.title)).toEqual([TEXTS[1][0]])
  })

  test('what a forgotten decision had superseded is no ring, and stays out of force', async () => {
    const me = learner()
    const old = await me.decide(...TEXTS[0])
    const heir = await me.decide(...TEXTS[1], { supersedes: old })
    await forget(me.context, { id: heir, project_id: null }, { purge: false })
    expect(await doctor(me, true)).toEqual([])
    expect(await inForce(me)).toEqual([])
  })

  test('a ring that was opened by the time that it is to be opened is left', async () => {
    const { me } = await ring()
    const rings = await findRings(me.context)
    expect(await openRings(me.context, rings)).toHaveLength(1)
    expect(await openRings(me.context, rings)).toEqual([])
    expect(await inForce(me)).toHaveLength(1)
  })

  test('whatever gave way to whatever, and whatever was forgotten, each is followed to an end once rings were opened', async () => {
    const facts = fc.record({
      count: fc.integer({ min: 2, max: TEXTS.length }),
      retired: fc.array(fc.tuple(fc.nat(5), fc.nat(5)), { minLength: 1, maxLength: 12 }),
      forgotten: fc.array(fc.nat(5), { maxLength: 1 }),
    })
    await fc.assert(
      fc.asyncProperty(facts, async ({ count, retired, forgotten }) => {
        const [me, other] = clones(2) as [Learner, Learner]
        const ids: string[] = []
        for (const [title, why] of TEXTS.slice(0, count)) ids.push(await me.decide(title, why))
        const idOf = (i: number) => ids[i % count] ?? ''
        const place = { project_id: 'test-project', scope: 'project', focus: null } as const
        const origin = { project_id: 'test-project', session_id: null }
        const events = retired
          .filter(([one, by]) => idOf(one) !== idOf(by))
          .map(([one, by]) => {
            const data = { artifact_id: idOf(one), ...place, origin, superseded_by: idOf(by) }
            return { type: 'decision.retired', data } as const
          })
        await me.context.ledger.write(async (book) =>
          book.append(await book.memoryStream(), events, {
            actor: me.context.connection.actor,
            at: me.book.clock.now(),
          }),
        )
        for (const i of forgotten) await forget(me.context, { id: idOf(i), project_id: null }, { purge: false })
        const before = await decisionsOf(me)
        await other.book.pull(me.book)
        await doctor(me, true)
        me.book.clock.advance(1000)
        await doctor(other, true)
        await me.book.pull(other.book)
        await other.book.pull(me.book)

        const after = await decisionsOf(me)
        for (const start of after.values()) {
          const reached = new Set([start])
          for (const { superseded_by } of reached)
            for (const id of superseded_by) reached.add(after.get(id) as Decision)
          expect([...reached].some(({ superseded_by }) => superseded_by.length === 0)).toBe(true)
        }
        for (const [id, one] of before) {
          expect(after.get(id)).toMatchObject({ text: one.text, forgotten: one.forgotten })
          if (isInForce(one)) expect(after.get(id)).toEqual(one)
        }
        expect(await findRings(me.context)).toEqual([])
        expect(await decisionsOf(other)).toEqual(after)
        for (const { book } of [me, other]) await book.end()
      }),
      { numRuns: 25 },
    )
  })
})
