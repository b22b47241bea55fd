/** Recorded calls on PostgreSQL: one against the barest commit over the same socket, and eight connections against pgbench. */
import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { perform } from '../src/app/operation.ts'
import { sessionInitialize } from '../src/app/operations/session_initialize.ts'
import { sessionUpdate } from '../src/app/operations/session_update.ts'
import { SNAPSHOT_EVERY } from '../src/store/postgres/session-snapshot.ts'
import { openBook } from '../src/wire.ts'
import { postgresPrograms, startPostgres, type TestServer } from '../test/support/postgres-server.ts'
import { type Bench, type BenchResult, compare, takeTurns, times } from './harness.ts'
import { bundle } from './shipped.ts'

const WARM_UP = 8000
const ROUNDS = 100
/** Calls of one contender in one round. */
const CALLS = 100
/** Bytes of a usual line, and of a session's state with the longest lists. */
const [LINE, STATE] = [300, 2600]
const CONNECTIONS = 8
const PROCESSES = 2
/** Short rounds, and many: what else this machine does then meets both sides alike. */
const SECONDS = 2
const LOADS = 12

export const bench: Bench = {
  name: 'postgres',
  title: 'recorded calls on PostgreSQL, over its socket, with every commit on disk',
  async run(folder, say) {
    say('starting a server')
    const programs = (await postgresPrograms()).at(-1)
    const server = await startPostgres({ fsync: 'on', shared_buffers: '256MB' }, programs)
    try {
      await server.sql('CREATE DATABASE book')
      await server.sql('CREATE DATABASE plain')
      const one = await oneCall(folder, server, say)
      const many = await manyCalls(folder, server, say)
      return {
        ...many,
        comparisons: [...one, ...many.comparisons],
        notes: [`PostgreSQL ${server.major}`, ...(many.notes ?? [])],
      }
    } finally {
      await server.end()
    }
  },
}

async function oneCall(folder: string, server: TestServer, say: (what: string) => void) {
  const bare = new pg.Client({ connectionString: server.url('plain') })
  await bare.connect()
  await bare.query('CREATE TABLE bare (n bigserial PRIMARY KEY, line text NOT NULL)')
  const insert = { name: 'bare', text: 'INSERT INTO bare (line) VALUES ($1)', values: ['x'.repeat(LINE)] }
  const root = join(folder, 'one')
  mkdirSync(root)
  const book = openBook(root, { store: server.url('book') })
  const context = book.connect({ kind: 'agent', name: 'bench' }, 'default')
  let n = 0
  const call = () => perform(sessionUpdate, context, { current_task_id: `task-${++n}` })
  const commit = () => bare.query(insert)
  try {
    await perform(sessionInitialize, context, { session_type: 'autonomous' })
    say('warming up')
    await times(WARM_UP, call)
    await times(WARM_UP, commit)
    say('measuring one call')
    const taken = await takeTurns(ROUNDS, { call: () => times(CALLS, call), commit: () => times(CALLS, commit) })
    const aim = { kind: 'at most', ratio: 2.5 } as const
    return [compare('ms', ['session_update', taken.call], ['one row inserted and committed', taken.commit], aim)]
  } finally {
    await book.ledger.close()
    await bare.end()
  }
}

/**
 * What a call of a busy session that takes up a task writes, as a hand would write it: its event, the stream's end, and with every
 * sixteenth call the session's state and what is known of the tasks since.
 */
const PGBENCH = `
\\set n :n + 1
\\set nth :n % ${SNAPSHOT_EVERY}
BEGIN;
UPDATE plain_streams SET seq = seq + 1, hash = repeat('0', 64) WHERE project_id = 'p' AND id = 's' || :client_id;
INSERT INTO plain_events (project_id, id, seq, line)
  SELECT 'p', 's' || :client_id, seq, repeat('x', ${LINE}) FROM plain_streams WHERE project_id = 'p' AND id = 's' || :client_id;
\\if :nth = 0
UPDATE plain_sessions SET state = repeat('x', ${STATE}) WHERE project_id = 'p' AND id = 's' || :client_id;
INSERT INTO plain_reports (project_id, id, task_id, status, updated_at)
  SELECT 'p', 's' || :client_id, 'task-' || task, 1, '2026-01-01T00:00:00.000Z'
  FROM plain_streams, generate_series(seq - ${SNAPSHOT_EVERY} + 1, seq) AS task WHERE project_id = 'p' AND id = 's' || :client_id;
\\endif
COMMIT;
`
const PLAIN = `
CREATE TABLE plain_events (project_id text, id text, seq bigint, line text, PRIMARY KEY (project_id, id, seq));
CREATE TABLE plain_streams (project_id text, id text, seq bigint, hash text, PRIMARY KEY (project_id, id));
CREATE TABLE plain_reports (
  project_id text, id text, task_id text, status smallint, updated_at text, PRIMARY KEY (project_id, id, task_id)
);
CREATE INDEX plain_reports_by_task ON plain_reports (project_id, task_id);
CREATE TABLE plain_sessions (project_id text, id text, state text, PRIMARY KEY (project_id, id));
INSERT INTO plain_streams SELECT 'p', 's' || n, 0, '' FROM generate_series(0, ${CONNECTIONS - 1}) AS n;
INSERT INTO plain_sessions SELECT 'p', 's' || n, '' FROM generate_series(0, ${CONNECTIONS - 1}) AS n;
`

async function manyCalls(folder: string, server: TestServer, say: (what: string) => void): Promise<BenchResult> {
  const pgbench = await pgbenchProgram()
  if (pgbench === null) {
    return {
      comparisons: [],
      notes: ['pgbench is not installed here (Debian: postgresql), so eight connections were not measured'],
    }
  }
  await server.sql(PLAIN, 'plain')
  const script = join(folder, 'script.sql')
  writeFileSync(script, PGBENCH)
  const root = join(folder, 'many')
  mkdirSync(root)
  const floor = async () => {
    const load = ['-c', String(CONNECTIONS), '-j', '2', '-T', String(SECONDS)]
    const args = ['-n', '-D', 'n=0', '-M', 'prepared', ...load, '-f', script]
    const where = ['-h', server.socketDir, '-p', String(server.port), '-U', 'admin', 'plain']
    const { stdout } = await promisify(execFile)(pgbench, [...args, ...where])
    return [Number(/tps = ([\d.]+)/.exec(stdout)?.[1])]
  }
  const program = await bundle('postgres-writer.ts', folder)
  const writers = Array.from({ length: PROCESSES }, (_, i) =>
    fork(program, [root, server.url('book'), String(i), String(CONNECTIONS / PROCESSES), String(SECONDS)]),
  )
  say('warming up eight connections')
  /** What they say next, added up. */
  const told = async () => {
    const said = await Promise.all(writers.map((writer) => once(writer, 'message')))
    return said.reduce((sum, [count]) => sum + Number(count), 0)
  }
  const fresh = await told()
  const ours = async () => {
    const counted = told()
    for (const writer of writers) writer.send('go')
    return [(await counted) / SECONDS]
  }
  say('measuring eight connections')
  const taken = await takeTurns(LOADS, { ours, floor })
  const ended = writers.map((writer) => once(writer, 'exit'))
  for (const writer of writers) writer.send('end')
  await Promise.all(ended)
  const aim = { kind: 'at least', ratio: 0.5 } as const
  return {
    measures: [
      {
        what: 'the same while the processes were new',
        unit: 'calls/s',
        median: fresh,
        p99: null,
        samples: 1,
      },
    ],
    comparisons: [
      compare(
        'calls/s',
        [`session_update, ${CONNECTIONS} sessions, a connection each, in ${PROCESSES} processes`, taken.ours],
        [`pgbench with ${CONNECTIONS} connections, the same rows by hand`, taken.floor],
        aim,
      ),
    ],
  }
}

/** It comes with the server's packages, and not with every server. */
async function pgbenchProgram(): Promise<string | null> {
  for (const { postgres } of (await postgresPrograms()).reverse()) {
    const program = join(dirname(postgres), 'pgbench')
    if (existsSync(program)) return program
  }
  return null
}
