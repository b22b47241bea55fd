import { describe, expect, test } from 'vitest'
import { requestGlobalWriteApproval } from '../../../src/app/operations/request_global_write_approval.ts'
import { decisionOf, patternOf, saver, words } from '../../support/memory-makers.ts'
import { newBook, onEachStore } from '../../support/stores.ts'

onEachStore(() => {
  describe('a pattern', () => {
    test('of the same trigger and steps is the same one, whatever is excluded', async () => {
      const agent = saver()
      const first = await agent.learn(patternOf('When it rains', { exclusions: ['indoors'] }))
      for (const exclusions of [[], ['outdoors', 'never']]) {
        const again = await agent.learn(patternOf('when it "rains"', { exclusions }))
        expect(again).toMatchObject({
          status: 'saved',
          dedup_outcome: 'duplicate_skip',
          artifact_id: first.artifact_id,
        })
      }
      expect((await agent.artifact(first.artifact_id))?.text).toMatchObject({ exclusions: ['indoors'] })
    })

    test('of other steps, or the same in another order, is another one: patterns are never merely similar', async () => {
      const agent = saver()
      const steps = words(20).split(' ')
      const variants = [
        steps,
        steps.toReversed(),
        steps.slice(1),
        [steps.join(' ')],
        [...steps, ''],
        steps.slice(0, 19),
      ]
      for (const repeatable_steps of variants) {
        expect(await agent.learn(patternOf('x', { repeatable_steps }))).toMatchObject({ dedup_outcome: 'new' })
      }
    })

    test('that is said again is valid until the later of the two, in whatever order and zone they come', async () => {
      const agent = saver()
      const validated = async (last_validated_at: string) => {
        const { artifact_id, message } = await agent.learn(patternOf('x', { last_validated_at }))
        const artifact = await agent.artifact(artifact_id)
        return [message, artifact?.kind === 'pattern' && artifact.text?.last_validated_at]
      }
      expect(await validated('2026-04-08T10:00:00Z')).toEqual([null, '2026-04-08T10:00:00.000Z'])
      const later = '2026-04-08T10:30:00.000Z'
      expect(await validated('2026-04-08T12:30:00+02:00')).toEqual([expect.stringContaining(later), later])
      expect(await validated('2026-04-08T11:00:00+02:00')).toEqual([expect.stringContaining(later), later])
      expect(await validated('2025-01-01T00:00:00Z')).toEqual([expect.stringContaining(later), later])
    })

    test('that comes twice in one batch keeps the later time, and says which', async () => {
      const agent = saver()
      const at = (day: number) => patternOf('x', { last_validated_at: `2026-05-0${day}T00:00:00Z` })
      await agent.learn(at(1))
      const { patterns } = await agent.batch([], [at(5), at(3)])
      expect(patterns.map(({ message }) => message)).toEqual([
        expect.stringContaining('2026-05-05'),
        expect.stringContaining('2026-05-05'),
      ])
      const artifact = await agent.artifact(patterns[0]?.artifact_id ?? null)
      expect(artifact?.text).toMatchObject({ last_validated_at: '2026-05-05T00:00:00.000Z' })
    })
  })

  describe('a token for one global write', () => {
    const global = (title: string) => decisionOf(title, { scope: 'global' })
    const globalPattern = (trigger: string) => patternOf(trigger, { scope: 'global' })

    test('is asked for by decisions and patterns, and lives for a minute', async () => {
      const book = newBook()
      const agent = saver(book)
      const answer = await agent.context.call(requestGlobalWriteApproval, { content_preview: 'x' })
      expect(answer).toMatchObject({ token: expect.any(String), ttl_seconds: 60 })
      expect(Date.parse(answer.expires_at) - Date.parse(book.clock.now())).toBe(60_000)
      const missing = { status: 'blocked_scope', artifact_id: null, error: { code: 'governance_required' } }
      expect(await agent.decide(global('x'))).toMatchObject(missing)
      expect(await agent.learn(globalPattern('x'))).toMatchObject(missing)
      expect(await agent.decide(global('x'), { governance_token: null })).toMatchObject(missing)
    })

    test('is refused where nobody gave it out', async () => {
      const agent = saver()
      const token = await agent.token()
      for (const governance_token of ['', 'x', token.toUpperCase(), token.slice(1)]) {
        const answer = await agent.decide(global('x'), { governance_token })
        expect(answer).toMatchObject({ status: 'blocked_scope', error: { code: 'governance_invalid' } })
        expect(answer.message).toContain('not known')
      }
      expect(await agent.inForce('*')).toEqual([])
    })

    test('is good for one write, decision or pattern', async () => {
      const agent = saver()
      const governance_token = await agent.token()
      expect(await agent.learn(globalPattern('x'), { governance_token })).toMatchObject({ status: 'saved' })
      const second = await agent.decide(global('y'), { governance_token })
      expect(second).toMatchObject({ status: 'blocked_scope', error: { code: 'governance_invalid' } })
      expect(second.message).toContain('used already')
    })

    test('is good until the very moment at which it expires, and no longer', async () => {
      const book = newBook()
      const agent = saver(book)
      const governance_token = await agent.token()
      book.clock.advance(59_999)
      expect(await agent.decide(global('x'), { governance_token })).toMatchObject({ status: 'saved' })
      const late = await agent.token()
      book.clock.advance(60_000)
      const answer = await agent.decide(global('y'), { governance_token: late })
      expect(answer).toMatchObject({ status: 'blocked_scope', error: { code: 'governance_invalid' } })
      expect(answer.message).toContain('expired')
    })

    test('lives as long as the settings say', async () => {
      const book = newBook()
      const agent = saver(book, { settings: { approval_seconds: 5 } })
      const governance_token = await agent.token()
      book.clock.advance(5000)
      expect(await agent.decide(global('y'), { governance_token })).toMatchObject({ status: 'blocked_scope' })
    })

    test('is not spent by what writes nothing: a duplicate, a review, a failure, a write for one project', async () => {
      const agent = saver()
      const known = await agent.decide(global(words(10)), { governance_token: await agent.token() })
      const pattern = globalPattern('x')
      await agent.learn(pattern, { governance_token: await agent.token() })
      const governance_token = await agent.token()
      const more = { governance_token }
      expect(await agent.decide(global(words(10)), more)).toMatchObject({ dedup_outcome: 'duplicate_skip' })
      expect(await agent.decide(global(`${words(7)} a b c`), more)).toMatchObject({ dedup_outcome: 'manual_review' })
      expect(await agent.decide(global(`${words(7)} a b c`), more)).toMatchObject({ dedup_outcome: 'manual_review' })
      expect(await agent.learn(pattern, more)).toMatchObject({ dedup_outcome: 'duplicate_skip' })
      const foreign = decisionOf('z', { scope: 'global', supersedes: 'no-such-id' })
      expect(await agent.decide(foreign, more)).toMatchObject({ status: 'failed' })
      expect(await agent.decide('for one project', more)).toMatchObject({ status: 'saved' })
      expect(await agent.batch([global(words(10))], [], more)).toMatchObject({ overall: 'saved' })
      expect(await agent.decide(global(`${words(9)} new`), more)).toMatchObject({
        dedup_outcome: 'supersede',
        candidate_id: known.artifact_id,
      })
      expect(await agent.decide(global('more'), more)).toMatchObject({ status: 'blocked_scope' })
    })

    test('covers all of one batch', async () => {
      const agent = saver()
      const more = { governance_token: await agent.token() }
      const { overall } = await agent.batch([global('a'), global('b')], [globalPattern('c'), globalPattern('d')], more)
      expect(overall).toBe('saved')
      expect(await agent.inForce('*')).toHaveLength(4)
      expect((await agent.batch([global('e')], [], more)).decisions).toMatchObject([{ status: 'blocked_scope' }])
    })

    test('that one project got is spent in another one that shares the global book', async () => {
      const global_root = newBook().root
      const one = saver(newBook({ project_id: 'one', global_root }))
      const two = saver(newBook({ project_id: 'two', global_root }))
      const governance_token = await one.token()
      expect(await two.decide(global('x'), { governance_token })).toMatchObject({ status: 'saved' })
      expect(await one.decide(global('y'), { governance_token })).toMatchObject({ status: 'blocked_scope' })
    })

    test('that many use at once is good for one of them', async () => {
      const global_root = newBook().root
      const agents = ['one', 'two', 'three'].flatMap((project_id) => {
        const book = newBook({ project_id, global_root })
        return [saver(book), saver(book)]
      })
      const governance_token = await agents[0]?.token()
      const answers = await Promise.all(
        agents.map((agent, i) => agent.decide(global(words(3, `t${i}`)), { governance_token })),
      )
      expect(answers.map(({ status }) => status).sort()).toEqual([
        ...Array.from({ length: 5 }, () => 'blocked_scope'),
        'saved',
      ])
      expect(await agents[0]?.inForce('*')).toHaveLength(1)
    })

    test('stands in no record: only its digest does', async () => {
      const book = newBook()
      const agent = saver(book)
      const governance_token = await agent.token('what is to be written')
      await agent.decide(global('x'), { governance_token })
      await agent.settle()
      const events = await book.events('memory', 'global')
      expect(events.map(({ type }) => type)).toEqual(['approval.granted', 'decision.saved', 'approval.spent'])
      expect(JSON.stringify([...events, ...(await book.events())])).not.toContain(governance_token)
      expect(events[0]?.data).toMatchObject({ content_preview: 'what is to be written' })
    })
  })
})
