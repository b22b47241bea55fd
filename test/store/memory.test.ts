import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sessionInitialize } from '../../src/app/operations/session_initialize.ts'
import { sessionUpdate } from '../../src/app/operations/session_update.ts'
import type { StreamRef } from '../../src/domain/event.ts'
import { bookLayout } from '../../src/log/layout.ts'
import { linesOf, walk, write } from '../log/records.ts'
import { type TestBook, testBook } from '../support/book.ts'
import { decisionOf, patternOf, saver, words } from '../support/memory-makers.ts'
import { eventsOf, globalFolder, graphOf, streamsOf } from '../support/records.ts'
import { firstLines, put } from './runs.ts'

/** The one memory stream that a book has, and its file. */
function streamOf({ layout }: TestBook, index = 0): { stream: StreamRef; path: string; bytes: () => Buffer } {
  const stream: StreamRef = { kind: 'memory', id: streamsOf(layout)[index] ?? 'none' }
  const path = layout.record(stream)
  return { stream, path, bytes: () => readFileSync(path) }
}

describe('a rebuild', () => {
  test('makes the same of the records as what was made of them call by call, in both books', async () => {
    const book = testBook()
    const agent = saver(book)
    await agent.decide(words(10))
    await agent.context.call(sessionInitialize, { session_type: 'manual' })
    await agent.batch([decisionOf(`${words(9)} b`), decisionOf(`${words(6)} b x y z`)], [patternOf('p')])
    await agent.resolve((await agent.reviews())[0]?.id, 'keep_both')
    await agent.context.call(sessionUpdate, { status: 'stopped' })
    await agent.learn(patternOf('p', { last_validated_at: '2026-11-09T00:00:00Z' }))
    const governance_token = await agent.token()
    await agent.batch([decisionOf('for all', { scope: 'global' })], [], { governance_token, focus: 'auth' })
    await agent.decide(words(10))
    await agent.settle()
    const [own, global] = [graphOf(book.layout), graphOf(bookLayout(globalFolder(book)))]
    expect(own['artifacts']).toHaveLength(7)
    await agent.ledger.rebuild()
    expect(graphOf(book.layout)).toEqual(own)
    await agent.ledger.close()
    rmSync(book.layout.control, { recursive: true })
    rmSync(join(globalFolder(book), '.control'), { recursive: true })
    const next = saver(book)
    await next.settle()
    expect([graphOf(book.layout), graphOf(bookLayout(globalFolder(book)))]).toEqual([own, global])
  })
})

describe('a memory stream that git changes', () => {
  async function twoDecisions() {
    const book = testBook()
    const agent = saver(book)
    const first = (await agent.decide(words(10))).artifact_id
    const second = (await agent.decide(`${words(9)} b`)).artifact_id
    await agent.settle()
    return { book, agent, first, second, ...streamOf(book) }
  }

  test('takes its decisions with it when it goes, and brings them back', async () => {
    const { book, agent, first, second, path, bytes } = await twoDecisions()
    const whole = bytes()
    const before = graphOf(book.layout)
    rmSync(path)
    expect(await agent.inForce()).toEqual([])
    expect(await agent.artifact(first)).toBeUndefined()
    put(path, firstLines(whole, 1))
    expect(await agent.inForce()).toEqual([first])
    put(path, whole)
    expect(await agent.inForce()).toEqual([second])
    expect(graphOf(book.layout)).toEqual(before)
  })

  test('is not gone on with from an older end: this clone begins another one, and a merge has both', async () => {
    const { book, agent, first, second, path, bytes } = await twoDecisions()
    const whole = bytes()
    put(path, firstLines(whole, 1))
    const other = await agent.decide(words(10, 'x'))
    await agent.settle()
    expect(streamsOf(book.layout)).toHaveLength(2)
    expect(bytes().equals(firstLines(whole, 1))).toBe(true)
    expect((await agent.inForce()).sort()).toEqual([first, other.artifact_id].sort())
    put(path, whole)
    expect((await agent.inForce()).sort()).toEqual([second, other.artifact_id].sort())
    await agent.decide(words(10, 'y'))
    await agent.settle()
    expect(streamsOf(book.layout)).toHaveLength(2)
    expect((await agent.ledger.verify()).findings).toEqual([])
  })

  test('is not gone on with where it is missing: another one is begun', async () => {
    const { book, agent, path } = await twoDecisions()
    rmSync(path)
    await agent.decide('something else')
    await agent.settle()
    expect(existsSync(path)).toBe(false)
    expect(streamsOf(book.layout)).toHaveLength(1)
  })

  test('is gone on with where git put the same file in its place', async () => {
    const { book, agent, path, bytes } = await twoDecisions()
    put(path, bytes())
    await agent.decide('something else')
    await agent.settle()
    expect(streamsOf(book.layout)).toHaveLength(1)
    expect(walk(bytes()).events).toHaveLength(3)
  })

  test.each([0, 1])('can be restored from the store where %d of its lines are left', async (left) => {
    const { agent, second, stream, path, bytes } = await twoDecisions()
    const whole = bytes()
    if (left === 0) rmSync(path)
    else put(path, firstLines(whole, left))
    await agent.settle()
    expect(await agent.ledger.lacking()).toMatchObject([{ stream, kind: left === 0 ? 'missing_file' : 'shortened' }])
    expect(await agent.ledger.writeBack(stream)).toBe(2 - left)
    expect(bytes().equals(whole)).toBe(true)
    expect(await agent.inForce()).toEqual([second])
    expect(await agent.ledger.lacking()).toEqual([])
  })

  test('is restored beside the one that was begun meanwhile', async () => {
    const { book, agent, second, stream, path } = await twoDecisions()
    rmSync(path)
    const other = await agent.decide('something else')
    await agent.settle()
    expect(await agent.ledger.writeBack(stream)).toBe(2)
    expect((await agent.inForce()).sort()).toEqual([second, other.artifact_id].sort())
    expect(streamsOf(book.layout)).toHaveLength(2)
  })

  test('keeps facts of a kind that this version does not know, and goes on behind them', async () => {
    const { book, agent, second, path, bytes } = await twoDecisions()
    const later = [{ type: 'decision.endorsed', data: { artifact_id: second, by: 'somebody' } }]
    appendFileSync(path, write([later], walk(bytes()).reading.head).bytes)
    const third = await agent.decide('something else')
    await agent.settle()
    const types = walk(bytes()).events.map(({ type }) => type)
    expect(types).toEqual(['decision.saved', 'decision.saved', 'decision.endorsed', 'decision.saved'])
    await agent.ledger.rebuild()
    expect((await agent.inForce()).sort()).toEqual([second, third.artifact_id].sort())
    const { findings } = await agent.ledger.verify()
    expect(findings.map(({ kind, damage }) => [kind, damage])).toEqual([['unknown_event', false]])
    expect(streamsOf(book.layout)).toHaveLength(1)
  })

  test('passes over a known type whose data has another shape', async () => {
    const { agent, second, path, bytes } = await twoDecisions()
    const odd = [{ type: 'decision.saved', data: { artifact_id: 'odd', title: 7 } }]
    appendFileSync(path, write([odd], walk(bytes()).reading.head).bytes)
    expect(await agent.inForce()).toEqual([second])
    await agent.ledger.rebuild()
    expect(await agent.inForce()).toEqual([second])
  })
})

describe('what a session learned', () => {
  async function learned() {
    const book = testBook()
    const agent = saver(book)
    const { session_id } = await agent.context.call(sessionInitialize, { session_type: 'manual' })
    const { artifact_id } = await agent.decide(words(10))
    await agent.settle()
    return { book, agent, artifact_id, path: book.path(session_id) }
  }

  test('is not lost to a checkout that cuts its record while it runs', async () => {
    const { book, agent, artifact_id, path } = await learned()
    const whole = readFileSync(path)
    put(path, firstLines(whole, 2))
    expect(await agent.inForce()).toEqual([artifact_id])
    rmSync(path)
    expect(await agent.decide(words(10))).toMatchObject({ dedup_outcome: 'duplicate_skip', artifact_id })
    expect(readFileSync(path).equals(whole)).toBe(true)
    expect(streamsOf(book.layout)).toEqual([])
  })

  test('comes and goes with its record once it is over', async () => {
    const { agent, artifact_id, path } = await learned()
    await agent.context.call(sessionUpdate, { status: 'stopped' })
    await agent.settle()
    const whole = readFileSync(path)
    rmSync(path)
    expect(await agent.inForce()).toEqual([])
    put(path, firstLines(whole, 2))
    expect(await agent.inForce()).toEqual([])
    put(path, whole)
    expect(await agent.inForce()).toEqual([artifact_id])
  })

  test('is the same once, where its record stands twice under two names', async () => {
    const { book, agent, path } = await learned()
    await agent.batch([decisionOf(`${words(9)} b`)], [patternOf('p')])
    await agent.settle()
    const before = graphOf(book.layout)
    put(book.layout.record({ kind: 'memory', id: 'a-copy' }), readFileSync(path))
    await agent.settle()
    const after = graphOf(book.layout)
    for (const table of ['artifacts', 'reviews', 'word_sets', 'search_docs'])
      expect(after[table]).toEqual(before[table])
    expect(after['memory_events']).toHaveLength(2 * (before['memory_events']?.length ?? 0))
  })
})

test('a memory stream that is torn at any byte has its whole steps, and the clone goes on', async () => {
  const source = testBook()
  const first = saver(source)
  await first.decide('alpha')
  await first.batch([decisionOf('beta'), decisionOf('gamma')], [patternOf('delta')])
  await first.settle()
  const { stream, bytes } = streamOf(source)
  const whole = bytes()
  const lines = linesOf(whole)
  const step = lines[0]?.length ?? 0
  const cuts = [0, 1, step - 1, step, step + 1, ...lines.map((_, i) => Buffer.concat(lines.slice(0, i + 1)).length - 1)]
  for (let at = 7; at < whole.length; at += 211) cuts.push(at)
  for (const cut of new Set(cuts)) {
    const book = testBook()
    put(book.layout.record(stream), whole.subarray(0, cut))
    const agent = saver(book)
    const isWhole = cut >= whole.length - 1
    // A line is whole without its line feed, too.
    const known = isWhole ? 4 : cut >= step - 1 ? 1 : 0
    expect(await agent.inForce(), `cut at ${cut} of ${whole.length}`).toHaveLength(known)
    await agent.decide('omega')
    await agent.settle()
    expect(await agent.inForce(), `cut at ${cut}, then saved`).toHaveLength(known + 1)
    const { findings } = await agent.ledger.verify()
    expect(findings.filter(({ damage }) => damage)).toEqual([])
    await agent.ledger.close()
  }
})

test('a memory record has one line for each fact, with nothing in it but what was said and where', async () => {
  const book = testBook()
  const agent = saver(book)
  await agent.decide('alpha')
  await agent.settle()
  expect(eventsOf(book.layout)).toMatchObject([
    {
      ...{ v: 1, seq: 1, type: 'decision.saved', at: book.clock.now(), actor: { kind: 'agent', name: 'test-agent' } },
      data: { title: 'alpha', project_id: 'test-project', scope: 'project', focus: null, supersedes: null },
    },
  ])
})
