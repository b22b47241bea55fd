import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sessionIncrementCompleted } from '../../src/app/operations/session_increment_completed.ts'
import { sessionInitialize } from '../../src/app/operations/session_initialize.ts'
import type { Ledger } from '../../src/ports/ledger.ts'
import { linesOf, walk } from '../log/records.ts'
import { type TestBook, testBook, testContext } from '../support/book.ts'
import { extended, failed, firstLines, leasesOf, put, readBytes, startRun, stateOf, stop } from './runs.ts'

const repairsOf = (ledger: Ledger) => ledger.repairs().map(({ kind, damage }) => `${kind}${damage ? ' (damage)' : ''}`)
const forks = (book: TestBook) => readdirSync(book.layout.folder('session')).filter((name) => name.includes('.fork-'))
const fork = (book: TestBook) => readBytes(join(book.layout.folder('session'), forks(book)[0] ?? 'none'))
const torn = (book: TestBook) => (existsSync(book.layout.torn) ? readdirSync(book.layout.torn) : [])

/** That a record is whole, that the store agrees with it, and that the session goes on. */
async function expectGoesOn(book: TestBook, run: Awaited<ReturnType<typeof startRun>>): Promise<void> {
  const before = await stateOf(run.ledger, run.id)
  await run.context.call(sessionIncrementCompleted)
  const after = await stateOf(run.ledger, run.id)
  expect(after?.tasks_completed).toBe((before?.tasks_completed ?? 0) + 1)
  expect(walk(book.bytes(run.id)).events.at(-1)).toMatchObject({ type: 'task.completed' })
  await run.ledger.rebuild()
  expect(await stateOf(run.ledger, run.id)).toEqual(after)
}

describe('a record that is longer than the store knows', () => {
  test('is taken in: a crash came between the append and the commit', async () => {
    const book = testBook()
    const run = await startRun(book)
    appendFileSync(book.path(run.id), extended(book.bytes(run.id), failed('boom')).subarray(book.bytes(run.id).length))
    const other = book.open()
    expect(await stateOf(other, run.id)).toMatchObject({ tasks_failed: 1, tasks_completed: 2 })
    expect(await run.ledger.write((b) => b.session(run.id))).toMatchObject({ tasks_failed: 1 })
    expect(repairsOf(other)).toEqual([])
    await expectGoesOn(book, run)
    expect((await run.ledger.verify()).findings).toEqual([])
  })

  test('is taken in whole, so that it can be written again when somebody deletes it', async () => {
    const book = testBook()
    const run = await startRun(book)
    put(book.path(run.id), extended(book.bytes(run.id), failed('boom')))
    await stateOf(run.ledger, run.id)
    const whole = book.bytes(run.id)
    rmSync(book.path(run.id))
    expect(await stateOf(run.ledger, run.id)).toMatchObject({ tasks_failed: 1 })
    expect(book.bytes(run.id).equals(whole)).toBe(true)
  })

  test('is taken in when git brings more of a session that is over', async () => {
    const book = testBook()
    const run = await startRun(book)
    const early = book.bytes(run.id)
    await stop(run)
    const late = book.bytes(run.id)
    put(book.path(run.id), early)
    await stateOf(run.ledger, run.id)
    put(book.path(run.id), late)
    expect(await stateOf(run.ledger, run.id)).toMatchObject({ status: 'stopped', tasks_completed: 2 })
  })
})

describe('a record that is the same as before', () => {
  test('in another file of the same name is nothing to tell about', async () => {
    const book = testBook()
    const run = await startRun(book)
    put(book.path(run.id), book.bytes(run.id))
    await expectGoesOn(book, run)
    expect(repairsOf(run.ledger)).toEqual([])
    expect(forks(book)).toEqual([])
  })

  test('with the line ends of Windows goes on, and is not taken for a fork', async () => {
    const book = testBook()
    const run = await startRun(book)
    put(book.path(run.id), book.bytes(run.id).toString().replaceAll('\n', '\r\n'))
    await expectGoesOn(book, run)
    expect(forks(book)).toEqual([])
    expect((await run.ledger.verify()).findings).toEqual([])
  })

  test('but for conflict markers around its end goes on, and tells of them', async () => {
    const book = testBook()
    const run = await startRun(book)
    const lines = linesOf(book.bytes(run.id))
    const marked = [...lines.slice(0, 4), '<<<<<<< HEAD\n', ...lines.slice(4), '=======\n', '>>>>>>> theirs\n']
    put(book.path(run.id), marked.map(String).join(''))
    await expectGoesOn(book, run)
    expect(new Set(repairsOf(run.ledger))).toEqual(new Set(['foreign_line (damage)']))
    expect(forks(book)).toEqual([])
  })
})

describe('a record that is shorter than the store knows', () => {
  test.each([0, 1, 2, 5])(
    'is written again to the end while its session runs, when %d lines are left',
    async (left) => {
      const book = testBook()
      const run = await startRun(book)
      const whole = book.bytes(run.id)
      put(book.path(run.id), firstLines(whole, left))
      expect(await stateOf(run.ledger, run.id)).toMatchObject({ tasks_completed: 2 })
      expect(book.bytes(run.id).equals(whole)).toBe(true)
      // The first step has two lines: half of it is put aside before the whole is written again.
      expect(repairsOf(run.ledger)).toEqual(left === 1 ? ['incomplete_step', 'shortened'] : ['shortened'])
      await expectGoesOn(book, run)
    },
  )

  test('is written again when it was cut in the middle of a line', async () => {
    const book = testBook()
    const run = await startRun(book)
    const whole = book.bytes(run.id)
    put(book.path(run.id), whole.subarray(0, whole.length - 40))
    await stateOf(run.ledger, run.id)
    expect(book.bytes(run.id).equals(whole)).toBe(true)
    await expectGoesOn(book, run)
  })

  test('is written again by the next write when it was cut in place', async () => {
    const book = testBook()
    const run = await startRun(book)
    const whole = book.bytes(run.id)
    truncateSync(book.path(run.id), firstLines(whole, 3).length)
    await run.context.call(sessionIncrementCompleted)
    expect(firstLines(book.bytes(run.id), 6).equals(whole)).toBe(true)
    expect(walk(book.bytes(run.id)).reading).toMatchObject({ events: 7, observations: [] })
  })

  test('counts as it is when its session is over, and that is told', async () => {
    const book = testBook()
    const run = await startRun(book)
    await stop(run)
    const cut = firstLines(book.bytes(run.id), 4)
    put(book.path(run.id), cut)
    expect(await stateOf(run.ledger, run.id)).toMatchObject({ tasks_completed: 1 })
    expect(book.bytes(run.id).equals(cut)).toBe(true)
    expect(repairsOf(run.ledger)).toEqual(['shortened'])
    expect(await leasesOf(run.ledger)).toEqual([])
  })

  test('does not make a session live again that was over, not even after a rebuild', async () => {
    const book = testBook()
    const run = await startRun(book)
    await stop(run)
    put(book.path(run.id), firstLines(book.bytes(run.id), 4))
    await run.ledger.rebuild()
    expect(await leasesOf(run.ledger)).toEqual([])
  })

  test('does not make a session live again that was over, when git took the record away before', async () => {
    const book = testBook()
    const run = await startRun(book)
    const early = book.bytes(run.id)
    await stop(run)
    rmSync(book.path(run.id))
    expect(await stateOf(run.ledger, run.id)).toBeUndefined()
    put(book.path(run.id), early)
    expect(await stateOf(run.ledger, run.id)).toMatchObject({ tasks_completed: 2 })
    expect(await leasesOf(run.ledger)).toEqual([])
  })
})

describe('a record that was deleted', () => {
  test('is written again while its session runs', async () => {
    const book = testBook()
    const run = await startRun(book)
    const whole = book.bytes(run.id)
    rmSync(book.path(run.id))
    expect(await stateOf(run.ledger, run.id)).toMatchObject({ tasks_completed: 2 })
    expect(book.bytes(run.id).equals(whole)).toBe(true)
    expect(repairsOf(run.ledger)).toEqual(['missing_file'])
    await expectGoesOn(book, run)
  })

  test('is written again with its folder, by whichever process looks first', async () => {
    const book = testBook()
    const run = await startRun(book)
    const whole = book.bytes(run.id)
    rmSync(dirname(dirname(book.path(run.id))), { recursive: true })
    const other = book.open()
    expect(await stateOf(other, run.id)).toMatchObject({ tasks_completed: 2 })
    expect(book.bytes(run.id).equals(whole)).toBe(true)
    await expectGoesOn(book, run)
  })

  test('is written again by a rebuild that comes first', async () => {
    const book = testBook()
    const run = await startRun(book)
    rmSync(book.path(run.id))
    await run.ledger.rebuild()
    expect(await stateOf(run.ledger, run.id)).toMatchObject({ tasks_completed: 2 })
    expect(existsSync(book.path(run.id))).toBe(true)
  })

  test('is gone with everything that it said when its session is over, and comes back with it', async () => {
    const book = testBook()
    const run = await startRun(book)
    await stop(run)
    const whole = book.bytes(run.id)
    rmSync(book.path(run.id))
    expect(await stateOf(run.ledger, run.id)).toBeUndefined()
    expect(await run.ledger.read((b) => b.taskIds())).toEqual([])
    put(book.path(run.id), whole)
    expect(await stateOf(run.ledger, run.id)).toMatchObject({ status: 'stopped' })
    expect(await run.ledger.read((b) => b.taskIds())).toEqual(['t-1', 't-2'])
    expect(repairsOf(run.ledger)).toEqual([])
  })

  test('is told about by verify, before anything was mended', async () => {
    const book = testBook()
    const run = await startRun(book)
    rmSync(book.path(run.id))
    expect((await run.ledger.verify()).findings).toMatchObject([{ kind: 'missing_file', damage: true }])
  })
})

describe('a record that forked', () => {
  const theirs = (bytes: Buffer) => extended(firstLines(bytes, 4), failed('theirs'), failed('theirs too'))

  test('stays as the running session wrote it; the other copy is kept beside it', async () => {
    const book = testBook()
    const run = await startRun(book)
    const ours = book.bytes(run.id)
    const other = theirs(ours)
    put(book.path(run.id), other)
    expect(await stateOf(run.ledger, run.id)).toMatchObject({ tasks_completed: 2, tasks_failed: 0 })
    expect(book.bytes(run.id).equals(ours)).toBe(true)
    expect(fork(book).equals(other)).toBe(true)
    expect(repairsOf(run.ledger)).toEqual(['forked (damage)'])
    await expectGoesOn(book, run)
    expect((await run.ledger.verify()).findings).toMatchObject([{ kind: 'forked', damage: false }])
  })

  test('stays as git brought it when its session is over; the other copy is kept beside it', async () => {
    const book = testBook()
    const run = await startRun(book)
    await stop(run)
    const ours = book.bytes(run.id)
    const other = theirs(ours)
    put(book.path(run.id), other)
    expect(await stateOf(run.ledger, run.id)).toMatchObject({ tasks_completed: 1, tasks_failed: 2 })
    expect(book.bytes(run.id).equals(other)).toBe(true)
    expect(fork(book).equals(ours)).toBe(true)
    expect(repairsOf(run.ledger)).toEqual(['forked (damage)'])
    expect(await leasesOf(run.ledger)).toEqual([])
  })

  test('is told once, not with every call', async () => {
    const book = testBook()
    const run = await startRun(book)
    put(book.path(run.id), theirs(book.bytes(run.id)))
    for (let i = 0; i < 3; i++) {
      await run.context.call(sessionIncrementCompleted)
      await stateOf(book.open(), run.id)
    }
    expect(repairsOf(run.ledger)).toEqual(['forked (damage)'])
    expect(forks(book)).toHaveLength(1)
  })

  test('at its very first line is a fork too', async () => {
    const book = testBook()
    const run = await startRun(book)
    const ours = book.bytes(run.id)
    const other = extended(Buffer.alloc(0), failed('somebody else'))
    put(book.path(run.id), other)
    await expectGoesOn(book, run)
    expect(firstLines(book.bytes(run.id), 6).equals(ours)).toBe(true)
    expect(fork(book).equals(other)).toBe(true)
  })

  test('by an edit of its last line is put right while its session runs, and the edited copy is kept', async () => {
    const book = testBook()
    const run = await startRun(book)
    const ours = book.bytes(run.id)
    const edited = Buffer.from(ours.toString().replace(/"t-2"(?=[^\n]*\n$)/, '"t-3"'))
    expect(edited.equals(ours)).toBe(false)
    writeFileSync(book.path(run.id), edited)
    await run.context.call(sessionIncrementCompleted)
    expect(firstLines(book.bytes(run.id), 6).equals(ours)).toBe(true)
    expect(fork(book).equals(edited)).toBe(true)
  })

  test.each(['ours first', 'theirs first'])(
    'and was merged by git as a union, %s, loses nothing while its session runs',
    async (order) => {
      const book = testBook()
      const run = await startRun(book)
      const ours = book.bytes(run.id)
      const [mine, other] = [linesOf(ours).slice(4), linesOf(theirs(ours)).slice(4)]
      const sides = order === 'ours first' ? [...mine, ...other] : [...other, ...mine]
      put(book.path(run.id), Buffer.concat([firstLines(ours, 4), ...sides]))
      expect(await stateOf(run.ledger, run.id)).toMatchObject({ tasks_completed: 2, tasks_failed: 0 })
      const kept = String(book.bytes(run.id)) + (forks(book).length > 0 ? String(fork(book)) : '')
      for (const line of [...mine, ...other]) expect(kept).toContain(String(line))
      expect(repairsOf(run.ledger).every((kind) => kind === 'forked (damage)')).toBe(true)
      expect(repairsOf(run.ledger).length).toBeGreaterThan(0)
      await expectGoesOn(book, run)
    },
  )

  test('and was merged by git as a union is the same after a rebuild, when the other side brings more', async () => {
    const book = testBook()
    const run = await startRun(book)
    await stop(run)
    const ours = book.bytes(run.id)
    const other = extended(firstLines(ours, 4), failed('x'), failed('y'), failed('z'))
    put(book.path(run.id), Buffer.concat([ours, ...linesOf(other).slice(4)]))
    await stateOf(run.ledger, run.id)
    const more = linesOf(extended(other, failed('a'), failed('b'))).slice(-2)
    put(book.path(run.id), Buffer.concat([book.bytes(run.id), ...more]))
    const before = await stateOf(run.ledger, run.id)
    await run.ledger.rebuild()
    expect(await stateOf(run.ledger, run.id)).toEqual(before)
  })
})

describe('the end of a record', () => {
  test('that is torn is put aside and told about; what was answered stays', async () => {
    const book = testBook()
    const run = await startRun(book)
    const whole = book.bytes(run.id)
    appendFileSync(book.path(run.id), '{"v":1,"seq":7,"id":"x","at":"2026')
    expect(await run.ledger.write((b) => b.session(run.id))).toMatchObject({ tasks_completed: 2 })
    expect(book.bytes(run.id).equals(whole)).toBe(true)
    expect(run.ledger.repairs()).toMatchObject([
      { kind: 'torn_tail', stream: { id: run.id }, where: book.path(run.id) },
    ])
    expect(torn(book)).toHaveLength(1)
    expect(readFileSync(join(book.layout.torn, torn(book)[0] ?? ''), 'utf8')).toBe('{"v":1,"seq":7,"id":"x","at":"2026')
    await expectGoesOn(book, run)
  })

  test('that holds half a step is put aside: no part of it is applied', async () => {
    const book = testBook()
    const run = await startRun(book)
    const whole = book.bytes(run.id)
    const step = [...failed('one'), ...failed('two'), ...failed('three')]
    for (const lines of [1, 2]) {
      put(book.path(run.id), firstLines(extended(whole, step), 6 + lines))
      expect(await stateOf(run.ledger, run.id)).toMatchObject({ tasks_failed: 0 })
      expect(book.bytes(run.id).equals(whole)).toBe(true)
    }
    expect(repairsOf(run.ledger)).toEqual(['incomplete_step', 'incomplete_step'])
    await expectGoesOn(book, run)
  })

  test('that lacks its line feed gets it', async () => {
    const book = testBook()
    const run = await startRun(book)
    const whole = book.bytes(run.id)
    put(book.path(run.id), whole.subarray(0, -1))
    expect(await stateOf(run.ledger, run.id)).toMatchObject({ tasks_completed: 2 })
    expect(book.bytes(run.id).equals(whole)).toBe(true)
    await expectGoesOn(book, run)
  })

  test('that lacks its line feed gets it when its session is over, too', async () => {
    const book = testBook()
    const run = await startRun(book)
    await stop(run)
    const whole = book.bytes(run.id)
    put(book.path(run.id), whole.subarray(0, -1))
    expect(await stateOf(run.ledger, run.id)).toMatchObject({ status: 'stopped' })
    expect(book.bytes(run.id).equals(whole)).toBe(true)
  })

  test('is mended at any byte of its last lines at which a lost store finds it cut', async () => {
    const book = testBook()
    const run = await startRun(book)
    const whole = book.bytes(run.id)
    const lines = linesOf(whole)
    await run.ledger.close()
    const from = firstLines(whole, 4).length
    for (let size = from; size < whole.length; size += 23) {
      rmSync(book.layout.database)
      put(book.path(run.id), whole.subarray(0, size))
      const ledger = book.open()
      // A line counts as soon as all of it but its line feed is there.
      const left = lines.filter((_, i) => size >= firstLines(whole, i + 1).length - 1).length
      expect((await ledger.history({ kind: 'session', id: run.id })).events).toHaveLength(left)
      expect(await stateOf(ledger, run.id)).toMatchObject({ tasks_completed: left === 6 ? 2 : 1 })
      expect(book.bytes(run.id).equals(firstLines(whole, left))).toBe(true)
      expect(ledger.repairs().length).toBe(size === firstLines(whole, left).length ? 0 : 1)
      await ledger.close()
    }
  })

  test('that is torn behind lines of another branch does not take them along', async () => {
    const book = testBook()
    const run = await startRun(book)
    const ours = book.bytes(run.id)
    const other = linesOf(extended(firstLines(ours, 4), failed('theirs'), failed('theirs too'))).slice(4)
    put(book.path(run.id), Buffer.concat([ours, ...other, Buffer.from('{"v":1,"seq":7')]))
    await stateOf(run.ledger, run.id)
    for (const line of other) expect(book.bytes(run.id).toString()).toContain(String(line))
  })
})

describe('a record from elsewhere', () => {
  test('is read, and not taken for a run that lives here', async () => {
    const [there, here] = [testBook(), testBook()]
    const run = await startRun(there, { place: 'other-place' })
    const ledger = here.open()
    await ledger.read((b) => b.sessions({ limit: 1 }))
    put(here.path(run.id), there.bytes(run.id))
    expect(await stateOf(ledger, run.id)).toMatchObject({ status: 'running', tasks_completed: 2 })
    expect(await leasesOf(ledger)).toEqual([])
    const context = testContext(ledger, here.clock)
    await expect(context.call(sessionInitialize, { session_type: 'manual' })).resolves.toMatchObject({
      reclaimed: null,
    })
    expect(repairsOf(ledger)).toEqual([])
  })

  test('raises the next token of its slot above its own', async () => {
    const [there, here] = [testBook(), testBook()]
    for (let i = 0; i < 3; i++) {
      const run = await startRun(there, { place: 'other-place' })
      await stop(run)
      put(here.layout.record({ kind: 'session', id: run.id }), there.bytes(run.id))
    }
    const context = testContext(here.open(), here.clock)
    const { lock } = await context.call(sessionInitialize, { session_type: 'manual' })
    expect(lock.token).toBe(4)
  })

  test('that is a copy of a running one under another name does not take its slot', async () => {
    const book = testBook()
    const run = await startRun(book)
    put(book.path('a-copy'), book.bytes(run.id))
    expect(await stateOf(run.ledger, 'a-copy')).toMatchObject({ session_id: 'a-copy', tasks_completed: 2 })
    expect((await leasesOf(run.ledger)).map(({ lease }) => lease.session_id)).toEqual([run.id])
    await expectGoesOn(book, run)
  })

  test('with a name that no stream has is left alone', async () => {
    const book = testBook()
    const run = await startRun(book)
    const folder = book.layout.folder('session')
    for (const name of ['notes.txt', 'a b.jsonl', '.hidden.jsonl', `${run.id}.jsonl.orig`, `${run.id} copy.jsonl`]) {
      writeFileSync(join(folder, name), book.bytes(run.id))
    }
    expect(await run.ledger.read((b) => b.sessions({ limit: 10 }))).toHaveLength(1)
    expect((await run.ledger.verify()).streams).toBe(1)
  })

  test('whose first line is damaged is still the record of the session that its file is named after', async () => {
    const book = testBook()
    const run = await startRun(book)
    await stop(run)
    put(book.path(run.id), Buffer.concat([Buffer.from('#'), book.bytes(run.id)]))
    expect(await stateOf(run.ledger, run.id)).toMatchObject({
      session_id: run.id,
      tasks_completed: 2,
      status: 'stopped',
    })
  })
})

describe('a write that fails', () => {
  /** A book whose ledger fails at one point of its write path, as long as it is told to. */
  async function failingAt(at: string) {
    const book = testBook()
    const fails = { now: false }
    const pausePoint = (point: string) => {
      if (fails.now && point === at) throw new Error('power cut')
    }
    const run = await startRun(book, { pausePoint })
    const fresh = testContext(run.ledger, book.clock, { slot: 'other' })
    const initialize = () => fresh.call(sessionInitialize, { session_type: 'manual' })
    return { book, run, fails, initialize }
  }

  test.each(['locked', 'decided', 'appended', 'synced'])(
    'before its lines are on disk, at "%s", leaves none of them',
    async (at) => {
      const { book, run, fails, initialize } = await failingAt(at)
      const before = book.bytes(run.id)
      fails.now = true
      await expect(run.context.call(sessionIncrementCompleted)).rejects.toThrow('power cut')
      await expect(initialize()).rejects.toThrow('power cut')
      fails.now = false
      expect(book.bytes(run.id).equals(before)).toBe(true)
      expect(readdirSync(book.layout.folder('session'))).toEqual([`${run.id}.jsonl`])
      expect(await stateOf(run.ledger, run.id)).toMatchObject({ tasks_completed: 2 })
      expect(await leasesOf(run.ledger)).toHaveLength(1)
      await expectGoesOn(book, run)
      expect((await run.ledger.verify()).findings).toEqual([])
    },
  )

  test('after its lines are on disk stands, if it was answered, and the next call takes it in', async () => {
    const { book, run, fails } = await failingAt('projected')
    fails.now = true
    expect(await run.context.call(sessionIncrementCompleted)).toMatchObject({ tasks_completed: 3 })
    await run.ledger.read(async () => {})
    fails.now = false
    expect(await stateOf(book.open(), run.id)).toMatchObject({ tasks_completed: 3 })
    expect(await stateOf(run.ledger, run.id)).toMatchObject({ tasks_completed: 3 })
    expect(repairsOf(run.ledger)).toEqual(['store_behind'])
    await expectGoesOn(book, run)
    expect((await run.ledger.verify()).findings).toEqual([])
  })

  test('and that grants a lock is refused to the last, with nothing left of it', async () => {
    const { book, run, fails, initialize } = await failingAt('projected')
    fails.now = true
    await expect(initialize()).rejects.toThrow('power cut')
    fails.now = false
    expect(readdirSync(book.layout.folder('session'))).toEqual([`${run.id}.jsonl`])
    expect(await leasesOf(run.ledger)).toHaveLength(1)
    expect((await initialize()).session).toMatchObject({ slot: 'other', active: true })
  })

  test('in a process that dies after its answer is seen by every later write, whatever session that is about', async () => {
    const book = testBook()
    const run = await startRun(book)
    const other = book.open()
    await leasesOf(other)
    const added = { type: 'task.added', data: { task_id: 't-9', title: 'nine' } }
    const before = book.bytes(run.id)
    appendFileSync(book.path(run.id), extended(before, [added]).subarray(before.length))
    expect(await other.write((b) => b.task('t-9'))).toMatchObject({ title: 'nine' })
  })
})
