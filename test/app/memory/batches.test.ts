import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sessionInitialize } from '../../../src/app/operations/session_initialize.ts'
import { refusalOf, testBook } from '../../support/book.ts'
import { decisionOf, type Fields, patternOf, saver, summaryOf, words } from '../../support/memory-makers.ts'
import { newBook, onEachStore } from '../../support/stores.ts'

const GLOBAL = { scope: 'global' }

onEachStore(() => {
  describe('a batch', () => {
    test('answers each item in its place', async () => {
      const agent = saver()
      await agent.decide(words(10, 'k'))
      const decisions = ['one', `${words(9, 'k')} x`, `${words(6, 'k')} x a b c`, 'one', 'two'].map((text) =>
        decisionOf(text),
      )
      const answer = await agent.batch(decisions, [patternOf('p'), patternOf('q'), patternOf('p')])
      expect(answer.decisions.map((one) => one.dedup_outcome)).toEqual([
        ...['new', 'supersede', 'manual_review', 'duplicate_skip', 'new'],
      ])
      expect(answer.patterns.map((one) => one.dedup_outcome)).toEqual(['new', 'new', 'duplicate_skip'])
      expect(answer.decisions[3]?.artifact_id).toBe(answer.decisions[0]?.artifact_id)
      expect(answer.session).toMatchObject({ status: 'saved', dedup_outcome: null })
      expect(answer.overall).toBe('partial')
    })

    test('may have nothing but its summary', async () => {
      const answer = await saver().batch([])
      expect(answer).toMatchObject({ session: { status: 'saved' }, decisions: [], patterns: [], overall: 'saved' })
    })

    test('is one step in the record, and each of its items produced by its summary once', async () => {
      const book = newBook()
      const agent = saver(book)
      await agent.context.call(sessionInitialize, { session_type: 'manual' })
      const known = await agent.decide('known')
      const pattern = await agent.learn('known')
      const twice = [decisionOf('known'), decisionOf('new'), decisionOf('KNOWN'), decisionOf('New.')]
      const answer = await agent.batch(twice, [patternOf('known'), patternOf('known'), patternOf('n'), patternOf('n')])
      await agent.settle()
      const produced = (await book.events('session')).flatMap(({ data }) => {
        const { artifact_id, summary_id } = data as { artifact_id?: string; summary_id?: string | null }
        return summary_id == null ? [] : [`${summary_id} ${artifact_id}`]
      })
      const ids = [...answer.decisions, ...answer.patterns].map((one) => one.artifact_id)
      expect(produced).toHaveLength(4)
      expect(new Set(produced)).toEqual(new Set(ids.map((id) => `${answer.session.artifact_id} ${id}`)))
      for (const id of ids) {
        expect(await agent.artifact(id)).toMatchObject({ produced_by: [answer.session.artifact_id] })
      }
      expect(ids).toContain(known.artifact_id)
      expect(ids).toContain(pattern.artifact_id)
      const step = (await book.events('session')).slice(-5)
      expect(step.map((event) => ('more' in event ? event.more : 0))).toEqual([4, 3, 2, 1, 0])
    })

    test('supersedes inside itself, over several steps and by name', async () => {
      const agent = saver()
      const chain = [words(10), `${words(9)} b`, `${words(8)} b c`].map((text) => decisionOf(text))
      const { decisions } = await agent.batch(chain)
      expect(decisions.map((one) => one.dedup_outcome)).toEqual(['new', 'supersede', 'supersede'])
      expect(decisions.map((one) => one.candidate_id)).toEqual([
        ...[undefined, decisions[0]?.artifact_id, decisions[1]?.artifact_id],
      ])
      expect(await agent.inForce()).toEqual([decisions[2]?.artifact_id])
      const back = await agent.batch([
        decisionOf(words(10)),
        decisionOf('x', { supersedes: decisions[2]?.artifact_id }),
      ])
      expect(back.decisions.map(({ status }) => status)).toEqual(['saved', 'failed'])
      expect(back.decisions[0]).toMatchObject({ dedup_outcome: 'supersede', candidate_id: decisions[2]?.artifact_id })
    })

    test('asks about the same text once', async () => {
      const agent = saver()
      await agent.decide(words(10))
      const half = decisionOf(`${words(7)} a b c`)
      const { decisions } = await agent.batch([half, half])
      expect(decisions[1]).toEqual(decisions[0])
      expect(await agent.reviews()).toHaveLength(1)
    })

    test('of 500 items is saved whole, and meets itself all the way', async () => {
      const agent = saver()
      const decisions = Array.from({ length: 250 }, (_, i) => decisionOf(words(20, `t${i}_`)))
      const again = decisions.map(({ title }) => decisionOf(`${title} more`))
      const answer = await agent.batch([...decisions, ...again])
      expect(answer.decisions.map((one) => one.dedup_outcome)).toEqual([
        ...decisions.map(() => 'new'),
        ...again.map(() => 'supersede'),
      ])
      expect(answer.decisions[499]?.candidate_id).toBe(answer.decisions[249]?.artifact_id)
      expect(await agent.inForce()).toHaveLength(250)
    })
  })

  describe('a batch that is told again under its key', () => {
    const told = { idempotency_key: 'run-7' }

    test('gives the same ids and writes nothing, also where its own items took the place of each other', async () => {
      const book = newBook()
      const agent = saver(book)
      const chain = [words(10), `${words(9)} b`, `${words(8)} b c`].map((text) => decisionOf(text))
      const patterns = [patternOf('p')]
      const first = await agent.batch(chain, patterns, told)
      await agent.settle()
      const events = (await book.events()).length
      const again = await agent.batch(chain, patterns, told)
      const idsOf = (batch: typeof first) =>
        [batch.session, ...batch.decisions, ...batch.patterns].map((one) => one.artifact_id)
      expect(idsOf(again)).toEqual(idsOf(first))
      expect(again.overall).toBe('saved')
      await agent.settle()
      expect(await book.events()).toHaveLength(events)
      expect(await agent.inForce()).toHaveLength(2)
    })

    test('stays as it was where it named what it superseded, and where others have gone on since', async () => {
      const agent = saver()
      const old = await agent.decide('use postgres')
      const items = [decisionOf('write files', { supersedes: old.artifact_id })]
      const first = await agent.batch(items, [], told)
      expect(await agent.batch(items, [], told)).toMatchObject({
        overall: 'saved',
        decisions: [{ dedup_outcome: 'duplicate_skip', artifact_id: first.decisions[0]?.artifact_id }],
      })
      const later = await agent.decide(decisionOf('send mails', { supersedes: first.decisions[0]?.artifact_id }))
      expect(await agent.batch(items, [], told)).toMatchObject({ overall: 'saved' })
      expect(await agent.inForce()).toEqual([later.artifact_id])
    })

    test('saves what was blocked or failed before', async () => {
      const agent = saver()
      const items = [decisionOf('mine'), decisionOf('for all', GLOBAL)]
      const first = await agent.batch(items, [], told)
      expect(first.overall).toBe('partial')
      const again = await agent.batch(items, [], { ...told, governance_token: await agent.token() })
      expect(again).toMatchObject({ overall: 'saved', session: { artifact_id: first.session.artifact_id } })
      expect(await agent.artifact(again.decisions[1]?.artifact_id ?? null, '*')).toMatchObject({
        produced_by: [first.session.artifact_id],
      })
    })

    test('by several processes at once is there once', async () => {
      const book = newBook()
      const agents = Array.from({ length: 4 }, () => saver(book))
      const items = [decisionOf(words(10)), decisionOf(`${words(9)} b`)]
      const answers = await Promise.all(agents.map((agent) => agent.batch(items, [patternOf('p')], told)))
      expect(new Set(answers.map(({ session }) => session.artifact_id)).size).toBe(1)
      expect(new Set(answers.map(({ decisions }) => decisions[1]?.artifact_id)).size).toBe(1)
      await agents[0]?.settle()
      expect(await book.events()).toHaveLength(4)
    })
  })

  describe('a batch of which something is of the wrong shape', () => {
    const wrong: [string, Fields, string][] = [
      ['a decision', { decisions: [decisionOf('a'), decisionOf('b', { date: 'soon' })] }, 'decisions.1.date'],
      ['a decision without a word', { decisions: [decisionOf('a'), decisionOf('...')] }, 'decisions.1'],
      ['a pattern', { patterns: [patternOf('a', { last_validated_at: '2026' })] }, 'patterns.0.last_validated_at'],
      ['a pattern that has no steps', { patterns: [{ trigger: 'a' }] }, 'patterns.0.repeatable_steps'],
      ['the summary', { session: { ...summaryOf('a'), open_items: 'none' } }, 'session.open_items'],
      ['a field that nobody knows', { decisions: [decisionOf('a', { weight: 1 })] }, 'decisions.0'],
      ['the scope', { session: summaryOf('a', { save_scope: 'world' }) }, 'session.save_scope'],
    ]
    test.each(wrong)('%s names the item and the field and writes nothing', async (_what, over, where) => {
      const book = newBook()
      const agent = saver(book)
      const refusal = await refusalOf(agent.batch([decisionOf('a')], [], over))
      expect(refusal).toMatchObject({ code: 'invalid_argument', message: expect.stringContaining(where) })
      await agent.settle()
      expect(await book.events()).toEqual([])
    })
  })

  describe('the one word for a batch', () => {
    test('is "saved" when all was saved, duplicates too', async () => {
      const agent = saver()
      await agent.decide('a')
      expect((await agent.batch([decisionOf('a')], [patternOf('p')])).overall).toBe('saved')
    })

    test('is "partial" when something waits, failed or was blocked beside what was saved', async () => {
      const agent = saver()
      await agent.decide(words(10))
      const mixes = [
        decisionOf(`${words(7)} a b c`),
        decisionOf('x', { supersedes: 'no-such-id' }),
        decisionOf('for all', GLOBAL),
      ]
      for (const item of mixes) expect((await agent.batch([item])).overall).toBe('partial')
      expect((await agent.batch([], [patternOf('for all', GLOBAL)])).overall).toBe('partial')
    })

    test('is "blocked_scope" when all of it was blocked, and then nothing is there', async () => {
      const agent = saver(newBook(), { settings: { strict_projects: true } })
      const blocked = await agent.batch([decisionOf('a'), decisionOf('b', GLOBAL)], [patternOf('c', GLOBAL)], {
        project_id: 'other',
      })
      expect(blocked.overall).toBe('blocked_scope')
      expect(blocked.decisions.map(({ error }) => error?.code)).toEqual(['scope_blocked', 'scope_blocked'])
      expect(await agent.inForce('other')).toEqual([])
    })
  })
})

describe('a batch when the global book cannot be written', () => {
  /** A file stands where the folder should be. */
  function blocked() {
    const book = testBook()
    const path = join(book.root, 'global')
    writeFileSync(path, 'in the way')
    return { agent: saver(book), book, makeRoom: () => rmSync(path) }
  }

  test('fails what is global and saves the rest', async () => {
    const { agent } = blocked()
    const answer = await agent.batch(
      [decisionOf('a'), decisionOf('b', GLOBAL)],
      [patternOf('c', GLOBAL), patternOf('d')],
    )
    expect(answer.session).toMatchObject({ status: 'saved' })
    expect([...answer.decisions, ...answer.patterns].map(({ status }) => status)).toEqual([
      ...['saved', 'failed', 'failed', 'saved'],
    ])
    expect(answer.decisions[1]?.error).toMatchObject({ code: 'store_unavailable' })
    expect(answer.overall).toBe('partial')
    expect(await agent.inForce()).toHaveLength(2)
  })

  test('is "failed" where nothing was saved and not all of it was blocked', async () => {
    const book = testBook()
    writeFileSync(join(book.root, 'global'), 'in the way')
    const agent = saver(book, { settings: { strict_projects: true } })
    const session = summaryOf('x', { save_scope: 'global' })
    const answer = await agent.batch([decisionOf('a')], [], { session, project_id: 'other' })
    expect([answer.session.status, answer.decisions[0]?.status, answer.overall]).toEqual([
      ...['failed', 'blocked_scope', 'failed'],
    ])
  })

  test('saves the others when it is the summary that failed, and links them to none', async () => {
    const { agent } = blocked()
    const session = summaryOf('x', { save_scope: 'global' })
    const answer = await agent.batch([decisionOf('a')], [patternOf('b')], { session })
    expect(answer.session).toMatchObject({ status: 'failed', artifact_id: null, error: { code: 'store_unavailable' } })
    expect(answer.decisions).toMatchObject([{ status: 'saved' }])
    expect(answer.patterns).toMatchObject([{ status: 'saved' }])
    expect(answer.overall).toBe('partial')
    expect(await agent.artifact(answer.decisions[0]?.artifact_id ?? null)).toMatchObject({ produced_by: [] })
  })

  test('saves a decision for the project, finds it, and lists its reviews', async () => {
    const { agent } = blocked()
    await agent.decide(words(10))
    await agent.decide(`${words(7)} a b c`)
    expect(await agent.inForce()).toHaveLength(1)
    expect(await agent.reviews()).toHaveLength(1)
  })

  test('refuses to give a token, and says what is wrong', async () => {
    const { agent } = blocked()
    expect(await refusalOf(agent.token())).toMatchObject({ code: 'store_unavailable' })
  })

  test('goes on once it can be written again', async () => {
    const { agent, makeRoom } = blocked()
    expect(await agent.decide(decisionOf('b', GLOBAL))).toMatchObject({ status: 'failed' })
    makeRoom()
    const governance_token = await agent.token()
    expect(await agent.decide(decisionOf('b', GLOBAL), { governance_token })).toMatchObject({ status: 'saved' })
  })

  test('since its database is a folder, saves and reads what is the project’s own', async () => {
    const book = testBook()
    mkdirSync(join(book.root, 'global', '.control', 'rutter.db'), { recursive: true })
    writeFileSync(join(book.root, 'global', 'rutter.json'), '{"project_id":"global"}')
    const agent = saver(book)
    const answer = await agent.batch([decisionOf('a'), decisionOf('b', GLOBAL)])
    expect(answer.decisions.map(({ status }) => status)).toEqual(['saved', 'failed'])
    expect(await agent.reviews()).toEqual([])
  })
})
