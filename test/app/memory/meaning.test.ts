import { describe, expect, test } from 'vitest'
import { decisionOf, saver, words } from '../../support/memory-makers.ts'
import { newBook, onEachStore } from '../../support/stores.ts'

onEachStore(() => {
  describe('a word that turns the meaning round', () => {
    const turned: [string, string, string][] = [
      ['never', `${words(12)} use`, `${words(12)} never use`],
      ['not', `${words(12)} do`, `${words(12)} do not`],
      ["don't", `${words(12)} lock`, `${words(12)} don't lock`],
      ["don't", `${words(12)} lock`, `${words(12)} Don’t lock`],
      ["isn't", `${words(12)} lock`, `${words(12)} isn't lock`],
      ['without', `${words(12)} with`, `${words(12)} without`],
      ['avoid', `${words(12)} use`, `${words(12)} avoid`],
      ['no', `${words(12)} locks`, `${words(12)} no locks`],
      ['nicht', `${words(12)} locks`, `${words(12)} nicht locks`],
      ['не', `${words(12)} locks`, `${words(12)} не locks`],
    ]
    test.each(turned)('"%s" keeps a text from superseding, and is named', async (word, one, other) => {
      for (const [before, after] of [
        [one, other],
        [other, one],
      ] as const) {
        const agent = saver()
        const first = await agent.decide(before)
        const second = await agent.decide(after)
        expect(second).toMatchObject({
          status: 'failed',
          dedup_outcome: 'manual_review',
          candidate_id: first.artifact_id,
        })
        expect(second.message).toContain(`"${word}"`)
        expect(second.similarity).toBeGreaterThanOrEqual(0.7)
        expect(await agent.reviews()).toMatchObject([{ reason: 'negation' }])
        expect(await agent.inForce()).toEqual([first.artifact_id])
      }
    })

    test('in both texts turns nothing round', async () => {
      const agent = saver()
      await agent.decide(`${words(12)} never lock`)
      expect(await agent.decide(`${words(12)} never block`)).toMatchObject({ dedup_outcome: 'supersede' })
    })

    test('does not matter where the texts are hardly alike, or the same', async () => {
      const agent = saver()
      const first = await agent.decide(`never ${words(8)}`)
      expect(await agent.decide(`never ${words(8)}.`)).toMatchObject({ artifact_id: first.artifact_id })
      expect(await agent.decide(`${words(4)} ${words(5, 'x')}`)).toMatchObject({ dedup_outcome: 'new' })
      const half = await agent.decide(`${words(6)} ${words(2, 'y')}`)
      expect(half).toMatchObject({ dedup_outcome: 'manual_review' })
      expect(half.message).not.toContain('meaning')
    })

    test('does not stop who names what is superseded', async () => {
      const agent = saver()
      const first = await agent.decide(`${words(12)} use`)
      const next = decisionOf(`${words(12)} never use`, { supersedes: first.artifact_id })
      expect(await agent.decide(next)).toMatchObject({ dedup_outcome: 'supersede', candidate_id: first.artifact_id })
    })
  })

  describe('something that was superseded and is decided again', () => {
    test('supersedes what is in force now, and is an artifact of its own', async () => {
      const book = newBook()
      const agent = saver(book)
      const texts = [words(10), `${words(9)} b`, `${words(8)} b c`]
      const ids: (string | null)[] = []
      for (const text of texts) {
        ids.push((await agent.decide(text)).artifact_id)
        book.clock.advance(1000)
      }
      const again = await agent.decide(texts[0] ?? '')
      expect(again).toMatchObject({ status: 'saved', dedup_outcome: 'supersede', candidate_id: ids[2] })
      expect(ids).not.toContain(again.artifact_id)
      expect(await agent.inForce()).toEqual([again.artifact_id])
      expect(again.message).toContain('Decided again')
      expect(await agent.decide(texts[0] ?? '')).toMatchObject({
        dedup_outcome: 'duplicate_skip',
        artifact_id: again.artifact_id,
      })
    })

    test('goes back and forth without end, and each time there is one in force', async () => {
      const agent = saver()
      const seen = new Set<string | null>()
      for (let i = 0; i < 12; i++) {
        const answer = await agent.decide(i % 2 === 0 ? words(10) : `${words(9)} b`)
        expect(answer.dedup_outcome).toBe(i === 0 ? 'new' : 'supersede')
        seen.add(answer.artifact_id)
        expect(await agent.inForce()).toEqual([answer.artifact_id])
      }
      expect(seen.size).toBe(12)
    })

    test('meets what is in force however unlike that is by now', async () => {
      const agent = saver()
      const first = await agent.decide('use postgres')
      const other = await agent.decide(decisionOf('write files', { supersedes: first.artifact_id }))
      expect(await agent.decide('use postgres')).toMatchObject({
        dedup_outcome: 'supersede',
        candidate_id: other.artifact_id,
      })
    })
  })

  describe('what a decision says it supersedes', () => {
    test('is superseded, however unlike', async () => {
      const agent = saver()
      const first = await agent.decide('use postgres')
      const next = await agent.decide(decisionOf('write files', { supersedes: first.artifact_id }))
      expect(next).toMatchObject({ status: 'saved', dedup_outcome: 'supersede', candidate_id: first.artifact_id })
      expect(next).not.toHaveProperty('similarity')
      expect(await agent.artifact(first.artifact_id)).toMatchObject({ superseded_by: [next.artifact_id] })
      expect(await agent.artifact(next.artifact_id)).toMatchObject({ supersedes: first.artifact_id })
    })

    test('may be null, which is the same as nothing', async () => {
      expect(await saver().decide(decisionOf('x', { supersedes: null }))).toMatchObject({ dedup_outcome: 'new' })
    })

    test.each(['no-such-id', '00000000-0000-4000-8000-000000000000'])(
      'fails where nobody knows the id %s, and nothing is saved',
      async (id) => {
        const agent = saver()
        await agent.decide('use postgres')
        const answer = await agent.decide(decisionOf('write files', { supersedes: id }))
        expect(answer).toMatchObject({ status: 'failed', artifact_id: null, dedup_outcome: null })
        expect(answer.error).toMatchObject({ code: 'artifact_not_found', message: expect.stringContaining(id) })
        expect(await agent.inForce()).toHaveLength(1)
      },
    )

    test('fails where it is of another project, another focus or global', async () => {
      const agent = saver()
      const foreign = [
        await agent.decide('use postgres', { project_id: 'other' }),
        await agent.decide(decisionOf('use postgres', { scope: 'focus' }), { focus: 'auth' }),
        await agent.decide(decisionOf('use postgres', { scope: 'global' }), { governance_token: await agent.token() }),
        await agent.learn('use postgres'),
        await agent.summarize('use postgres'),
      ]
      for (const { artifact_id } of foreign) {
        const answer = await agent.decide(decisionOf('write files', { supersedes: artifact_id }))
        expect(answer).toMatchObject({ status: 'failed', error: { code: 'artifact_not_found' } })
      }
      expect(await agent.inForce('other')).toHaveLength(1)
      expect(await agent.inForce('*')).toHaveLength(1)
    })

    test('fails where it is not in force any more, and says by what it was superseded', async () => {
      const agent = saver()
      const first = await agent.decide(words(10))
      const second = await agent.decide(`${words(9)} b`)
      const answer = await agent.decide(decisionOf('write files', { supersedes: first.artifact_id }))
      expect(answer).toMatchObject({ status: 'failed', error: { code: 'artifact_not_found' } })
      expect(answer.message).toContain(String(second.artifact_id))
      expect(await agent.inForce()).toEqual([second.artifact_id])
    })

    test('is told as done where the same call came before', async () => {
      const agent = saver()
      const first = await agent.decide('use postgres')
      const call = decisionOf('write files', { supersedes: first.artifact_id })
      const { artifact_id } = await agent.decide(call)
      expect(await agent.decide(call)).toMatchObject({ status: 'saved', dedup_outcome: 'duplicate_skip', artifact_id })
    })

    test('gives way to a text that is in force already', async () => {
      const agent = saver()
      const [one, two] = [await agent.decide('use postgres'), await agent.decide('write files')]
      const answer = await agent.decide(decisionOf('write files', { supersedes: one.artifact_id }))
      expect(answer).toMatchObject({ status: 'saved', dedup_outcome: 'duplicate_skip', artifact_id: two.artifact_id })
      expect(answer.message).toContain(String(one.artifact_id))
      expect(await agent.inForce()).toEqual([two.artifact_id])
      await agent.settle()
      await agent.ledger.rebuild()
      expect(await agent.inForce()).toEqual([two.artifact_id])
    })

    test('may be the very same text, which changes nothing', async () => {
      const agent = saver()
      const one = await agent.decide('use postgres')
      const answer = await agent.decide(decisionOf('use postgres', { supersedes: one.artifact_id }))
      expect(answer).toMatchObject({ dedup_outcome: 'duplicate_skip', artifact_id: one.artifact_id })
      expect(await agent.inForce()).toEqual([one.artifact_id])
    })
  })
})
