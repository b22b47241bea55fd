import { describe, expect, test } from 'vitest'
import { sessionInitialize } from '../../../src/app/operations/session_initialize.ts'
import { sessionUpdate } from '../../../src/app/operations/session_update.ts'
import { refusalOf } from '../../support/book.ts'
import { decisionOf, patternOf, type Saver, saver, summaryOf } from '../../support/memory-makers.ts'
import { type AnyBook, newBook, onEachStore } from '../../support/stores.ts'

async function begin(agent: Saver): Promise<string> {
  const { session_id } = await agent.context.call(sessionInitialize, { session_type: 'autonomous' })
  return session_id
}

const stop = (agent: Saver) => agent.context.call(sessionUpdate, { status: 'stopped' })

/** Types of the memory events that stand in the records of a kind. */
async function learnedIn(book: AnyBook, kind: 'session' | 'memory'): Promise<string[]> {
  const events = await book.events(kind)
  return events.map(({ type }) => type).filter((type) => /^(summary|decision|pattern|review)\./.test(type))
}

onEachStore(() => {
  describe('what is saved while a session is live', () => {
    test('stands in the record of that session and is linked to it', async () => {
      const book = newBook()
      const agent = saver(book)
      const session = await begin(agent)
      const ids = [await agent.summarize('x'), await agent.decide('x'), await agent.learn('x')]
      await agent.settle()
      expect(await learnedIn(book, 'session')).toEqual(['summary.saved', 'decision.saved', 'pattern.saved'])
      expect(await book.streams()).toEqual([])
      for (const { artifact_id } of ids) {
        expect(await agent.artifact(artifact_id)).toMatchObject({
          origin: { session_id: session, project_id: 'test-project' },
          sessions: [session],
        })
      }
    })

    test('does not count as a turn, a task or a failure of the session', async () => {
      const agent = saver()
      const session = await begin(agent)
      const before = await agent.ledger.read((book) => book.session(session))
      await agent.batch([decisionOf('x')], [patternOf('y')])
      const after = await agent.ledger.read((book) => book.session(session))
      const { last_at: _then, ...rest } = before ?? { last_at: '' }
      expect(after).toMatchObject(rest)
      expect((await agent.ledger.verify()).findings).toEqual([])
    })

    test('in global scope stands in the global book, and is linked to the session all the same', async () => {
      const book = newBook()
      const agent = saver(book)
      const session = await begin(agent)
      const governance_token = await agent.token()
      const { artifact_id } = await agent.decide(decisionOf('x', { scope: 'global' }), { governance_token })
      await agent.settle()
      expect([...(await learnedIn(book, 'session')), ...(await learnedIn(book, 'memory'))]).toEqual([])
      expect(await agent.artifact(artifact_id, '*')).toMatchObject({ origin: { session_id: session } })
    })

    test('for another project stands in the same record', async () => {
      const book = newBook()
      const agent = saver(book)
      const session = await begin(agent)
      const { artifact_id } = await agent.decide('x', { project_id: 'other' })
      await agent.settle()
      expect(await learnedIn(book, 'session')).toEqual(['decision.saved'])
      expect(await agent.artifact(artifact_id, 'other')).toMatchObject({
        origin: { session_id: session, project_id: 'other' },
      })
    })

    test('by two connections that name it stands in one record', async () => {
      const book = newBook()
      const [one, two] = [saver(book), saver(book)]
      const session_id = await begin(one)
      await one.decide('alpha')
      const second = await two.decide('beta', { session_id })
      await one.decide('gamma')
      await one.settle()
      expect(await learnedIn(book, 'session')).toEqual(['decision.saved', 'decision.saved', 'decision.saved'])
      expect(await one.artifact(second.artifact_id)).toMatchObject({ origin: { session_id } })
      expect((await one.ledger.verify()).findings).toEqual([])
    })
  })

  describe('what is saved when no session is live', () => {
    test('stands in one memory stream of this clone, linked to nothing', async () => {
      const book = newBook()
      const [one, two] = [saver(book), saver(book)]
      const first = await one.decide('alpha')
      await two.learn('beta')
      await one.summarize('gamma')
      await one.settle()
      expect(await book.streams()).toHaveLength(1)
      expect(await learnedIn(book, 'memory')).toEqual(['decision.saved', 'pattern.saved', 'summary.saved'])
      expect(await one.artifact(first.artifact_id)).toMatchObject({ origin: { session_id: null }, sessions: [] })
    })

    test('but has just ended stands in the memory stream and is linked to the one that ended', async () => {
      const book = newBook()
      const agent = saver(book)
      const session = await begin(agent)
      await stop(agent)
      const record = await book.events('session')
      const { session: summary, decisions } = await agent.batch([decisionOf('x')])
      await agent.settle()
      expect(await book.events('session')).toEqual(record)
      expect(await learnedIn(book, 'memory')).toEqual(['summary.saved', 'decision.saved'])
      for (const artifact_id of [summary.artifact_id, decisions[0]?.artifact_id ?? null]) {
        expect(await agent.artifact(artifact_id)).toMatchObject({ sessions: [session] })
      }
    })

    test('can be linked to a session of the past by its id', async () => {
      const book = newBook()
      const agent = saver(book)
      const session_id = await begin(agent)
      await stop(agent)
      const stranger = saver(book)
      const answer = await stranger.summarize('x', { session_id })
      expect(await stranger.artifact(answer.artifact_id)).toMatchObject({ origin: { session_id } })
    })

    test('is refused where it names a session that nobody knows, and nothing is saved', async () => {
      const agent = saver()
      const calls = [
        () => agent.summarize('x', { session_id: 'nobody' }),
        () => agent.decide('x', { session_id: 'nobody' }),
        () => agent.learn('x', { session_id: 'nobody' }),
        () => agent.batch([decisionOf('x')], [], { session_id: 'nobody' }),
        () => agent.batch([decisionOf('x', { scope: 'global' })], [], { session_id: 'nobody' }),
      ]
      for (const call of calls) {
        expect(await refusalOf(call)).toMatchObject({
          code: 'session_not_found',
          message: expect.stringContaining('nobody'),
        })
      }
      expect(await agent.inForce()).toEqual([])
    })

    test('by a stranger is not linked to the run that somebody else has in the slot', async () => {
      const book = newBook()
      await begin(saver(book))
      const stranger = saver(book)
      const { artifact_id } = await stranger.decide('x')
      await stranger.settle()
      expect(await stranger.artifact(artifact_id)).toMatchObject({ origin: { session_id: null } })
      expect(await book.events('session')).toHaveLength(2)
    })
  })

  describe('a session that lost its holder or its lock', () => {
    test('is adopted by the client that reconnects, and its record goes on', async () => {
      const book = newBook()
      const processes = book.machine.process()
      const session = await begin(saver(book, { ledger: { processes } }))
      book.machine.say(processes.self(), 'dead')
      const again = saver(book)
      const { artifact_id } = await again.decide('x')
      await again.settle()
      expect(await again.artifact(artifact_id)).toMatchObject({ origin: { session_id: session } })
      expect(await learnedIn(book, 'session')).toEqual(['decision.saved'])
      expect(again.context.connection.tokens.get(session)).toBe(2)
      expect((await again.decide('y')).status).toBe('saved')
    })

    test('to a later adoption keeps what its agent learned: in the memory stream, linked to it', async () => {
      const book = newBook()
      const processes = book.machine.process()
      const first = saver(book, { ledger: { processes } })
      const session = await begin(first)
      book.machine.say(processes.self(), 'dead')
      expect(await saver(book).decide('from the heir')).toMatchObject({ message: null })
      const { artifact_id, message } = await first.decide('from who slept')
      expect(message).toBe(
        `Kept beside session ${session}: this connection holds its slot "default" no longer (lease_lost). Stop working on its behalf.`,
      )
      await first.settle()
      expect(await first.artifact(artifact_id)).toMatchObject({ origin: { session_id: session } })
      expect(await learnedIn(book, 'session')).toEqual(['decision.saved'])
      expect(await learnedIn(book, 'memory')).toEqual(['decision.saved'])
      expect((await first.ledger.verify()).findings).toEqual([])
    })

    test('and was ended as interrupted keeps what its agent learned', async () => {
      const book = newBook()
      const processes = book.machine.process()
      const first = saver(book, { ledger: { processes } })
      const session = await begin(first)
      book.machine.say(processes.self(), 'dead')
      const heir = saver(book)
      const next = await begin(heir)
      const { artifact_id, message } = await first.decide('from who slept')
      expect(message).toMatch(/holds its slot "default" no longer/)
      expect(await heir.decide('from the heir')).toMatchObject({ message: null })
      expect(next).not.toBe(session)
      expect(await first.artifact(artifact_id)).toMatchObject({ origin: { session_id: session } })
      await first.settle()
      expect(await learnedIn(book, 'session')).toEqual(['decision.saved'])
      expect(await learnedIn(book, 'memory')).toEqual(['decision.saved'])
    })
  })

  describe('times in one record', () => {
    test('never go back, whatever the clock does', async () => {
      const book = newBook()
      const agent = saver(book)
      await begin(agent)
      await agent.decide('alpha')
      book.clock.setWall('2020-01-01T00:00:00.000Z')
      await agent.decide('beta')
      await stop(agent)
      book.clock.setWall('2027-01-01T00:00:00.000Z')
      await agent.decide('gamma')
      book.clock.setWall('2019-01-01T00:00:00.000Z')
      await agent.decide('delta')
      await agent.summarize(summaryOf('epsilon'))
      await agent.settle()
      for (const kind of ['session', 'memory'] as const) {
        const times = (await book.events(kind)).map(({ at }) => at)
        expect(times).toEqual(times.toSorted())
      }
      expect(await agent.inForce()).toHaveLength(4)
    })
  })
})
