import { describe, expect, test } from 'vitest'
import { memorySurface } from '../../../src/app/operations/memory_surface.ts'
import { decisionOf, patternOf, saver, summaryOf, words } from '../../support/memory-makers.ts'
import { newBook, onEachStore } from '../../support/stores.ts'

const NEARLY = `${words(9)} changed`

onEachStore(() => {
  describe('what is said in one room', () => {
    test('of project A never touches project B', async () => {
      const agent = saver()
      const inA = await agent.decide(words(10), { project_id: 'a' })
      expect(await agent.decide(words(10), { project_id: 'b' })).toMatchObject({ dedup_outcome: 'new' })
      const nearlyInB = await agent.decide(NEARLY, { project_id: 'b' })
      expect(nearlyInB).toMatchObject({ dedup_outcome: 'supersede' })
      expect(nearlyInB.candidate_id).not.toBe(inA.artifact_id)
      expect(await agent.inForce('a')).toEqual([inA.artifact_id])
      expect(await agent.inForce('b')).toEqual([nearlyInB.artifact_id])
      expect(await agent.inForce()).toEqual([])
    })

    test('is apart from the same in another focus and in the project as a whole', async () => {
      const agent = saver()
      const here = (scope: string, focus?: string) =>
        agent.decide(decisionOf(words(10), { scope }), focus === undefined ? {} : { focus })
      const ids = [await here('project'), await here('focus', 'auth'), await here('focus', 'billing')]
      expect(ids.map(({ dedup_outcome }) => dedup_outcome)).toEqual(['new', 'new', 'new'])
      expect(new Set(ids.map(({ artifact_id }) => artifact_id)).size).toBe(3)
      const again = await here('focus', 'auth')
      expect(again).toMatchObject({ dedup_outcome: 'duplicate_skip', artifact_id: ids[1]?.artifact_id })
      const changed = await agent.decide(decisionOf(NEARLY, { scope: 'focus' }), { focus: 'billing' })
      expect(changed.candidate_id).toBe(ids[2]?.artifact_id)
    })

    test('of a focus that is called like a scope is not in that scope', async () => {
      const agent = saver()
      await agent.decide(words(10))
      for (const focus of ['project', 'global', 'focus:project']) {
        const answer = await agent.decide(decisionOf(words(10), { scope: 'focus' }), { focus })
        expect(answer).toMatchObject({ dedup_outcome: 'new' })
      }
    })

    test('ignores a focus where the scope is project', async () => {
      const agent = saver()
      const first = await agent.decide(words(10), { focus: 'auth' })
      expect(await agent.artifact(first.artifact_id)).toMatchObject({ scope: 'project', focus: null })
      expect(await agent.decide(words(10))).toMatchObject({ artifact_id: first.artifact_id })
    })

    test('for a focus that is not named is in the project room, and says so', async () => {
      const agent = saver()
      const first = await agent.decide(words(10))
      const second = await agent.decide(decisionOf(words(10), { scope: 'focus' }))
      expect(second).toMatchObject({ dedup_outcome: 'duplicate_skip', artifact_id: first.artifact_id })
      expect(second.message).toContain('No focus was given, so it is kept at project scope.')
      const learned = await agent.learn(patternOf('x', { scope: 'focus' }))
      expect(learned.message).toContain('kept at project scope')
    })

    test('in global scope is one room for all projects of two books', async () => {
      const global_root = newBook().root
      const one = saver(newBook({ project_id: 'one', global_root }))
      const two = saver(newBook({ project_id: 'two', global_root }))
      const everywhere = decisionOf(words(10), { scope: 'global' })
      const first = await one.decide(everywhere, { governance_token: await one.token() })
      expect(first).toMatchObject({ dedup_outcome: 'new' })
      const token = await two.token()
      expect(await two.decide(everywhere, { governance_token: token, project_id: 'three' })).toMatchObject({
        dedup_outcome: 'duplicate_skip',
        artifact_id: first.artifact_id,
      })
      const changed = await two.decide(decisionOf(NEARLY, { scope: 'global' }), { governance_token: token })
      expect(changed).toMatchObject({ dedup_outcome: 'supersede', candidate_id: first.artifact_id })
      expect(await one.inForce('*')).toEqual([changed.artifact_id])
      expect(await one.artifact(changed.artifact_id, '*')).toMatchObject({ origin: { project_id: 'two' } })
      expect([await one.inForce(), await two.inForce()]).toEqual([[], []])
    })

    test('patterns and decisions of the same words do not meet', async () => {
      const agent = saver()
      await agent.decide('look do it')
      expect(await agent.learn(patternOf('look', { repeatable_steps: ['do it'] }))).toMatchObject({
        dedup_outcome: 'new',
      })
    })
  })

  describe('a project that is not known', () => {
    test('is created by the first write, which names the own one; the second says nothing of it', async () => {
      const agent = saver()
      const first = await agent.decide('One thing', { project_id: 'test-projekt' })
      expect(first).toMatchObject({ status: 'saved', dedup_outcome: 'new' })
      expect(first.message).toContain('"test-projekt" is new')
      expect(first.message).toContain('"test-project"')
      expect((await agent.decide('Another', { project_id: 'test-projekt' })).message).toBeNull()
    })

    test('is told of by each kind of write, and never of the own one', async () => {
      const agent = saver()
      expect((await agent.learn('x', { project_id: 'p1' })).message).toContain('"p1" is new')
      expect((await agent.summarize('x', { project_id: 'p2' })).message).toContain('"p2" is new')
      expect((await agent.batch([], [], { project_id: 'p3' })).session.message).toContain('"p3" is new')
      expect((await agent.decide('x', { project_id: 'test-project' })).message).toBeNull()
      expect((await agent.summarize('x')).message).toBeNull()
    })

    test('is empty when it is read, which is no error', async () => {
      const agent = saver()
      await agent.decide('Cache the tokens')
      const found = await agent.context.call(memorySurface, { query: 'tokens', project_id: 'nobody' })
      expect(found.matches).toEqual([])
      expect(found.message).toContain('"nobody"')
      expect(await agent.reviews({ project_id: 'nobody' })).toEqual([])
    })

    test('is blocked with strict_projects, and says how to allow it; nothing is written', async () => {
      const agent = saver(newBook(), { settings: { strict_projects: true } })
      const answers = [
        await agent.decide('x', { project_id: 'other' }),
        await agent.learn('x', { project_id: 'other' }),
        await agent.summarize('x', { project_id: 'other' }),
        await agent.decide(decisionOf('x', { scope: 'focus' }), { project_id: 'other', focus: 'f' }),
      ]
      for (const answer of answers) {
        expect(answer).toMatchObject({ status: 'blocked_scope', artifact_id: null, error: { code: 'scope_blocked' } })
        expect(answer.next_step).toContain('"strict_projects": false')
        expect(answer.message).toContain('"test-project"')
      }
      const batch = await agent.batch([decisionOf('x')], [patternOf('y')], { project_id: 'other' })
      expect(batch.overall).toBe('blocked_scope')
      expect(await agent.inForce('other')).toEqual([])
      expect(await agent.decide('x')).toMatchObject({ status: 'saved' })
    })

    test('that somebody saved in before is known with strict_projects too', async () => {
      const book = newBook()
      await saver(book).summarize('x', { project_id: 'other' })
      const strict = saver(book, { settings: { strict_projects: true } })
      expect(await strict.decide('x', { project_id: 'other' })).toMatchObject({ status: 'saved', message: null })
    })

    test('stops a global write with strict_projects too, which then spends no token', async () => {
      const agent = saver(newBook(), { settings: { strict_projects: true } })
      const asked = { project_id: 'other', governance_token: await agent.token() }
      const { session, decisions, overall } = await agent.batch([decisionOf('x', { scope: 'global' })], [], asked)
      expect(session).toMatchObject({ status: 'blocked_scope' })
      expect(decisions).toMatchObject([{ status: 'blocked_scope', error: { code: 'scope_blocked' } }])
      expect(overall).toBe('blocked_scope')
      expect(await agent.inForce('*')).toEqual([])
      const known = { ...asked, project_id: null }
      expect(await agent.decide(decisionOf('x', { scope: 'global' }), known)).toMatchObject({ status: 'saved' })
    })
  })
})

test('a summary for the project does not need the global book', async () => {
  const agent = saver()
  await agent.summarize(summaryOf('x'))
  await agent.decide('x')
  expect(await agent.ledger.readWithGlobal(async (_book, global) => global)).toBeNull()
})
