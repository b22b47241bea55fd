import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { NewEvent, RecordedEvent, StreamRef } from '../../src/domain/event.ts'
import { Refusal } from '../../src/domain/refusal.ts'
import { sessionStream } from '../../src/domain/session/projection.ts'
import type { SessionState } from '../../src/domain/session/state.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Cursor, Ledger, LedgerReader, LedgerWriter } from '../../src/ports/ledger.ts'
import type { Processes } from '../../src/ports/processes.ts'
import { AGENT, refusalOf, testClock, testMachine } from '../support/book.ts'
import { appCommands, runCommands } from './commands.ts'

/** What a backend is asked to open. The same `book` is the same book, whichever instance opens it. */
export interface LedgerSetup {
  readonly book: string
  readonly place: string
  readonly clock: Clock
  readonly processes: Processes
  readonly lease_ttl_ms: number
}

export type MakeLedger = (setup: LedgerSetup) => Promise<Ledger> | Ledger

let books = 0

/** What every ledger promises, whatever is behind it. A backend's own test file only runs this. */
export function ledgerContract(name: string, makeLedger: MakeLedger): void {
  function setUp() {
    const clock = testClock()
    const machine = testMachine()
    const book = `book-${process.pid}-${++books}`
    const open = async (processes = machine.process(), place = 'this-place') =>
      await makeLedger({ book, place, clock, processes, lease_ttl_ms: 60_000 })
    return { clock, machine, open }
  }

  describe(`${name}: events`, () => {
    test('gives back what was appended, numbered, chained and with who and when', async () => {
      const { open } = setUp()
      const ledger = await open()
      await ledger.write((book) => start(book, 's-1'))
      const actor = { kind: 'operator', name: 'me' } as const
      const tasks = [added('t-1'), added('t-2'), added('t-3')]
      const at = '2026-11-21T23:00:00.000Z'
      await ledger.write((book) => book.append(sessionStream('s-1'), tasks, { actor, at }))
      const events = await wholeHistory(ledger, sessionStream('s-1'))
      expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
      expect(events.slice(2).map(({ type, data }) => ({ type, data }))).toEqual(tasks)
      expect(events.slice(2).every((event) => event.at === at && event.actor.kind === 'operator')).toBe(true)
      expect(events.map(({ more }) => more)).toEqual([1, undefined, 2, 1, undefined])
      expect(new Set(events.map(({ id }) => id)).size).toBe(5)
      expect(new Set(events.map(({ prev }) => prev)).size).toBe(5)
    })

    test('projects what was appended for everybody as soon as the write has returned', async () => {
      const { open } = setUp()
      const [one, other] = [await open(), await open()]
      await one.write((book) => start(book, 's-1'))
      for (const ledger of [one, other]) {
        expect(await ledger.read((book) => book.session('s-1'))).toMatchObject({ session_id: 's-1', status: 'running' })
      }
      await other.write((book) => append(book, 's-1', [{ type: 'session.paused', data: { reason: 'requested' } }]))
      expect(await one.read((book) => book.session('s-1'))).toMatchObject({ status: 'paused' })
      expect(await one.write((book) => book.session('s-1'))).toMatchObject({ status: 'paused' })
    })

    test('takes an empty list for nothing', async () => {
      const { open } = setUp()
      const ledger = await open()
      await ledger.write((book) => append(book, 's-1', []))
      expect(await ledger.read((book) => book.session('s-1'))).toBeUndefined()
      expect((await ledger.history(sessionStream('s-1'))).events).toEqual([])
    })

    test('knows no session that was never written, whatever the id looks like', async () => {
      const { open } = setUp()
      const ledger = await open()
      for (const id of ODD_IDS) {
        expect(await ledger.read((book) => book.session(id))).toBeUndefined()
        expect(await ledger.write((book) => book.session(id))).toBeUndefined()
      }
    })

    test('has no history of a session that was never written, whatever the id looks like', async () => {
      const { open } = setUp()
      const ledger = await open()
      for (const id of ODD_IDS) expect((await ledger.history(sessionStream(id))).events).toEqual([])
    })

    test('keeps an event that it does not know, and passes over it', async () => {
      const { open } = setUp()
      const ledger = await open()
      await ledger.write((book) => start(book, 's-1'))
      const before = await ledger.read((book) => book.session('s-1'))
      await ledger.write((book) => append(book, 's-1', [{ type: 'moon.rose', data: { full: true } }]))
      expect(await ledger.read((book) => book.session('s-1'))).toEqual(before)
      expect((await wholeHistory(ledger, sessionStream('s-1'))).at(-1)).toMatchObject({ type: 'moon.rose', seq: 3 })
      await ledger.write((book) => append(book, 's-1', [{ type: 'session.touched', data: {} }]))
      expect((await wholeHistory(ledger, sessionStream('s-1'))).at(-1)).toMatchObject({ seq: 4 })
    })

    test('keeps streams of learnings apart from sessions, even of the same id', async () => {
      const { open } = setUp()
      const ledger = await open()
      const memory: StreamRef = { kind: 'memory', id: 's-1' }
      await ledger.write((book) => book.append(memory, [{ type: 'decision.saved', data: {} }], BY))
      await ledger.write((book) => start(book, 's-1'))
      expect((await wholeHistory(ledger, memory)).map(({ seq, type }) => [seq, type])).toEqual([[1, 'decision.saved']])
      expect((await wholeHistory(ledger, sessionStream('s-1')))[0]).toMatchObject({ seq: 1, type: 'session.started' })
      expect(await ledger.read((book) => book.sessions({ limit: 10 }))).toHaveLength(1)
    })

    test('carries any text that JSON can carry, to the store and back', async () => {
      const { open } = setUp()
      const ledger = await open()
      const title = 'ä\u2028\u2029 \ud83e\udded "\\ \n\r\t\u0000\u001f </x> \u{10ffff}'
      await ledger.write((book) => start(book, 's-1'))
      await ledger.write((book) => append(book, 's-1', [{ type: 'task.added', data: { task_id: 't-1', title } }]))
      expect((await ledger.read((book) => book.task('t-1')))?.title).toBe(title)
      expect((await wholeHistory(ledger, sessionStream('s-1'))).at(-1)?.data).toEqual({ task_id: 't-1', title })
    })

    test('keeps books apart', async () => {
      const [one, other] = [await setUp().open(), await setUp().open()]
      await one.write((book) => start(book, 's-1'))
      expect(await other.read((book) => book.sessions({ limit: 10 }))).toEqual([])
      expect(await other.read((book) => book.lease('default'))).toBeUndefined()
    })
  })

  describe(`${name}: writes`, () => {
    test('see the sessions and locks that they changed themselves, before anybody else does', async () => {
      const { open } = setUp()
      const [ledger, other] = [await open(), await open()]
      // A ledger's first look may wait for the writers that are at work.
      expect(await other.read((book) => book.session('s-1'))).toBeUndefined()
      await ledger.write(async (book) => {
        await start(book, 's-1')
        await append(book, 's-1', [turn('r-1')])
        expect(await book.session('s-1')).toMatchObject({ status: 'running', usage: { turns: 1 } })
        expect((await book.lease('default'))?.lease.session_id).toBe('s-1')
        expect(await other.read((b) => b.session('s-1'))).toBeUndefined()
        expect((await other.history(sessionStream('s-1'))).events).toEqual([])
      })
    })

    test('see a session as they changed it, and what spans sessions once they are over', async () => {
      const { open } = setUp()
      const ledger = await open()
      await ledger.write(async (book) => {
        await start(book, 's-1')
        await append(book, 's-1', [added('t-1'), turn('r-1')])
        expect((await book.session('s-1'))?.usage.turns).toBe(1)
      })
      await ledger.write(async (book) => {
        expect(await book.task('t-1')).toMatchObject({ status: 'todo' })
        expect(await book.turnIsCounted('s-1', 'r-1')).toBe(true)
        expect((await book.sessions({ limit: 10 })).map((s) => s.session_id)).toEqual(['s-1'])
        expect((await book.lastSessionIn('default'))?.session_id).toBe('s-1')
      })
    })

    test('leave nothing behind when they are refused', async () => {
      const { open } = setUp()
      const ledger = await open()
      await ledger.write((book) => start(book, 's-1'))
      await ledger.write((book) => book.putHeartbeat('s-1', BEAT))
      const before = await everything(ledger)
      const refusal = await refusalOf(
        ledger.write(async (book) => {
          await start(book, 's-2', 'other')
          await append(book, 's-1', [{ type: 'task.completed', data: { task_id: 't-9' } }, turn('r-9')])
          await book.putHeartbeat('s-1', { ...BEAT, status: 'changed' })
          await book.release('default')
          await append(book, 's-2', [added('t-8')])
          throw new Refusal('invalid_argument', 'no')
        }),
      )
      expect(refusal.message).toBe('no')
      expect(await everything(ledger)).toEqual(before)
      expect(await everything(await open())).toEqual(before)
      expect((await ledger.verify()).findings).toEqual([])
    })

    test('go on after one that was refused, from where the book stood', async () => {
      const { open } = setUp()
      const ledger = await open()
      await ledger.write((book) => start(book, 's-1'))
      const fail = async (book: LedgerWriter) => {
        await append(book, 's-1', [added('lost')])
        throw new Refusal('invalid_argument', 'no')
      }
      await refusalOf(ledger.write(fail))
      await ledger.write((book) => append(book, 's-1', [added('kept')]))
      expect((await wholeHistory(ledger, sessionStream('s-1'))).map(({ seq }) => seq)).toEqual([1, 2, 3])
      expect(await ledger.read((book) => book.taskIds())).toEqual(['kept'])
    })

    test('give an error of their work as it is', async () => {
      const { open } = setUp()
      const ledger = await open()
      const error = new TypeError('mine')
      const thrown = async () => {
        throw error
      }
      await expect(ledger.write(thrown)).rejects.toBe(error)
      await expect(ledger.read(thrown)).rejects.toBe(error)
      expect(await ledger.write(async () => 7)).toBe(7)
    })

    test('of one process and of many wait for each other: none is lost', async () => {
      const { open } = setUp()
      const ledgers = [await open(), await open(), await open()]
      await ledgers[0]?.write((book) => start(book, 's-1'))
      const count = async (book: LedgerWriter) => {
        const state = await book.session('s-1')
        const total = (state?.tasks_failed ?? 0) + 1
        await append(book, 's-1', [{ type: 'counters.reported', data: { tasks_failed: total } }])
        return total
      }
      const totals = await Promise.all(Array.from({ length: 60 }, (_, i) => ledgers[i % 3]?.write(count)))
      expect(new Set(totals)).toEqual(new Set(Array.from({ length: 60 }, (_, i) => i + 1)))
      expect(await ledgers[1]?.read((book) => book.session('s-1'))).toMatchObject({ tasks_failed: 60 })
    })

    test('do not change what a reader sees while it reads', async () => {
      const { open } = setUp()
      const [one, other] = [await open(), await open()]
      await one.write((book) => start(book, 's-1'))
      await one.read(async (book) => {
        const before = await book.session('s-1')
        await other.write((b) => append(b, 's-1', [turn('r-1'), added('t-1')]))
        expect(await book.session('s-1')).toEqual(before)
        expect(await book.task('t-1')).toBeUndefined()
      })
      expect(await one.read((book) => book.task('t-1'))).toBeDefined()
    })
  })

  describe(`${name}: locks on slots`, () => {
    test('have tokens that rise with each grant in the slot, whoever grants', async () => {
      const { open } = setUp()
      const ledgers = [await open(), await open()]
      const tokens: number[] = []
      for (let i = 0; i < 6; i++) {
        const ledger = ledgers[i % 2] as Ledger
        tokens.push((await ledger.write((book) => start(book, `s-${i}`))).token)
        if (i % 3 === 0) await ledger.write((book) => book.release('default'))
      }
      expect(tokens).toEqual([...tokens].sort((a, b) => a - b))
      expect(new Set(tokens).size).toBe(6)
    })

    test('have tokens that go on rising after a rebuild, a close and a release', async () => {
      const { open } = setUp()
      const ledger = await open()
      const first = await ledger.write((book) => start(book, 's-1'))
      await ledger.write((book) => book.release('default'))
      await ledger.rebuild()
      const second = await ledger.write((book) => start(book, 's-2'))
      await ledger.close()
      const third = await (await open()).write((book) => start(book, 's-3'))
      expect(second.token).toBeGreaterThan(first.token)
      expect(third.token).toBeGreaterThan(second.token)
    })

    test('are counted for each slot by itself', async () => {
      const { open } = setUp()
      const ledger = await open()
      for (let i = 0; i < 5; i++) await ledger.write((book) => start(book, `s-${i}`, 'busy'))
      const other = await ledger.write((book) => start(book, 's-9', 'quiet'))
      expect(other.token).toBe(1)
    })

    test('tell who holds them, and whether that is this process', async () => {
      const { open, machine } = setUp()
      const [mine, theirs] = [machine.process(), machine.process()]
      const [ledger, other] = [await open(mine), await open(theirs)]
      const lease = await ledger.write((book) => start(book, 's-1'))
      expect(lease).toMatchObject({ slot: 'default', session_id: 's-1', holder: mine.self(), ttl_ms: 60_000 })
      const status = { lease, held: true, gone: null }
      expect(await ledger.read((book) => book.lease('default'))).toEqual({ ...status, mine: true })
      expect(await other.read((book) => book.lease('default'))).toEqual({ ...status, mine: false })
      expect(await other.read((book) => book.lease('free'))).toBeUndefined()
    })

    test('are listed for every slot that is taken, by slot', async () => {
      const { open } = setUp()
      const ledger = await open()
      for (const slot of ['b', 'a', 'c']) await ledger.write((book) => start(book, `s-${slot}`, slot))
      await ledger.write((book) => book.release('b'))
      await ledger.write((book) => book.release('never taken'))
      expect((await ledger.read((book) => book.leases())).map(({ lease }) => lease.slot)).toEqual(['a', 'c'])
      expect(await ledger.read((book) => book.lease('b'))).toBeUndefined()
    })

    test('pass to the later grant', async () => {
      const { open, machine } = setUp()
      const heir = machine.process()
      const [ledger, other] = [await open(), await open(heir)]
      await ledger.write((book) => start(book, 's-1'))
      await other.write((book) => start(book, 's-2'))
      const status = await ledger.read((book) => book.lease('default'))
      expect(status).toMatchObject({ mine: false, lease: { session_id: 's-2', holder: heir.self() } })
    })

    test('can be renewed when there are none, and stay when they are', async () => {
      const { open } = setUp()
      const ledger = await open()
      await ledger.renewLeases()
      await ledger.write((book) => start(book, 's-1'))
      await ledger.renewLeases()
      expect((await ledger.read((book) => book.lease('default')))?.held).toBe(true)
    })
  })

  describe(`${name}: history`, () => {
    test('comes in pages, in order, each event once, and an empty page at the end', async () => {
      const { open } = setUp()
      const ledger = await open()
      await ledger.write((book) => start(book, 's-1'))
      for (let i = 0; i < 5; i++) {
        const step = Array.from({ length: 501 }, (_, j) => added(`t-${i}-${j}`))
        await ledger.write((book) => append(book, 's-1', step))
      }
      let cursor: Cursor | undefined
      const seqs: number[] = []
      let pages = 0
      for (;;) {
        const page = await ledger.history(sessionStream('s-1'), cursor)
        if (page.events.length === 0) break
        pages++
        seqs.push(...page.events.map(({ seq }) => seq))
        cursor = page.cursor
        expect(cursor.seq).toBe(seqs.at(-1))
      }
      expect(seqs).toEqual(Array.from({ length: 2507 }, (_, i) => i + 1))
      expect(pages).toBeGreaterThan(1)
      expect((await ledger.history(sessionStream('s-1'), cursor)).cursor).toEqual(cursor)
    })

    test('can be followed while others append, without missing or doubling an event', async () => {
      const { open } = setUp()
      const [reader, writer] = [await open(), await open()]
      await writer.write((book) => start(book, 's-1'))
      const seen: string[] = []
      let cursor: Cursor | undefined
      const follow = async () => {
        const page = await reader.history(sessionStream('s-1'), cursor)
        seen.push(...page.events.map(({ id }) => id))
        cursor = page.cursor
      }
      for (let i = 0; i < 20; i++) {
        const step = Array.from({ length: (i % 3) + 1 }, (_, j) => added(`t-${i}-${j}`))
        await Promise.all([writer.write((book) => append(book, 's-1', step)), follow()])
        if (i % 5 === 0) await follow()
      }
      await follow()
      expect(seen).toEqual((await wholeHistory(reader, sessionStream('s-1'))).map(({ id }) => id))
      expect(new Set(seen).size).toBe(seen.length)
    })

    test('is empty for a stream that begins later, which can then be followed from the same cursor', async () => {
      const { open } = setUp()
      const ledger = await open()
      const { events, cursor } = await ledger.history(sessionStream('s-1'))
      expect(events).toEqual([])
      await ledger.write((book) => start(book, 's-1'))
      expect((await ledger.history(sessionStream('s-1'), cursor)).events).toHaveLength(2)
    })
  })

  describe(`${name}: sessions`, () => {
    /** 24 sessions, a minute apart, in three slots, every third of them stopped. */
    async function fleet(ledger: Ledger, clock: ReturnType<typeof testClock>): Promise<SessionState[]> {
      for (let i = 0; i < 24; i++) {
        const id = `2026-11-21T22-${String(i).padStart(2, '0')}-00Z-000000`
        await ledger.write(async (book) => {
          await start(book, id, `slot-${i % 3}`, clock.now())
          if (i % 3 === 0) await append(book, id, [stopped], clock.now())
        })
        clock.advance(60_000)
      }
      return await ledger.read((book) => book.sessions({ limit: 1000 }))
    }

    test('are listed newest first, by status, slot and time, both ends included', async () => {
      const { open, clock } = setUp()
      const ledger = await open()
      const all = await fleet(ledger, clock)
      expect(all.map(({ session_id }) => session_id)).toEqual(
        all
          .map(({ session_id }) => session_id)
          .sort()
          .reverse(),
      )
      const [from, to] = ['2026-11-21T22:05:00.000Z', '2026-11-21T22:20:00.000Z']
      for (const filter of [
        {},
        { status: 'stopped' },
        { status: 'paused' },
        { slot: 'slot-1' },
        { slot: 'none' },
        { since: from },
        { until: to },
        { since: from, until: to, slot: 'slot-0', status: 'stopped' },
        { since: to, until: from },
      ] as { status?: SessionState['status']; slot?: string; since?: string; until?: string }[]) {
        const expected = all.filter(
          (s) =>
            s.status === (filter.status ?? s.status) &&
            s.slot === (filter.slot ?? s.slot) &&
            s.start_time >= (filter.since ?? '') &&
            s.start_time <= (filter.until ?? '9'),
        )
        expect(await ledger.read((book) => book.sessions({ ...filter, limit: 100 }))).toEqual(expected)
      }
    })

    test('come in pages that together are the whole list, also when one is added meanwhile', async () => {
      const { open, clock } = setUp()
      const ledger = await open()
      const all = await fleet(ledger, clock)
      const seen: SessionState[] = []
      for (;;) {
        const page = await ledger.read((book) => book.sessions({ limit: 7, before: seen.at(-1)?.session_id }))
        if (page.length === 0) break
        expect(page.length).toBeLessThanOrEqual(7)
        seen.push(...page)
        await ledger.write((book) => start(book, `2027-01-01T00-00-${10 + seen.length}Z-000000`, 'late'))
      }
      expect(seen).toEqual(all)
    })

    test('know the last one of a slot by its grant, also after the clock was set back', async () => {
      const { open, clock } = setUp()
      const ledger = await open()
      await ledger.write((book) => start(book, '2026-11-21T22-00-00Z-aaaaaa', 'default', clock.now()))
      clock.setWall('2020-01-01T00:00:00.000Z')
      await ledger.write((book) => start(book, '2020-01-01T00-00-00Z-bbbbbb', 'default', clock.now()))
      expect((await ledger.read((book) => book.lastSessionIn('default')))?.session_id).toBe(
        '2020-01-01T00-00-00Z-bbbbbb',
      )
      await ledger.write((book) => append(book, '2020-01-01T00-00-00Z-bbbbbb', [stopped]))
      expect((await ledger.read((book) => book.lastSessionIn('default')))?.status).toBe('stopped')
      expect(await ledger.read((book) => book.lastSessionIn('other'))).toBeUndefined()
    })
  })

  describe(`${name}: tasks, turns and heartbeats`, () => {
    test('lists tasks in progress, to do, done, by id within, as many as asked for, and counts them all', async () => {
      const { open } = setUp()
      const ledger = await open()
      await ledger.write(async (book) => {
        await start(book, 's-1')
        await append(book, 's-1', ['t-5', 't-1', 't-3', 't-2', 't-4', 't-6'].map(added))
        await append(book, 's-1', [started('t-4'), started('t-2'), done('t-3'), done('t-1')])
      })
      const list = (filter: Parameters<LedgerReader['tasks']>[0]) => ledger.read((book) => book.tasks(filter))
      const ids = async (filter: Parameters<LedgerReader['tasks']>[0]) =>
        (await list(filter)).tasks.map((t) => t.task_id)
      expect(await ids({ limit: 100 })).toEqual(['t-2', 't-4', 't-5', 't-6', 't-1', 't-3'])
      expect(await ids({ limit: 3 })).toEqual(['t-2', 't-4', 't-5'])
      expect((await list({ limit: 3 })).total).toBe(6)
      expect(await ids({ status: 'done', limit: 1 })).toEqual(['t-1'])
      expect((await list({ status: 'done', limit: 1 })).total).toBe(2)
      expect(await ids({ status: 'in_progress', limit: 9 })).toEqual(['t-2', 't-4'])
      expect(await ledger.read((book) => book.taskIds())).toEqual(['t-1', 't-2', 't-3', 't-4', 't-5', 't-6'])
    })

    test('knows of a task what all sessions say of it together', async () => {
      const { open } = setUp()
      const ledger = await open()
      await ledger.write(async (book) => {
        await start(book, 's-1', 'one')
        await start(book, 's-2', 'two')
        await append(book, 's-1', [added('t-1')], '2026-11-21T22:00:01.000Z')
        await append(book, 's-2', [started('t-1')], '2026-11-21T22:00:02.000Z')
        await append(book, 's-1', [done('t-1')], '2026-11-21T22:00:05.000Z')
        await append(book, 's-2', [done('t-1')], '2026-11-21T22:00:04.000Z')
        await append(book, 's-1', [started('t-1')], '2026-11-21T22:00:09.000Z')
      })
      const task = { task_id: 't-1', title: 'Task t-1', status: 'done', session_id: 's-2' }
      expect(await ledger.read((book) => book.task('t-1'))).toEqual({ ...task, updated_at: '2026-11-21T22:00:04.000Z' })
      expect(await ledger.read((book) => book.task('t-2'))).toBeUndefined()
    })

    test('tells of several tasks by the ids that were asked for, those that are known', async () => {
      const { open } = setUp()
      const ledger = await open()
      await ledger.write(async (book) => {
        await start(book, 's-1', 'one')
        await append(book, 's-1', [added('t-1'), started('t-3'), started('half \ud83e'), started('half \ud83d')])
      })
      const halves = ['half \ud83e', 'half \ud83d', 'half \ufffd']
      const known = await ledger.read((book) => book.tasksById(['t-3', 't-2', 't-1', 't-3', ...halves]))
      expect([...known.keys()]).toEqual(['t-3', 't-1', ...halves])
      expect(known.get('t-1')).toEqual(await ledger.read((book) => book.task('t-1')))
      expect(known.get('t-3')).toMatchObject({ task_id: 't-3', status: 'in_progress' })
      // No store keeps half a character.
      for (const half of halves) expect(known.get(half)).toMatchObject({ task_id: 'half \ufffd' })
      expect((await ledger.read((book) => book.tasks({ limit: 9 }))).total).toBe(3)
      expect(await ledger.read((book) => book.tasksById([]))).toEqual(new Map())
    })

    test('tells by task id where the two counts of a session differ, and how many that are', async () => {
      const { open } = setUp()
      const ledger = await open()
      const sync = (id = 's-1') => ledger.read((book) => book.taskSync(id))
      const complete = (task_id: string | null) => ({ type: 'task.completed', data: { task_id } })
      expect(await sync()).toEqual({ tasks_marked_done: 0, unmatched_count: 0, unmatched_task_ids: [] })
      await ledger.write(async (book) => {
        await start(book, 's-1')
        await start(book, 's-2', 'other')
        await append(book, 's-1', [complete('t-1'), done('t-1'), complete('t-2'), done('t-3'), complete(null)])
        await append(book, 's-2', [done('t-2')])
      })
      expect(await sync()).toEqual({ tasks_marked_done: 2, unmatched_count: 2, unmatched_task_ids: ['t-2', 't-3'] })
      expect(await sync('s-2')).toEqual({ tasks_marked_done: 1, unmatched_count: 1, unmatched_task_ids: ['t-2'] })
      const many = Array.from({ length: 200 }, (_, i) => complete(`u-${i}`))
      await ledger.write((book) => append(book, 's-1', many))
      const { unmatched_count, unmatched_task_ids } = await sync()
      expect(unmatched_count).toBe(202)
      expect(unmatched_task_ids.length).toBeLessThan(100)
    })

    test('knows which requests a session has counted, and no other session has', async () => {
      const { open } = setUp()
      const ledger = await open()
      await ledger.write(async (book) => {
        await start(book, 's-1')
        await start(book, 's-2', 'other')
        await append(book, 's-1', [turn('r-1'), turn(null)])
      })
      const counted = (id: string, request: string) => ledger.read((book) => book.turnIsCounted(id, request))
      expect(await counted('s-1', 'r-1')).toBe(true)
      expect(await counted('s-2', 'r-1')).toBe(false)
      expect(await counted('s-1', 'R-1')).toBe(false)
      expect(await counted('s-1', '')).toBe(false)
    })

    test('still knows them of a session that is over, and takes nothing else in its record for one', async () => {
      const { open } = setUp()
      const ledger = await open()
      const odd = 'r "2" \\ \u0000 \uF8FF \u{1F600}'
      await ledger.write(async (book) => {
        await start(book, 's-1')
        await append(book, 's-1', [
          turn('r-1'),
          turn(odd),
          { type: 'whisper.sent', data: { whisper_id: 'w', instruction: 'r-9', priority: 'normal' } },
        ])
      })
      await ledger.write((book) => append(book, 's-1', [stopped]))
      const counted = (request: string) => ledger.read((book) => book.turnIsCounted('s-1', request))
      expect(await Promise.all(['r-1', odd, 'r-9', 'r', ''].map(counted))).toEqual([true, true, false, false, false])
      await ledger.rebuild()
      expect(await Promise.all(['r-1', odd, 'r-9', 'r', ''].map(counted))).toEqual([true, true, false, false, false])
    })

    test('keeps the last heartbeat of a session, and none of it in the record', async () => {
      const { open } = setUp()
      const [ledger, other] = [await open(), await open()]
      await ledger.write((book) => start(book, 's-1'))
      expect(await ledger.read((book) => book.heartbeat('s-1'))).toBeUndefined()
      await ledger.write((book) => book.putHeartbeat('s-1', { ...BEAT, next_action: 'x', process_id: '7' }))
      await ledger.write((book) => book.putHeartbeat('s-1', BEAT))
      expect(await other.read((book) => book.heartbeat('s-1'))).toEqual(BEAT)
      expect(await wholeHistory(ledger, sessionStream('s-1'))).toHaveLength(2)
    })
  })

  describe(`${name}: watching`, () => {
    /** Begins to watch; what it is woken for comes one by one. */
    const watching = (ledger: Ledger, ids: readonly string[], at_most_ms = 60_000) => {
      const stop = new AbortController()
      onTestFinished(() => stop.abort())
      const watch = ledger.watch(ids.map(sessionStream), { signal: stop.signal, at_most_ms })
      const news = async () => {
        const { value, done } = await watch.next()
        return done === true ? 'over' : value
      }
      /** Its first look may take longer than a short wait. */
      const begun = async () => {
        while ((await news()) === 'quiet');
      }
      return { stop, watch, news, begun }
    }

    test('wakes as it begins, and whenever another process adds to a stream, long before it would anyway', async () => {
      const { open } = setUp()
      const [ledger, other] = [await open(), await open()]
      await other.write((book) => start(book, 's-1'))
      const { news } = watching(ledger, ['s-1'])
      expect(await news()).toBe('stirred')
      for (const step of [added('t-1'), turn('r-1'), started('t-1')]) {
        const woken = news()
        await other.write((book) => append(book, 's-1', [step]))
        expect(await woken).toBe('stirred')
        expect((await wholeHistory(ledger, sessionStream('s-1'))).at(-1)?.type).toBe(step.type)
      }
    })

    test('tells what was added while nobody waited, as often as that was', async () => {
      const { open } = setUp()
      const [ledger, other] = [await open(), await open()]
      await other.write((book) => start(book, 's-1'))
      const { news } = watching(ledger, ['s-1'])
      expect(await news()).toBe('stirred')
      await other.write((book) => append(book, 's-1', [added('t-1')]))
      await other.write((book) => append(book, 's-1', [added('t-2')]))
      expect(await news()).toBe('stirred')
    })

    test('wakes for any of many streams, for one that is yet to begin, and for no other', async () => {
      const { open } = setUp()
      const [ledger, other] = [await open(), await open()]
      await other.write((book) => start(book, 's-1'))
      await other.write((book) => start(book, 's-2', 'two'))
      const { news } = watching(ledger, ['s-2', 's-3', '../odd'])
      const quiet = watching(ledger, ['s-3'], 400)
      expect(await news()).toBe('stirred')
      await quiet.begun()
      const silence = quiet.news()
      await other.write((book) => append(book, 's-1', [added('t-1')]))
      await other.write((book) => append(book, 's-2', [added('t-2')]))
      expect(await news()).toBe('stirred')
      expect(await silence).toBe('quiet')
      await other.write((book) => start(book, 's-3', 'three'))
      expect(await news()).toBe('stirred')
    })

    test('is silent for no longer than was asked, over and over', async () => {
      const { open } = setUp()
      const { news, begun } = watching(await open(), ['s-1'], 20)
      await begun()
      expect([await news(), await news(), await news()]).toEqual(['quiet', 'quiet', 'quiet'])
    })

    test('ends at once when it is told to: before it began, while it waits, and while nobody does', async () => {
      const { open } = setUp()
      const ledger = await open()
      const before = watching(ledger, ['s-1'])
      before.stop.abort()
      expect(await before.news()).toBe('over')
      const waiting = watching(ledger, ['s-1'])
      const idle = watching(ledger, ['s-1'])
      for (const { news } of [waiting, idle]) expect(await news()).toBe('stirred')
      const woken = waiting.news()
      for (const { stop } of [waiting, idle]) stop.abort()
      expect(await woken).toBe('over')
      expect([await waiting.news(), await idle.news()]).toEqual(['over', 'over'])
    })

    test('ends with the ledger, and when whoever follows has enough', async () => {
      const { open } = setUp()
      const ledger = await open()
      const [enough, more] = [watching(ledger, ['s-1']), watching(ledger, ['s-1'])]
      for (const { news } of [enough, more]) expect(await news()).toBe('stirred')
      await enough.watch.return(undefined)
      expect(await enough.news()).toBe('over')
      const woken = more.news()
      await ledger.close()
      expect(await woken).toBe('over')
    })

    test('leads a reader by sequence number to every event once, however its reads and the writes fall together', async () => {
      const { open } = setUp()
      const [ledger, other] = [await open(), await open()]
      await other.write((book) => start(book, 's-1'))
      const { watch, stop } = watching(ledger, ['s-1'])
      const [seqs, last]: [number[], number] = [[], 42]
      let cursor: Cursor | undefined
      const reading = (async () => {
        for await (const _news of watch) {
          const page = await ledger.history(sessionStream('s-1'), cursor)
          cursor = page.cursor
          seqs.push(...page.events.map(({ seq }) => seq))
          if (seqs.length >= last) stop.abort()
        }
      })()
      for (let i = 3; i <= last; i++) {
        await other.write((book) => append(book, 's-1', [added(`t-${i}`)]))
        if (i % 10 === 0) await sleep(30)
      }
      await reading
      expect(seqs).toEqual(Array.from({ length: last }, (_, i) => i + 1))
    })
  })

  describe(`${name}: verify, rebuild, close`, () => {
    test('finds nothing in a book that nobody touched, and counts what is in it', async () => {
      const { open } = setUp()
      const ledger = await open()
      expect(await ledger.verify()).toEqual({ streams: 0, events: 0, findings: [] })
      await ledger.write((book) => start(book, 's-1'))
      await ledger.write((book) => start(book, 's-2', 'other'))
      await ledger.write((book) => append(book, 's-1', [added('t-1')]))
      const seen: number[] = []
      const report = await ledger.verify(({ done: so, total }) => seen.push(so / total))
      expect(report).toEqual({ streams: 2, events: 5, findings: [] })
      expect(seen.at(-1)).toBe(1)
      expect(ledger.repairs()).toEqual([])
    })

    test('leaves locks and heartbeats alone when it is rebuilt, since they are no history', async () => {
      const { open, clock } = setUp()
      const ledger = await open()
      await ledger.write((book) => start(book, 's-1'))
      await ledger.write((book) => book.putHeartbeat('s-1', BEAT))
      clock.advance(30_000)
      const live = () => ledger.read(async (book) => [await book.leases(), await book.heartbeat('s-1')])
      const before = await live()
      await ledger.rebuild()
      expect(await live()).toEqual(before)
    })

    test('computes the same again from the log alone', async () => {
      const { open, clock } = setUp()
      const ledger = await open()
      await ledger.write((book) => start(book, 's-1'))
      await ledger.write((book) => start(book, 's-2', 'other'))
      await ledger.write((book) => append(book, 's-2', [stopped]))
      await ledger.write((book) => book.release('other'))
      await ledger.write((book) => book.putHeartbeat('s-1', BEAT))
      clock.advance(30_000)
      const before = await everything(ledger)
      expect(await ledger.rebuild()).toEqual({ streams: 2, events: 5 })
      expect(await everything(ledger)).toEqual(before)
    })

    test('gives the same answers before and after a rebuild, whatever agents did', async () => {
      await fc.assert(
        fc.asyncProperty(appCommands, async (commands) => {
          const { open, clock, machine } = setUp()
          const ledgers = [await open(machine.process()), await open(machine.process())]
          await runCommands(commands, ledgers, clock)
          const [one, other] = ledgers as [Ledger, Ledger]
          const before = await everything(one)
          expect((await one.verify()).findings).toEqual([])
          expect(await everything(other)).toEqual(before)
          await one.rebuild()
          expect(await everything(one)).toEqual(before)
          expect(await everything(other)).toEqual(before)
          expect(one.repairs()).toEqual([])
          for (const ledger of ledgers) await ledger.close()
        }),
        { numRuns: 25 },
      )
    })

    test('can be closed twice, and opened again with everything in it', async () => {
      const { open } = setUp()
      const ledger = await open()
      await ledger.write((book) => start(book, 's-1'))
      const before = await everything(ledger)
      await ledger.close()
      await ledger.close()
      expect(await everything(await open())).toEqual(before)
    })

    test('finishes what was asked before it is closed', async () => {
      const { open } = setUp()
      const ledger = await open()
      const writes = Array.from({ length: 5 }, (_, i) => ledger.write((book) => start(book, `s-${i}`, `slot-${i}`)))
      await Promise.all([...writes, ledger.close()])
      expect(await (await open()).read((book) => book.sessions({ limit: 10 }))).toHaveLength(5)
    })
  })
}

const ODD_IDS = ['s-1', '', '..', '../../x', 'a/b', 'ä', '\u0000', 'x'.repeat(300), "'; DROP TABLE sessions; --"]
const BY = { actor: AGENT, at: '2026-11-21T22:00:00.000Z' }
const NOT_RENEWED = { renewed_at: null, renewed_uptime_ms: null }
const BEAT = { at: '2026-11-21T22:00:00.000Z', status: 'busy', next_action: null, process_id: null }

const added = (task_id: string): NewEvent => ({ type: 'task.added', data: { task_id, title: `Task ${task_id}` } })
const started = (task_id: string): NewEvent => ({ type: 'task.started', data: { task_id } })
const done = (task_id: string): NewEvent => ({ type: 'task.marked_done', data: { task_id, note: null } })
const stopped: NewEvent = { type: 'session.ended', data: { reason: 'stopped_by_agent', detail: null, command: null } }
const turn = (request_id: string | null): NewEvent => ({
  type: 'turn.recorded',
  data: {
    request_id,
    provider: null,
    model: null,
    tokens: { input: 1, output: 2, cache_read: 3, cache_write: 4, reasoning: 1 },
    cost_usd: 0.5,
    cost_is_estimated: false,
    started_at: null,
    ended_at: null,
    stop_reason: null,
  },
})

async function append(book: LedgerWriter, id: string, events: readonly NewEvent[], at: string = BY.at): Promise<void> {
  await book.append(sessionStream(id), events, { actor: AGENT, at })
}

/** Starts a session as the app does: the grant, and both events in one step. */
async function start(book: LedgerWriter, id: string, slot = 'default', at: string = BY.at) {
  const lease = await book.grant(slot, id)
  await append(
    book,
    id,
    [
      {
        type: 'session.started',
        data: {
          session_id: id,
          session_type: 'autonomous',
          slot,
          workflow: null,
          provider: null,
          model: null,
          metadata: {},
          max_consecutive_failures: 3,
        },
      },
      {
        type: 'lease.granted',
        data: { slot, token: lease.token, reason: 'initialized', holder: lease.holder, book: 'this-place' },
      },
    ],
    at,
  )
  return lease
}

async function wholeHistory(ledger: Ledger, stream: StreamRef): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = []
  let cursor: Cursor | undefined
  for (;;) {
    const page = await ledger.history(stream, cursor)
    if (page.events.length === 0) return events
    events.push(...page.events)
    cursor = page.cursor
  }
}

/** Everything that a ledger answers about a book. */
async function everything(ledger: Ledger) {
  const answers = await ledger.read(async (book) => {
    const sessions = await book.sessions({ limit: 1000 })
    const ids = sessions.map(({ session_id }) => session_id)
    const taskIds = await book.taskIds()
    const each = async <T>(keys: readonly string[], ask: (key: string) => Promise<T>) => {
      const entries: [string, T][] = []
      for (const key of keys) entries.push([key, await ask(key)])
      return Object.fromEntries(entries)
    }
    const last = await each(['default', 'other', 'review'], (slot) => book.lastSessionIn(slot))
    return {
      sessions,
      byId: await each(ids, (id) => book.session(id)),
      last,
      // When each was last renewed, and which of two instances asks, is not what the book says.
      leases: (await book.leases()).map(({ lease, held, gone }) => ({ ...lease, ...NOT_RENEWED, held, gone })),
      heartbeats: await each(ids, (id) => book.heartbeat(id)),
      sync: await each(ids, (id) => book.taskSync(id)),
      counted: await each(ids, async (id) => [
        await book.turnIsCounted(id, 'r-1'),
        await book.turnIsCounted(id, 'r-2'),
        await book.turnIsCounted(id, 'r-9'),
      ]),
      tasks: await book.tasks({ limit: 1000 }),
      task: await each(taskIds, (id) => book.task(id)),
    }
  })
  const histories: Record<string, RecordedEvent[]> = {}
  for (const { session_id } of answers.sessions) {
    histories[session_id] = await wholeHistory(ledger, sessionStream(session_id))
  }
  return { ...answers, histories }
}
