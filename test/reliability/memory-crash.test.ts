import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { perform } from '../../src/app/operation.ts'
import { bookLayout } from '../../src/log/layout.ts'
import { openBook } from '../../src/wire.ts'
import { AGENT, tempFolder } from '../support/book.ts'
import { decisionOf, type Fields, patternOf, Saver, summaryOf, words } from '../support/memory-makers.ts'
import { eventsOf, streamsOf } from '../support/records.ts'
import type { Errand } from './memory-worker.ts'

const run = promisify(execFile)
const WORKER = join(import.meta.dirname, 'memory-worker.ts')

/** A project with a global book of its own, for processes that die and for the one that looks at what they left. */
function place() {
  const folder = tempFolder('rutter-memory-crash-')
  const root = join(folder, 'project')
  mkdirSync(root)
  const data = join(folder, 'data')
  vi.stubEnv('XDG_DATA_HOME', data)
  return {
    own: bookLayout(join(root, '.bot')),
    global: bookLayout(join(data, 'rutter')),
    /** A connection in this process, on the real machine. */
    connect(): Saver {
      const context = openBook(root).connect(AGENT, 'default')
      const call: Saver['context']['call'] = (operation, input) => perform(operation, context, input)
      return new Saver(context.ledger as Saver['ledger'], { ...context, call })
    },
    /** Answers of a process of its own; `null` where it was killed. */
    async errand(errand: Omit<Errand, 'root'>): Promise<Fields[] | null> {
      try {
        const { stdout } = await run(process.execPath, [WORKER, JSON.stringify({ root, ...errand })], {
          env: { ...process.env, XDG_DATA_HOME: data },
        })
        return JSON.parse(stdout) as Fields[]
      } catch (error) {
        if ((error as { signal?: string }).signal === 'SIGKILL') return null
        throw error
      }
    },
  }
}

const KEY = 'run-7'
const OWN_ITEMS = [decisionOf(words(10)), decisionOf(`${words(9)} b`), decisionOf('something else')]
const ALL = { scope: 'global' }

const batch = (over: Fields = {}) => ({
  session: summaryOf('What this run did'),
  decisions: OWN_ITEMS,
  patterns: [patternOf('When it rains')],
  idempotency_key: KEY,
  ...over,
})

/** How many artifacts each book has, in force or not. */
async function counted(agent: Saver): Promise<{ own: number; global: number }> {
  return await agent.ledger.readWithGlobal(async (book, global) => {
    const all = { in_force: false, limit: 1000 }
    const own = await book.memory.artifacts({ project_id: agent.ledger.project_id, ...all })
    const shared = (await global?.memory.artifacts({ project_id: '*', ...all })) ?? []
    return { own: own.length, global: shared.length }
  })
}

async function expectWhole(agent: Saver): Promise<void> {
  expect((await agent.ledger.verify()).findings.filter(({ damage }) => damage)).toEqual([])
}

const POINTS = ['locked', 'decided', 'mid-append', 'appended', 'synced', 'projected', 'committed']

describe('a process that is killed in the middle of a batch in one book', () => {
  for (const [where, calls] of [
    ['its memory stream', []],
    ['the record of its session', [['session_initialize', { session_type: 'autonomous' }]]],
  ] as const) {
    test.each(POINTS)(`leaves all of it or nothing in ${where}, and a retry has it once: %s`, async (point) => {
      const { own, connect, errand } = place()
      const dead = await errand({
        calls: [...calls, ['store_session_with_learnings', batch()]],
        dies: { point, nth: 1 },
      })
      // Killed behind its commit, or before.
      expect(dead).toBeNull()
      const agent = connect()
      const left = await counted(agent)
      expect(left.own).toBe(['appended', 'synced', 'projected', 'committed'].includes(point) ? 5 : 0)
      const again = await agent.batch(OWN_ITEMS, [patternOf('When it rains')], { ...batch() })
      expect(again.overall).toBe('saved')
      expect(await counted(agent)).toEqual({ own: 5, global: 0 })
      expect(await agent.inForce()).toHaveLength(3)
      await agent.settle()
      const kinds = [...eventsOf(own, 'memory'), ...eventsOf(own, 'session')].map(({ type }) => type)
      expect(kinds.filter((type) => type === 'summary.saved')).toHaveLength(1)
      await expectWhole(agent)
      await agent.ledger.close()
    })
  }
})

describe('a process that is killed in the middle of a batch in two books', () => {
  const twoBooks = (governance_token: string) =>
    batch({
      decisions: [...OWN_ITEMS, decisionOf('for everybody', ALL), decisionOf('for all the others', ALL)],
      patterns: [patternOf('When it rains'), patternOf('Everywhere', ALL)],
      governance_token,
    })
  // The points of a record come by twice: for the global book, then for the own one.
  const fates: [point: string, nth: number, isThere: boolean][] = [
    ['decided', 1, false],
    ['prepared', 1, true],
    ['mid-append', 1, true],
    ['appended', 1, true],
    ['synced', 1, true],
    ['mid-append', 2, true],
    ['appended', 2, true],
    ['synced', 2, true],
    ['projected', 1, true],
    ['projected', 2, true],
  ]

  test.each(fates)('leaves all of it or nothing, and a retry has it once: %s, %d', async (point, nth, isThere) => {
    const { own, connect, errand } = place()
    const before = connect()
    const token = await before.token()
    const args = twoBooks(token)
    expect(await errand({ calls: [['store_session_with_learnings', args]], dies: { point, nth } })).toBeNull()
    expect(existsSync(own.pending)).toBe(isThere && !(point === 'projected'))

    const fresh = connect()
    const whole = { own: 5, global: 3 }
    const nothing = { own: 0, global: 0 }
    expect(await counted(fresh)).toEqual(isThere ? whole : nothing)
    expect(await counted(before)).toEqual(isThere ? whole : nothing)
    expect(existsSync(own.pending)).toBe(false)

    const again = await fresh.batch(args.decisions as Fields[], args.patterns as Fields[], args)
    // Its token is spent, but all that it was for is there.
    expect(again.overall).toBe('saved')
    const renewed = { ...args, governance_token: await fresh.token() }
    const third = await fresh.batch(args.decisions as Fields[], args.patterns as Fields[], renewed)
    expect(third.overall).toBe('saved')
    expect(third.decisions.map(({ dedup_outcome }) => dedup_outcome)).toEqual(
      third.decisions.map(() => 'duplicate_skip'),
    )
    expect(await counted(fresh)).toEqual(whole)
    expect(await fresh.inForce('*')).toHaveLength(3)
    await expectWhole(fresh)
    for (const { ledger } of [before, fresh]) await ledger.close()
  })

  test('has what it began finished in the record of the session in which it was said', async () => {
    const { own, connect, errand } = place()
    const before = connect()
    const calls = [
      ['session_initialize', { session_type: 'manual' }],
      ['store_session_with_learnings', twoBooks(await before.token())],
    ] as const
    expect(await errand({ calls, dies: { point: 'synced', nth: 1 } })).toBeNull()
    expect(eventsOf(own, 'session').filter(({ type }) => type === 'decision.saved')).toEqual([])
    await before.decide('the next call of somebody else')
    await before.settle()
    const [session] = streamsOf(own, 'session')
    // The three of the batch, and that of the heir.
    expect(eventsOf(own, 'session').filter(({ type }) => type === 'decision.saved')).toHaveLength(4)
    expect(eventsOf(own).map(({ type }) => type)).toEqual([])
    const [id] = await before.inForce('*')
    expect(await before.artifact(id ?? null, '*')).toMatchObject({ origin: { session_id: session } })
    await expectWhole(before)
    await before.ledger.close()
  })

  test('has its write finished by whoever calls next, also where that is a read in a process that was open before', async () => {
    const { connect, errand } = place()
    const open = connect()
    await open.decide('seen before')
    const token = await open.token()
    await open.settle()
    const dies = { point: 'synced', nth: 1 }
    expect(await errand({ calls: [['store_session_with_learnings', twoBooks(token)]], dies })).toBeNull()
    expect(await counted(open)).toEqual({ own: 6, global: 3 })
    await open.ledger.close()
  })
})

describe('processes that save at the same moment', () => {
  test('the same decision have one artifact, and of one token one of them makes use', async () => {
    const { own, global, connect, errand } = place()
    const agent = connect()
    const governance_token = await agent.token()
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) =>
        errand({
          calls: [
            ['save_decision', { decision: decisionOf(words(10)) }],
            ['save_decision', { decision: decisionOf(`for all: ${name}`, ALL), governance_token }],
          ],
        }),
      ),
    )
    const [same, shared] = [0, 1].map((index) => answers.map((answer) => answer?.[index] ?? {}))
    expect(new Set(same?.map(({ artifact_id }) => artifact_id)).size).toBe(1)
    expect(same?.map(({ dedup_outcome }) => dedup_outcome).sort()).toEqual([
      ...['duplicate_skip', 'duplicate_skip', 'duplicate_skip', 'new'],
    ])
    expect(shared?.map(({ status }) => status).sort()).toEqual([
      ...['blocked_scope', 'blocked_scope', 'blocked_scope', 'saved'],
    ])
    await agent.settle()
    expect(eventsOf(own)).toHaveLength(1)
    expect(eventsOf(global).map(({ type }) => type)).toEqual(['approval.granted', 'decision.saved', 'approval.spent'])
    await expectWhole(agent)
    await agent.ledger.close()
  })
})
