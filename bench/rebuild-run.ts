/**
 * `rebuild-run.ts rebuild|lost|floor FOLDER`: computes a book's store anew, or again after it was lost, or does the least that
 * one could; prints a report.
 */
import { closeSync, openSync, readdirSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { bookLayout } from '../src/log/layout.ts'
import { migrations } from '../src/store/sqlite/migrations.ts'
import { openBook } from '../src/wire.ts'

export interface RebuildReport {
  readonly seconds: number
  /** Of processor, in user and system: what does not grow when others are busy on the machine. */
  readonly cpu_seconds: number
  readonly events: number
  readonly rows: Readonly<Record<string, number>>
  readonly peak_mb: number
}

/** Bytes read at once. */
const CHUNK = 1 << 20
/** Rows of one transaction of the floor. */
const BATCH = 50_000
const PROJECT = 'bench'
const COUNTED = ['sessions', 'streams', 'task_reports', 'turn_requests', 'tokens']

type FloorLine = {
  seq: number
  type: string
  at: string
  data: { task_id?: string; request_id?: string; token?: number }
}

const [how = '', folder = ''] = process.argv.slice(2)
const layout = bookLayout(join(folder, '.bot'))
const floorFile = join(layout.bot, 'floor.db')
const database = how === 'floor' ? floorFile : layout.database
if (how !== 'rebuild') for (const suffix of ['', '-wal', '-shm']) rmSync(database + suffix, { force: true })

const [before, cpuBefore] = [performance.now(), process.cpuUsage()]
if (how === 'floor') floor()
else await rutter()
const seconds = (performance.now() - before) / 1000
const { user, system } = process.cpuUsage(cpuBefore)
const report: RebuildReport = {
  seconds,
  cpu_seconds: (user + system) / 1e6,
  ...counted(),
  peak_mb: process.resourceUsage().maxRSS / 1024,
}
console.log(JSON.stringify(report))

async function rutter(): Promise<void> {
  const { ledger } = openBook(folder)
  if (how === 'rebuild') await ledger.rebuild()
  else await ledger.read((book) => book.sessions({ limit: 1 }))
  await ledger.close()
}

/** Every line parsed, the rows that Rutter would have inserted once each, and nothing else looked at. */
function floor(): void {
  const db = new DatabaseSync(floorFile)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  for (const step of migrations) db.exec(step)
  const insert = {
    session: db.prepare('INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)'),
    stream: db.prepare('INSERT INTO streams VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    task: db.prepare('INSERT INTO task_reports VALUES (?, ?, ?, ?, ?, ?, ?, ?)'),
    turn: db.prepare('INSERT INTO turn_requests VALUES (?, ?, ?)'),
    token: db.prepare('INSERT OR REPLACE INTO tokens (project_id, slot, token) VALUES (?, ?, ?)'),
  }
  let inTransaction = 0
  const put = (statement: StatementSync, ...values: (string | number | null)[]) => {
    statement.run(...values)
    if (++inTransaction % BATCH === 0) db.exec('COMMIT; BEGIN')
  }
  // About as long as a session's state.
  const state = 'x'.repeat(4000)
  db.exec('BEGIN')
  for (const name of readdirSync(layout.folder('session'))) {
    const id = name.slice(0, -'.jsonl'.length)
    const tasks = new Map<string, { at: string; completed: number; marked: number }>()
    let token = 0
    let last: FloorLine | undefined
    for (const line of linesOf(join(layout.folder('session'), name))) {
      const event = JSON.parse(line) as FloorLine
      last = event
      if (event.type === 'turn.recorded') put(insert.turn, PROJECT, id, event.data.request_id ?? '')
      else if (event.type === 'lease.granted') token = event.data.token ?? 0
      else if (event.type.startsWith('task.')) {
        const task = tasks.get(event.data.task_id ?? '') ?? { at: '', completed: 0, marked: 0 }
        task.at = event.at
        if (event.type === 'task.completed') task.completed = 1
        if (event.type === 'task.marked_done') task.marked = 1
        tasks.set(event.data.task_id ?? '', task)
      }
    }
    for (const [taskId, { at, completed, marked }] of tasks) {
      put(insert.task, PROJECT, id, taskId, null, marked + 1, at, completed, marked)
    }
    put(insert.session, PROJECT, id, 'default', token, 'stopped', last?.at ?? '', state)
    put(insert.stream, PROJECT, 'session', id, last?.seq ?? 0, '0'.repeat(64), 0, 0, 0, 0)
    put(insert.token, PROJECT, 'default', token)
  }
  db.exec('COMMIT')
  db.close()
}

function* linesOf(path: string): Generator<string> {
  const file = openSync(path, 'r')
  const buffer = Buffer.allocUnsafe(CHUNK)
  let kept = 0
  for (;;) {
    const got = readSync(file, buffer, kept, CHUNK - kept, null)
    if (got === 0) break
    const filled = kept + got
    const end = buffer.lastIndexOf('\n', filled - 1) + 1
    yield* buffer.toString('utf8', 0, end - 1).split('\n')
    buffer.copy(buffer, 0, end, filled)
    kept = filled - end
  }
  closeSync(file)
}

/** The rows of each table, and the events that the streams are said to have. */
function counted(): Pick<RebuildReport, 'events' | 'rows'> {
  const db = new DatabaseSync(database, { readOnly: true })
  const ask = (sql: string) => Number(db.prepare(sql).get()?.['n'])
  const rows = COUNTED.map((table) => [table, ask(`SELECT count(*) AS n FROM ${table}`)])
  const events = ask('SELECT sum(seq) AS n FROM streams')
  db.close()
  return { events, rows: Object.fromEntries(rows) as Record<string, number> }
}
