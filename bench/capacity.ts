/** What a team's database grows by, and what a call costs it: the figures that docs/scale.md reckons with. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { perform } from '../src/app/operation.ts'
import { saveDecision } from '../src/app/operations/save_decision.ts'
import { sessionIncrementCompleted } from '../src/app/operations/session_increment_completed.ts'
import { sessionInitialize } from '../src/app/operations/session_initialize.ts'
import { sessionRecordTurn } from '../src/app/operations/session_record_turn.ts'
import { sessionUpdate } from '../src/app/operations/session_update.ts'
import { steeringHeartbeat } from '../src/app/operations/steering_heartbeat.ts'
import { taskMarkDone } from '../src/app/operations/task_mark_done.ts'
import { type Book, openBook } from '../src/wire.ts'
import { postgresPrograms, startPostgres, type TestServer } from '../test/support/postgres-server.ts'
import { type Bench, type Measure, measure, times } from './harness.ts'
import { decisionOf } from './memory-data.ts'
import { Families } from './similarity-data.ts'

/** Runs as agents make them: so many tasks in each, with so many turns and one heartbeat to a task. */
const [SESSIONS, TASKS, TURNS] = [120, 10, 3]
const DECISIONS = 1500
/** Agents that work at once. */
const AGENTS = 4
/** Calls of one kind, for what one costs. */
const CALLS = 1200
const RENEWALS = 100
/** Agents at work in one project, each with a slot. */
const SLOTS = [100, 1000, 10_000]

type Context = ReturnType<ReturnType<typeof openBook>['connect']>

export const bench: Bench = {
  name: 'capacity',
  title: `what ${SESSIONS} sessions of ${TASKS} tasks with ${TURNS} turns each, and ${DECISIONS} decisions, leave in PostgreSQL`,
  async run(folder, say) {
    // No checkpoint in between: behind each one a page is written whole once more, which depends on how often they come.
    const settings = { fsync: 'on', shared_buffers: '256MB', max_wal_size: '4GB', checkpoint_timeout: '1h' }
    const server = await startPostgres(settings, (await postgresPrograms()).at(-1))
    try {
      await server.sql('CREATE DATABASE book')
      const root = join(folder, 'book')
      mkdirSync(root)
      const book = openBook(root, { store: server.url('book') })
      const agents = Array.from({ length: AGENTS }, (_, i) =>
        book.connect({ kind: 'agent', name: 'bench' }, `slot-${i}`),
      )
      await book.ledger.openGlobal()
      say('working through sessions')
      const empty = await sizes(server)
      await inParallel(agents, SESSIONS, (agent, n) => wholeSession(agent, n))
      const worked = await sizes(server)
      say('saving decisions')
      const families = new Families()
      for (const _ of families.decisions(DECISIONS));
      const save = (agent: Context) => perform(saveDecision, agent, { decision: decisionOf(families.another()) })
      await inParallel(agents.slice(0, 1), DECISIONS, save)
      const learned = await sizes(server)
      const counts = await counted(server)
      say('measuring calls')
      const costs = await costsOfCalls(server, agents)
      const renewals = await costOfRenewals(server, book, book.connect({ kind: 'agent', name: 'bench' }, 'renewed'))
      await book.ledger.close()
      return {
        comparisons: [],
        measures: [...growth(empty, worked, learned, counts), ...costs, ...renewals],
        notes: [
          `PostgreSQL ${server.major}; sizes are of tables with their indexes after VACUUM; of those that each call changes after VACUUM FULL`,
          `rows written anew on their own page, with no index touched (HOT): ${await hotUpdates(server)}`,
        ],
      }
    } finally {
      await server.end()
    }
  },
}

async function wholeSession(agent: Context, n: number): Promise<void> {
  const { session_id } = await perform(sessionInitialize, agent, { session_type: 'autonomous' })
  for (let task = 0; task < TASKS; task++) {
    const task_id = `release-${n}-step-${task}`
    await perform(sessionUpdate, agent, { current_task_id: task_id })
    for (let turn = 0; turn < TURNS; turn++) await perform(sessionRecordTurn, agent, turnOf(`req_${task_id}_${turn}`))
    await perform(steeringHeartbeat, agent, { session_id, status: `at work on ${task_id}` })
    await perform(sessionIncrementCompleted, agent, {})
    await perform(taskMarkDone, agent, { task_id })
  }
  await perform(sessionUpdate, agent, { status: 'stopped' })
}

function turnOf(request_id: string) {
  const tokens = { input_tokens: 1234, output_tokens: 345, cache_read_tokens: 20_480, cache_write_tokens: 912 }
  return { provider: 'anthropic', model: 'claude-sonnet-4-5', stop_reason: 'tool_use', request_id, ...tokens }
}

/** Rows that are changed by each call, or go with the session; what is left of old ones is used again for the next, so it is no growth. */
const OF_SESSIONS = ['sessions', 'streams', 'slots', 'heartbeats', 'search_docs', 'turn_requests']

/** Bytes of each table with its indexes, once what is dead is free again. */
async function sizes(server: TestServer): Promise<Map<string, number>> {
  // An empty table that was vacuumed is planned for as one that stays empty.
  const used = await server.sql(`SELECT relname AS name FROM ${TABLES} AND pg_relation_size(oid) > 0`, 'book')
  for (const table of used.map(({ name }) => String(name))) {
    await server.sql(`VACUUM (ANALYZE${OF_SESSIONS.includes(table) ? ', FULL' : ''}) rutter.${table}`, 'book')
  }
  const rows = await server.sql(`SELECT relname AS name, pg_total_relation_size(oid) AS bytes FROM ${TABLES}`, 'book')
  return new Map(rows.map(({ name, bytes }) => [String(name), Number(bytes)]))
}

const TABLES = `pg_class WHERE relnamespace = 'rutter'::regnamespace AND relkind = 'r'`

async function counted(server: TestServer) {
  const [row = {}] = await server.sql(
    `SELECT (SELECT avg(octet_length(line)) FROM rutter.events WHERE kind = 'session') AS line,
       (SELECT count(*) FROM rutter.events WHERE kind = 'session') AS events,
       (SELECT count(*) FROM rutter.task_reports) AS tasks,
       (SELECT count(*) FROM rutter.artifacts) AS decisions`,
    'book',
  )
  const of = (name: string) => Number(row[name])
  return { line: of('line'), events: of('events'), tasks: of('tasks'), decisions: of('decisions') }
}

type Sizes = ReadonlyMap<string, number>

function growth(empty: Sizes, worked: Sizes, learned: Sizes, counts: Awaited<ReturnType<typeof counted>>): Measure[] {
  const added = (tables: readonly string[], from: Sizes, to: Sizes) =>
    tables.reduce((sum, table) => sum + (to.get(table) ?? 0) - (from.get(table) ?? 0), 0)
  const work = (...tables: string[]) => added(tables, empty, worked)
  const rest = [...learned.keys()].filter((table) => table !== 'events')
  return [
    bytes('an event of a session: its line', counts.line, counts.events),
    bytes('an event of a session: in the log, with its index', work('events') / counts.events, counts.events),
    bytes('a task, beside its events', work('task_reports') / counts.tasks, counts.tasks),
    bytes('a session, beside all of these', work(...OF_SESSIONS) / SESSIONS, SESSIONS),
    bytes('a session, all in all', work(...worked.keys()) / SESSIONS, SESSIONS),
    bytes('a decision: in the log', added(['events'], worked, learned) / counts.decisions, counts.decisions),
    bytes('a decision: memory and its indexes', added(rest, worked, learned) / counts.decisions, counts.decisions),
  ]
}

/** What one call of each kind writes to the server's journal, and the processor time that it takes there and here. */
async function costsOfCalls(server: TestServer, agents: readonly Context[]): Promise<Measure[]> {
  const sessions = new Map<Context, string>()
  for (const agent of agents) {
    const { session_id } = await perform(sessionInitialize, agent, { session_type: 'autonomous' })
    sessions.set(agent, session_id)
  }
  const families = new Families(2)
  for (const _ of families.decisions(DECISIONS));
  const kinds: Record<string, (agent: Context, n: number) => Promise<unknown>> = {
    'session_update that starts a task': (agent, n) => perform(sessionUpdate, agent, { current_task_id: `task-${n}` }),
    session_record_turn: (agent, n) => perform(sessionRecordTurn, agent, turnOf(`req_cost_${n}`)),
    steering_heartbeat: (agent, n) =>
      perform(steeringHeartbeat, agent, { session_id: sessions.get(agent) ?? '', status: `at work on step ${n}` }),
    save_decision: (agent) => perform(saveDecision, agent, { decision: decisionOf(families.another()) }),
  }
  const measures: Measure[] = []
  let n = 0
  for (const [name, call] of Object.entries(kinds)) {
    await inParallel(agents, CALLS / 4, (agent) => call(agent, ++n))
    const wal = await journal(server)
    const there = serverSeconds(server)
    const here = process.cpuUsage()
    await inParallel(agents, CALLS, (agent) => call(agent, ++n))
    const { user, system } = process.cpuUsage(here)
    measures.push(bytes(`${name}: written to the server's journal`, ((await journal(server)) - wal) / CALLS, CALLS))
    const after = serverSeconds(server)
    if (there !== null && after !== null) {
      measures.push(milliseconds(`${name}: processor time of the server`, ((after - there) * 1000) / CALLS))
    }
    measures.push(milliseconds(`${name}: processor time of the agent's process`, (user + system) / 1000 / CALLS))
  }
  for (const agent of agents) await perform(sessionUpdate, agent, { status: 'stopped' })
  return measures
}

/** Where a row is changed by each call, how many of these changes cost no index anything. */
async function hotUpdates(server: TestServer): Promise<string> {
  // The server's processes say what they did once they have nothing to do, and when they end.
  await sleep(1500)
  const rows = await server.sql(
    `SELECT relname, n_tup_upd AS updates, n_tup_hot_upd AS hot FROM pg_stat_user_tables
     WHERE schemaname = 'rutter' AND n_tup_upd > ${SESSIONS * TASKS} ORDER BY relname`,
    'book',
  )
  return rows
    .map((row) => `${row['relname']} ${Math.round((100 * Number(row['hot'])) / Number(row['updates']))} %`)
    .join(', ')
}

/** What a process does for its lock every third of `lease_seconds`, by the number of agents of its project. */
async function costOfRenewals(server: TestServer, book: Book, agent: Context): Promise<Measure[]> {
  await perform(sessionInitialize, agent, { session_type: 'autonomous' })
  const measures: Measure[] = []
  for (const slots of SLOTS) {
    const others = `INSERT INTO rutter.slots (project_id, slot, token, session_id, holder, locked_at, renewed_at, ttl_ms)
      SELECT $p$${book.ledger.project_id}$p$, 'other-' || n, 1, gen_random_uuid(), '{"host":"machine-' || n || '"}', now(), now(), 60000
      FROM generate_series(1, ${slots}) AS n ON CONFLICT DO NOTHING`
    await server.sql(others, 'book')
    await server.sql('VACUUM (ANALYZE) rutter.slots', 'book')
    await times(RENEWALS / 4, () => book.ledger.renewLeases())
    const taken = [await times(RENEWALS, () => book.ledger.renewLeases())]
    measures.push(measure(`a process renews its lock, with ${slots} agents in its project`, 'ms', taken))
  }
  await perform(sessionUpdate, agent, { status: 'stopped' })
  return measures
}

async function journal(server: TestServer): Promise<number> {
  return Number((await server.sql("SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes"))[0]?.['bytes'])
}

/** Processor time of the server and all of its processes so far; `null` where the system has no /proc to ask. */
function serverSeconds({ dataDir }: TestServer): number | null {
  if (!existsSync('/proc/self/stat')) return null
  const [postmaster = ''] = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')
  let ticks = 0
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = statOf(pid)
    if (stat === null) continue
    const [, parent, ...rest] = stat
    if (pid !== postmaster && parent !== postmaster) continue
    // utime, stime; and of the children that have ended, whose parent keeps them.
    for (const column of [9, 10, ...(pid === postmaster ? [11, 12] : [])]) ticks += Number(rest[column])
  }
  return ticks / TICKS_A_SECOND
}

const TICKS_A_SECOND = 100

/** The columns behind the program's name, which may have anything in it; `null` where the process has ended meanwhile. */
function statOf(pid: string): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}

/** `count` pieces of work, each by whichever agent is free. */
async function inParallel(
  agents: readonly Context[],
  count: number,
  work: (agent: Context, n: number) => Promise<unknown>,
): Promise<void> {
  let taken = 0
  await Promise.all(
    agents.map(async (agent) => {
      while (taken < count) await work(agent, taken++)
    }),
  )
}

function bytes(what: string, each: number, samples: number): Measure {
  return { what, unit: 'bytes', median: each, p99: null, samples }
}

function milliseconds(what: string, each: number): Measure {
  return { what, unit: 'ms', median: each, p99: null, samples: CALLS }
}
