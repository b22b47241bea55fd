import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Disk, nodeDisk } from '../../src/log/disk.ts'
import { bookLayout } from '../../src/log/layout.ts'
import { firstLines, put } from '../store/runs.ts'
import { refusalOf, type TestBook, testBook } from '../support/book.ts'
import { decisionOf, patternOf, saver, words } from '../support/memory-makers.ts'
import { eventsOf, globalFolder, graphOf, streamsOf } from '../support/records.ts'
import { diskWith } from '../torture/disk.ts'

type Fault = 'append' | 'half an append' | 'sync' | 'open' | 'note' | 'removal of the note'

/** A disk on which one thing fails for the records of one of the two books, once `now` says which. */
function failing(now: { fault: Fault | null; of: string }): Disk {
  const fail = (path: string, fault: Fault) => {
    if (now.fault === fault && path.startsWith(now.of)) {
      throw Object.assign(new Error(`ENOSPC: injected, ${fault}`), { code: 'ENOSPC', errno: -28, syscall: 'write' })
    }
  }
  const disk = diskWith(nodeDisk, (file, path) => ({
    append(bytes) {
      fail(path, 'append')
      if (now.fault === 'half an append' && path.startsWith(now.of)) file.append(bytes.subarray(0, bytes.length / 2))
      fail(path, 'half an append')
      file.append(bytes)
    },
    sync(...how) {
      fail(path, 'sync')
      file.sync(...how)
    },
  }))
  return {
    ...disk,
    open(path, create) {
      if (path.endsWith('.jsonl')) fail(path, 'open')
      return disk.open(path, create)
    },
    replace(path, content) {
      fail(path, 'note')
      disk.replace(path, content)
    },
    remove(path) {
      if (path.endsWith('pending.json')) fail(path, 'removal of the note')
      disk.remove(path)
    },
  }
}

const ITEMS = [decisionOf(words(10)), decisionOf('for everybody', { scope: 'global' })]
const graphs = (book: TestBook) => [graphOf(book.layout), graphOf(bookLayout(globalFolder(book)))]

describe('a disk that fails in the middle of a batch in two books', () => {
  const cases: [Fault, 'own' | 'global'][] = [
    ['note', 'own'],
    ['open', 'global'],
    ['append', 'global'],
    ['half an append', 'global'],
    ['sync', 'global'],
    ['open', 'own'],
    ['append', 'own'],
    ['half an append', 'own'],
    ['sync', 'own'],
  ]
  for (const isFirst of [true, false]) {
    test.each(cases)(
      `%s (%s book${isFirst ? ', nothing saved before' : ''}): refused, nothing changed`,
      async (fault, of) => {
        const book = testBook()
        const now: { fault: Fault | null; of: string } = { fault: null, of: '' }
        const agent = saver(book, { ledger: { disk: failing(now) } })
        const more = { governance_token: await agent.token(), idempotency_key: 'k' }
        if (!isFirst) await agent.decide('known')
        await agent.settle()
        const before = graphs(book)

        Object.assign(now, { fault, of: of === 'own' ? book.layout.bot : globalFolder(book) })
        expect(await refusalOf(agent.batch(ITEMS, [patternOf('p')], more))).toMatchObject({ code: 'store_unavailable' })
        now.fault = null

        await agent.settle()
        expect(graphs(book)).toEqual(before)
        expect(existsSync(book.layout.pending)).toBe(false)
        const answer = await agent.batch(ITEMS, [patternOf('p')], more)
        expect(answer.decisions.map(({ dedup_outcome }) => dedup_outcome)).toEqual(['new', 'new'])
        expect((await agent.ledger.verify()).findings).toEqual([])
        await agent.settle()
        const summaries = eventsOf(book.layout).filter(({ type }) => type === 'summary.saved')
        expect(summaries).toHaveLength(1)
      },
    )
  }

  test('only when its note is to be removed has the batch, and says so', async () => {
    const book = testBook()
    const now: { fault: Fault | null; of: string } = { fault: null, of: book.layout.bot }
    const agent = saver(book, { ledger: { disk: failing(now) } })
    const governance_token = await agent.token()
    now.fault = 'removal of the note'
    const answer = await agent.batch(ITEMS, [], { governance_token })
    expect(answer.overall).toBe('saved')
    now.fault = null
    await agent.decide('something else')
    expect(existsSync(book.layout.pending)).toBe(false)
    expect(await agent.inForce()).toHaveLength(2)
    expect(await agent.inForce('*')).toHaveLength(1)
    expect((await agent.ledger.verify()).findings).toEqual([])
  })
})

describe('a store that cannot follow', () => {
  test('a batch in two books is there all the same, and the next call takes it in', async () => {
    const book = testBook()
    let fails = false
    const pausePoint = (point: string) => {
      if (fails && point === 'projected') throw Object.assign(new Error('no commit'), { errcode: 13 })
    }
    const agent = saver(book, { ledger: { pausePoint } })
    const governance_token = await agent.token()
    fails = true
    expect((await agent.batch(ITEMS, [], { governance_token })).overall).toBe('saved')
    fails = false
    expect(await agent.inForce()).toHaveLength(1)
    expect(await agent.inForce('*')).toHaveLength(1)
    expect(agent.ledger.repairs().map(({ kind }) => kind)).toContain('store_behind')
    const before = graphs(book)
    await agent.ledger.rebuild()
    expect(graphs(book)).toEqual(before)
  })
})

describe('a note of what is to be written in two books', () => {
  test.each(['', '{', '{"own":[', 'null', '{}', '[]'])(
    'that says %j was never acted on, and is dropped',
    async (text) => {
      const book = testBook()
      await saver(book).decide('known')
      mkdirSync(dirname(book.layout.pending), { recursive: true })
      writeFileSync(book.layout.pending, text)
      const agent = saver(book)
      expect(await agent.decide('more')).toMatchObject({ status: 'saved' })
      expect(await agent.inForce()).toHaveLength(2)
      expect(existsSync(book.layout.pending)).toBe(false)
    },
  )

  test('waits while the global book cannot be opened, and stops nobody from working', async () => {
    const book = testBook()
    await saver(book).decide('known')
    writeFileSync(globalFolder(book), 'in the way')
    writeFileSync(book.layout.pending, JSON.stringify({ own: [], global: [] }))
    const agent = saver(book)
    expect(await agent.decide('more')).toMatchObject({ status: 'saved' })
    expect(await agent.inForce()).toHaveLength(2)
    expect(existsSync(book.layout.pending)).toBe(true)
    const told = agent.ledger.repairs().map(({ kind, damage }) => `${kind} ${damage}`)
    expect(new Set(told)).toEqual(new Set(['store_behind false']))
  })
})

test('a note that is carried out after a switch of branches does not fork the memory of this clone', async () => {
  const book = testBook()
  const agent = saver(book)
  for (const title of ['first', 'second', 'third']) await agent.decide(title)
  await agent.settle()
  const [id = ''] = streamsOf(book.layout)
  const path = book.layout.record({ kind: 'memory', id })
  const events = eventsOf(book.layout)
  const older = firstLines(readFileSync(path), 1)
  put(path, older)
  const own = [{ stream: { kind: 'memory', id }, events: events.slice(2) }]
  writeFileSync(book.layout.pending, JSON.stringify({ own, global: [] }))
  await agent.decide('fourth')
  await agent.settle()
  expect(readFileSync(path).equals(older)).toBe(true)
  expect(await agent.inForce()).toHaveLength(3)
  expect((await agent.ledger.verify()).findings.filter(({ damage }) => damage)).toEqual([])
})

describe('several processes', () => {
  test('that save the same decision at the same moment have one artifact', async () => {
    const book = testBook()
    const agents = Array.from({ length: 6 }, () => saver(book))
    const answers = await Promise.all(agents.map((agent) => agent.decide(words(10))))
    expect(new Set(answers.map(({ artifact_id }) => artifact_id)).size).toBe(1)
    expect(answers.map(({ dedup_outcome }) => dedup_outcome).sort()).toEqual([
      ...Array.from({ length: 5 }, () => 'duplicate_skip'),
      'new',
    ])
    await agents[0]?.settle()
    expect(eventsOf(book.layout)).toHaveLength(1)
  })

  test('that save nearly the same have one in force, and a line of those that it took the place of', async () => {
    const book = testBook()
    const agents = Array.from({ length: 6 }, () => saver(book))
    const answers = await Promise.all(agents.map((agent, i) => agent.decide(`${words(20)} v${i}`)))
    expect(answers.filter(({ dedup_outcome }) => dedup_outcome === 'new')).toHaveLength(1)
    expect(new Set(answers.map(({ candidate_id }) => candidate_id)).size).toBe(6)
    expect(await agents[0]?.inForce()).toHaveLength(1)
  })

  test('of which one was slow judge by what is in force when they write, not when they asked', async () => {
    const book = testBook()
    const quick = saver(book)
    const old = await quick.decide(words(10))
    const slow = saver(book, { ledger: { place: 'this-place' } })
    const found = await slow.ledger.read(async (b) => await b.memory.artifact('test-project', old.artifact_id ?? ''))
    expect(found?.superseded_by).toEqual([])
    const heir = await quick.decide(`${words(9)} b`)
    const named = await slow.decide(decisionOf('quite another', { supersedes: old.artifact_id }))
    expect(named).toMatchObject({ status: 'failed', error: { code: 'artifact_not_found' } })
    expect(named.message).toContain(String(heir.artifact_id))
    expect(await slow.decide(`${words(9)} c`)).toMatchObject({ candidate_id: heir.artifact_id })
  })

  test('of which one holds its write open make the others wait, and are then judged after it', async () => {
    const book = testBook()
    let hold = false
    const pausePoint = (point: string) => {
      if (!hold || point !== 'decided') return
      hold = false
      const until = performance.now() + 200
      // Nothing else may run in this process meanwhile: the lock is what the other waits for.
      while (performance.now() < until);
    }
    const [slow, quick] = [saver(book, { ledger: { pausePoint } }), saver(book)]
    await slow.decide('something to begin with')
    hold = true
    const first = slow.decide(words(10))
    await sleep(0)
    const second = quick.decide(words(10))
    const [one, other] = await Promise.all([first, second])
    expect(other.artifact_id).toBe(one.artifact_id)
    expect([one.dedup_outcome, other.dedup_outcome].sort()).toEqual(['duplicate_skip', 'new'])
  })
})

test('a line of 1,000 decisions, each in the place of the one before, is followed to its end', async () => {
  const book = testBook()
  const agent = saver(book)
  const line = Array.from({ length: 1000 }, (_, i) => decisionOf(`${words(20)} v${i}`))
  const first = await agent.decide(line[0] ?? '')
  for (let from = 1; from < line.length; from += 250) await agent.batch(line.slice(from, from + 250))
  const [last] = await agent.inForce()
  expect(await agent.decide(decisionOf(`${words(20)} v0`))).toMatchObject({
    dedup_outcome: 'supersede',
    candidate_id: last,
  })
  expect((await agent.inForce()).length).toBe(1)
  const before = graphOf(book.layout)
  expect(before['artifacts']).toHaveLength(1001 + 4)
  await agent.ledger.rebuild()
  expect(graphOf(book.layout)).toEqual(before)
  expect(await agent.artifact(first.artifact_id)).toMatchObject({ superseded_by: [expect.any(String)] })
})
