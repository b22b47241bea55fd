/** A clone's records brought to an empty database, with all that is computed from them, against COPY of the same lines into a bare table. */
import { execFile } from 'node:child_process'
import { appendFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { bookLayout } from '../src/log/layout.ts'
import { PostgresLedger } from '../src/store/postgres/ledger.ts'
import { postgresPrograms, startPostgres } from '../test/support/postgres-server.ts'
import { type Bench, compare, type Rounds, takeTurns } from './harness.ts'
import { writeRecords } from './rebuild-data.ts'
import { bundle } from './shipped.ts'
import type { SyncReport } from './sync-run.ts'

const SESSIONS = 200
const EVENTS_EACH = 500
const ROUNDS = 9

export const bench: Bench = {
  name: 'sync',
  title: `${SESSIONS * EVENTS_EACH} events brought to an empty PostgreSQL database over its socket`,
  async run(folder, say) {
    const book = join(folder, 'book')
    mkdirSync(book)
    say('writing the records')
    writeRecords(book, SESSIONS, EVENTS_EACH)
    const all = join(folder, 'all.jsonl')
    const records = bookLayout(join(book, '.bot')).folder('session')
    for (const name of readdirSync(records).sort()) appendFileSync(all, readFileSync(join(records, name)))
    const program = await bundle('sync-run.ts', folder)
    say('starting a server')
    const server = await startPostgres({ fsync: 'on', shared_buffers: '256MB' }, (await postgresPrograms()).at(-1))
    let databases = 0
    const reports: Record<'sync' | 'copy', SyncReport[]> = { sync: [], copy: [] }
    /** In a process of its own each time, as the command is. */
    const run = async (how: 'sync' | 'copy') => {
      const database = `book_${++databases}`
      await server.sql(`CREATE DATABASE ${database}`)
      const url = server.url(database)
      if (how === 'sync') await makeTables(url)
      await server.sql('CHECKPOINT')
      say(how)
      const { stdout } = await promisify(execFile)(process.execPath, [program, how, how === 'sync' ? book : all, url])
      const report = JSON.parse(stdout) as SyncReport
      reports[how].push(report)
      await server.sql(`DROP DATABASE ${database}`)
      return [report.seconds]
    }
    try {
      await run('sync')
      reports.sync.pop()
      const taken = await takeTurns(ROUNDS, { sync: () => run('sync'), copy: () => run('copy') })
      const cpu = (how: 'sync' | 'copy'): Rounds => reports[how].map(({ cpu_seconds }) => [cpu_seconds])
      const isWhole = [...reports.sync, ...reports.copy].every(({ events }) => events === SESSIONS * EVENTS_EACH)
      return {
        comparisons: [
          compare('s', ['rutter sync', taken.sync], ['COPY into a bare table', taken.copy], {
            kind: 'at most',
            ratio: 3,
          }),
          compare('s', ['rutter sync: processor time', cpu('sync')], ['COPY: processor time', cpu('copy')]),
        ],
        checks: [{ what: `both wrote ${SESSIONS * EVENTS_EACH} events`, ok: isWhole }],
        notes: [
          `PostgreSQL ${server.major}; ${Math.round(Math.max(...reports.sync.map(({ peak_mb }) => peak_mb)))} MB of memory at most`,
        ],
      }
    } finally {
      await server.end()
    }
  },
}

async function makeTables(url: string): Promise<void> {
  const holder = { host: '', boot_id: '', pid_space: '', pid: 1, started: '' }
  const processes = { self: () => holder, liveness: () => 'unknown' as const }
  const ledger = new PostgresLedger({ url, project_id: 'bench', place: 'bench', processes, lease_ttl_ms: 1000 })
  await ledger.openGlobal()
  await ledger.close()
}
