import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { sessionIncrementCompleted } from '../../src/app/operations/session_increment_completed.ts'
import { sessionInitialize } from '../../src/app/operations/session_initialize.ts'
import type { SqliteLedger } from '../../src/store/sqlite/ledger.ts'
import { migrations } from '../../src/store/sqlite/migrations.ts'
import { refusalOf, type TestBook, testBook, testContext } from '../support/book.ts'
import { leasesOf, startRun, stateOf, stop } from './runs.ts'

/** A book with a session that is over and one that runs, closed; and what it answered before. */
async function closedBook() {
  const book = testBook()
  const over = await startRun(book, { slot: 'done' })
  await stop(over)
  await over.ledger.close()
  const processes = book.machine.process()
  const live = await startRun(book, { slot: 'live', processes })
  const answers = await answersOf(live.ledger)
  await live.ledger.close()
  return { book, over, live, processes, answers }
}

async function answersOf(ledger: SqliteLedger) {
  return await ledger.read(async (b) => ({
    sessions: await b.sessions({ limit: 100 }),
    tasks: await b.tasks({ limit: 100 }),
    leases: (await b.leases()).map(({ lease, held, mine }) => [lease.slot, lease.session_id, lease.token, held, mine]),
  }))
}

/** That everything is back, the running session goes on, and no token is granted twice. */
async function expectRecovered(
  { book, live, processes, answers }: Awaited<ReturnType<typeof closedBook>>,
  ledger = book.open({ processes }),
): Promise<SqliteLedger> {
  expect(await answersOf(ledger)).toEqual(answers)
  const context = testContext(ledger, book.clock, { slot: 'live' })
  await context.call(sessionIncrementCompleted, { session_id: live.id })
  const fresh = testContext(ledger, book.clock, { slot: 'done' })
  expect((await fresh.call(sessionInitialize, { session_type: 'manual' })).lock.token).toBe(2)
  expect((await ledger.verify()).findings).toEqual([])
  return ledger
}

const setAside = (book: TestBook) => (existsSync(book.layout.torn) ? readdirSync(book.layout.torn) : [])

describe('a store that is lost', () => {
  test('is computed again from the records, with the lock of the session that runs', async () => {
    const closed = await closedBook()
    rmSync(closed.book.layout.control, { recursive: true })
    const ledger = await expectRecovered(closed)
    expect(ledger.repairs()).toEqual([])
  })

  test('under a process that has it open is noticed by its next call', async () => {
    const closed = await closedBook()
    const { book, processes, live } = closed
    const ledger = book.open({ processes })
    await stateOf(ledger, live.id)
    for (const suffix of ['', '-wal', '-shm']) rmSync(book.layout.database + suffix, { force: true })
    await expectRecovered(closed, ledger)
  })

  test('lets the holder be judged as before: one that is dead can be cleared away', async () => {
    const { book, live, processes } = await closedBook()
    rmSync(book.layout.control, { recursive: true })
    book.machine.say(processes.self(), 'dead')
    const context = testContext(book.open(), book.clock, { slot: 'live' })
    const { reclaimed } = await context.call(sessionInitialize, { session_type: 'manual' })
    expect(reclaimed).toEqual({ session_id: live.id, reason: 'process_gone' })
  })

  test('gives back no lock of a session that had lost its slot to a later one', async () => {
    const book = testBook()
    const [dead, heir] = [book.machine.process(), book.machine.process()]
    await startRun(book, { processes: dead })
    book.machine.say(dead.self(), 'dead')
    const next = await startRun(book, { processes: heir })
    await next.ledger.close()
    rmSync(book.layout.control, { recursive: true })
    const leases = await leasesOf(book.open({ processes: heir }))
    expect(leases.map(({ lease, mine }) => [lease.session_id, lease.token, mine])).toEqual([[next.id, 2, true]])
  })
})

describe('a store that cannot be read', () => {
  const spoil: [string, (path: string) => void][] = [
    ['is empty', (path) => truncateSync(path, 0)],
    ['is garbage', (path) => writeFileSync(path, 'this is not a database, whatever its name says\n'.repeat(500))],
    ['is a page of noughts', (path) => writeFileSync(path, Buffer.alloc(4096))],
    ['begins like a database and goes on as garbage', (path) => overwrite(path, 100)],
    ['was cut to one page', (path) => truncateSync(path, 4096)],
    ['was cut in half', (path) => truncateSync(path, readFileSync(path).length / 2)],
    ['was cut in the middle of a page', (path) => truncateSync(path, 4096 * 3 + 17)],
    ['is garbage from its second page on', (path) => overwrite(path, 4096)],
  ]

  function overwrite(path: string, from: number): void {
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.fill('garbage ', from))
  }

  test.each(spoil)('because it %s is put aside, told about and computed again', async (_how, damage) => {
    const closed = await closedBook()
    damage(closed.book.layout.database)
    const wasEmpty = readFileSync(closed.book.layout.database).length === 0
    const ledger = await expectRecovered(closed)
    if (wasEmpty) return
    expect(ledger.repairs()).toMatchObject([
      { kind: 'unreadable_store', stream: null, where: closed.book.layout.database },
    ])
    expect(setAside(closed.book).length).toBeGreaterThan(0)
  })

  test('is replaced together with its write-ahead log, which would poison the next one', async () => {
    const closed = await closedBook()
    const { database } = closed.book.layout
    for (const suffix of ['', '-wal', '-shm']) writeFileSync(database + suffix, 'garbage'.repeat(1000))
    const ledger = await expectRecovered(closed)
    expect(ledger.repairs()).toHaveLength(1)
  })

  test('is mended once by several that open it at the same time', async () => {
    const closed = await closedBook()
    const { book, processes, answers } = closed
    writeFileSync(book.layout.database, 'garbage'.repeat(1000))
    const ledgers = Array.from({ length: 4 }, () => book.open({ processes }))
    for (const found of await Promise.all(ledgers.map(answersOf))) expect(found).toEqual(answers)
    expect(ledgers.flatMap((ledger) => ledger.repairs())).toHaveLength(1)
    await expectRecovered(closed, ledgers[3])
  })
})

describe('a store that is not ours to touch', () => {
  test('is refused when a newer Rutter wrote it, and left as it is', async () => {
    const { book } = await closedBook()
    const db = new DatabaseSync(book.layout.database)
    db.exec(
      `PRAGMA user_version = ${migrations.length + 1}; CREATE TABLE from_the_future (a); PRAGMA journal_mode = DELETE`,
    )
    db.close()
    const ledger = book.open()
    for (const call of [() => ledger.read(async () => 1), () => ledger.write(async () => 1), () => ledger.verify()]) {
      const refusal = await refusalOf(call())
      expect(refusal.code).toBe('store_unavailable')
      expect(refusal.message).toContain(`schema ${migrations.length + 1}`)
      expect(refusal.hint).toContain('Update Rutter')
    }
    const after = new DatabaseSync(book.layout.database)
    expect(after.prepare('SELECT count(*) AS n FROM from_the_future').get()).toEqual({ n: 0 })
    expect(after.prepare('SELECT count(*) AS n FROM sessions').get()).toEqual({ n: 2 })
    after.close()
    expect(setAside(book)).toEqual([])
  })

  test.each([0, 1, migrations.length])(
    'is never mixed with ours when it is another program’s, of version %d',
    async (version) => {
      const { book } = await closedBook()
      const path = book.layout.database
      rmSync(path)
      const db = new DatabaseSync(path)
      db.exec(
        `CREATE TABLE customers (name TEXT); INSERT INTO customers VALUES ('Ada'); PRAGMA user_version = ${version}`,
      )
      db.close()
      const ledger = book.open()
      const outcome = await ledger
        .read((b) => b.sessions({ limit: 9 }))
        .then(
          (sessions) => `${sessions.length} sessions`,
          (error: { code?: string }) => error.code,
        )
      await ledger.close()
      // Put aside and computed again, or refused: either will do, as long as the other program's tables stay by themselves.
      expect(['2 sessions', 'store_unavailable']).toContain(outcome)
      const aside = setAside(book).map((name) => join(book.layout.torn, name))
      const theirs = [path, ...aside].filter((at) => tablesOf(at).includes('customers'))
      expect(theirs).toHaveLength(1)
      expect(tablesOf(theirs[0] ?? '')).toEqual(['customers'])
    },
  )

  function tablesOf(path: string): unknown[] {
    const db = new DatabaseSync(path, { readOnly: true })
    const rows = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all()
    db.close()
    return rows.map((row) => row['name'])
  }
})

describe('a book that cannot be written', () => {
  /** Opens the book as a process that may not write to it, and gives the refusal's body. */
  function openWithoutRights(book: TestBook): { code?: string; message?: string; hint?: string } {
    const wire = new URL('../../src/wire.ts', import.meta.url).href
    const script = `
      const { openBook } = await import(${JSON.stringify(wire)})
      try {
        const { ledger } = openBook(${JSON.stringify(book.root)})
        await ledger.write(async () => {})
        console.log(JSON.stringify({ code: 'written' }))
      } catch (error) {
        console.log(JSON.stringify(error.body ?? { code: 'no refusal', message: String(error.stack) }))
      }`
    // Permissions do not hold root back: it steps down to nobody.
    const asNobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: '/',
      encoding: 'utf8',
      ...asNobody,
    })
    if (stdout === '') throw new Error(`The process said nothing but: ${stderr}`)
    return JSON.parse(stdout)
  }

  test.runIf(process.platform !== 'win32')(
    'is refused with a hint, by a fresh store and by one that is there',
    async () => {
      const { book } = await closedBook()
      chmodSync(book.root, 0o755)
      chmodAll(book.layout.bot, 0o555, 0o444)
      const there = openWithoutRights(book)
      expect(there).toMatchObject({ code: 'store_unavailable', hint: expect.stringContaining('permissions') })
      expect(there.message).toContain(book.layout.bot)
      chmodAll(book.layout.bot, 0o755, 0o644)
      rmSync(book.layout.control, { recursive: true })
      chmodAll(book.layout.bot, 0o555, 0o444)
      expect(openWithoutRights(book)).toMatchObject({
        code: 'store_unavailable',
        hint: expect.stringContaining('permissions'),
      })
      chmodAll(book.layout.bot, 0o755, 0o644)
    },
  )

  test.runIf(process.platform !== 'win32')('is refused with a hint where there is no book yet', () => {
    const book = testBook()
    chmodSync(book.root, 0o555)
    expect(openWithoutRights(book)).toMatchObject({
      code: 'store_unavailable',
      hint: expect.stringContaining('permissions'),
    })
    chmodSync(book.root, 0o755)
  })

  function chmodAll(folder: string, folders: number, files: number): void {
    chmodSync(folder, 0o755)
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) chmodAll(path, folders, files)
      else chmodSync(path, files)
    }
    chmodSync(folder, folders)
  }

  test('is refused, and nothing else, where a folder stands in the place of the store', async () => {
    const book = testBook()
    mkdirSync(book.layout.database, { recursive: true })
    const refusal = await refusalOf(book.open().read(async () => 1))
    expect(refusal.code).toBe('store_unavailable')
    expect(refusal.hint).toBeTruthy()
  })

  test('is refused where a file stands in the place of the book', async () => {
    const book = testBook()
    writeFileSync(book.layout.bot, 'x')
    const refusal = await refusalOf(book.open().read(async () => 1))
    expect(refusal.code).toBe('store_unavailable')
    expect(refusal.hint).toBeTruthy()
  })

  test('is refused when the disk is full, and nothing of the call stays', async () => {
    const book = testBook()
    let full = false
    const pausePoint = (point: string) => {
      if (full && point === 'appended') {
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' })
      }
    }
    const run = await startRun(book, { pausePoint })
    const before = book.bytes(run.id)
    full = true
    const refusal = await refusalOf(run.context.call(sessionIncrementCompleted))
    expect(refusal.code).toBe('store_unavailable')
    expect(refusal.hint).toContain('disk is full')
    full = false
    expect(book.bytes(run.id).equals(before)).toBe(true)
    await run.context.call(sessionIncrementCompleted)
    expect(await stateOf(run.ledger, run.id)).toMatchObject({ tasks_completed: 3 })
  })
})

describe('the schema', () => {
  test('begins every primary key with the project, so that books of many projects can share a database', async () => {
    const { book } = await closedBook()
    const db = new DatabaseSync(book.layout.database, { readOnly: true })
    // A text index is SQLite's own affair: its rows are found through a table that does begin so.
    const tables = db
      .prepare(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'",
      )
      .all()
    for (const { name } of tables) {
      const columns = db.prepare(`SELECT name FROM pragma_table_info('${String(name)}') WHERE pk = 1`).all()
      expect(columns, String(name)).toEqual([{ name: 'project_id' }])
    }
    expect(tables.length).toBeGreaterThan(5)
    expect(db.prepare('PRAGMA application_id').get()).toEqual({ application_id: 0x52757472 })
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: migrations.length })
    db.close()
  })

  test('finds everything again when the project is given another id', async () => {
    const book = testBook()
    const processes = book.machine.process()
    const run = await startRun(book, { processes })
    await run.ledger.close()
    const renamed = testBook({ root: book.root, clock: book.clock, machine: book.machine, project_id: 'other' })
    const ledger = renamed.open({ processes })
    expect(await stateOf(ledger, run.id)).toMatchObject({ tasks_completed: 2 })
    expect((await leasesOf(ledger)).map(({ lease, mine }) => [lease.session_id, lease.token, mine])).toEqual([
      [run.id, 1, true],
    ])
  })

  test('takes every step once, also when many open a fresh store at the same time', async () => {
    const book = testBook()
    const ledgers = Array.from({ length: 5 }, () => book.open())
    const started = ledgers.map((ledger, i) =>
      testContext(ledger, book.clock, { slot: `slot-${i}` }).call(sessionInitialize, { session_type: 'manual' }),
    )
    expect((await Promise.all(started)).map(({ lock }) => lock.token)).toEqual([1, 1, 1, 1, 1])
    expect(await leasesOf(ledgers[0] as SqliteLedger)).toHaveLength(5)
  })
})
