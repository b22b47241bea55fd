import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { sessionInitialize } from '../../src/app/operations/session_initialize.ts'
import { sessionUpdate } from '../../src/app/operations/session_update.ts'
import { follow } from '../../src/app/operator/follow.ts'
import type { RecordedEvent } from '../../src/domain/event.ts'
import { testContext } from '../support/book.ts'
import { newBook, onEachStore } from '../support/stores.ts'

onEachStore(() => {
  async function setUp() {
    const book = newBook()
    const agent = testContext(book.open(), book.clock)
    const { session_id } = await agent.call(sessionInitialize, { session_type: 'manual' })
    const ledger = book.open()
    const begin = (earlier = 0, shown: (event: RecordedEvent) => boolean = () => true) => {
      const stop = new AbortController()
      onTestFinished(() => stop.abort())
      const options = { session_id, earlier, shown, signal: stop.signal }
      return { stop, events: follow(testContext(ledger, book.clock), options) }
    }
    const update = (input: object) => agent.call(sessionUpdate, input)
    return { ledger, session_id, begin, update }
  }

  const all = async (events: AsyncIterable<RecordedEvent>) => {
    const got: RecordedEvent[] = []
    for await (const event of events) got.push(event)
    return got
  }

  test('a session is followed to its end, with each event once, by any number at the same time', async () => {
    const { begin, update } = await setUp()
    const followers = [begin(100), begin(1), begin()].map(({ events }) => all(events))
    for (let i = 0; i < 30; i++) {
      await update({ current_task_id: `T-${i}` })
      if (i % 10 === 0) await sleep(20)
    }
    await update({ status: 'stopped' })
    const [first = [], ...others] = await Promise.all(followers)
    expect(first.map(({ seq }) => seq)).toEqual(first.map((_, i) => i + 1))
    expect(first.length).toBeGreaterThan(30)
    expect(first.at(-1)?.type).toBe('session.ended')
    for (const events of others) expect(events).toEqual(first.slice(-events.length))
  })

  test('a session that is over is given as far back as was asked, and no further', async () => {
    const { begin, update } = await setUp()
    await update({ current_task_id: 'T-1' })
    await update({ status: 'stopped' })
    const types = (await all(begin(2).events)).map(({ type }) => type)
    expect(types).toHaveLength(2)
    expect(types.at(-1)).toBe('session.ended')
    expect(await all(begin(0).events)).toEqual([])
    expect(await all(begin(5, ({ type }) => type === 'session.started').events)).toHaveLength(1)
  })

  test('a follower that is told to stop while nothing happens comes to its end, and without an error', async () => {
    const { begin } = await setUp()
    const { stop, events } = begin(1)
    expect((await events.next()).done).toBe(false)
    const next = events.next()
    setTimeout(() => stop.abort(), 20)
    expect(await next).toEqual({ done: true, value: undefined })
  })

  test('a follower comes to its end when its ledger is closed', async () => {
    const { begin, ledger } = await setUp()
    const { events } = begin(1)
    expect((await events.next()).done).toBe(false)
    const next = events.next()
    await sleep(30)
    await ledger.close()
    expect((await next).done).toBe(true)
  })
})
