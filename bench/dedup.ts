/** save_decision on PostgreSQL, by the number of projects that share the database, each with what it has learned. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { perform } from '../src/app/operation.ts'
import { saveDecision } from '../src/app/operations/save_decision.ts'
import { openBook } from '../src/wire.ts'
import { postgresPrograms, startPostgres, type TestServer } from '../test/support/postgres-server.ts'
import { DECISIONS_EACH, familiesOf, projectOf } from './dedup-data.ts'
import { type Aim, type Bench, type BenchResult, compare, takeTurns, times } from './harness.ts'
import { decisionOf } from './memory-data.ts'
import type { Families } from './similarity-data.ts'

const AIMED_AT = 1000
/** For a quick try: fewer projects in the larger database. The aim is then not judged. */
const MANY = Number(process.env['RUTTER_BENCH_PROJECTS'] ?? AIMED_AT)
const FEW = 10
/** Decisions of a project that are recorded with one commit. */
const STEP = 500
const ROUNDS = 15
/** Projects, drawn at random, that one round saves into, in each database. */
const PROJECTS = 5
/** Saves into each of them: those until every statement has its lasting plan, and those that count. */
const [WARM_UP, CALLS] = [8, 8]
const AIM: Aim = { kind: 'at most', ratio: 1.5 }
/** A server of some size, so that what is measured is a database in use and not one that waits for its checkpoints. */
const SETTINGS = { fsync: 'on', shared_buffers: '2GB', max_wal_size: '8GB', checkpoint_timeout: '15min' }

export const bench: Bench = {
  name: 'dedup',
  title: `save_decision on PostgreSQL with ${decisionsOf(MANY)} decisions of ${MANY} projects known, against ${decisionsOf(FEW)} of ${FEW}`,
  async run(folder, say) {
    if (!Number.isInteger(MANY) || MANY < PROJECTS) {
      throw new Error(
        `RUTTER_BENCH_PROJECTS is a whole number of at least ${PROJECTS}, not "${process.env['RUTTER_BENCH_PROJECTS']}".`,
      )
    }
    const server = await startPostgres(SETTINGS, (await postgresPrograms()).at(-1))
    try {
      await fill(server, 'few', FEW, say)
      const seconds = await fill(server, 'many', MANY, say)
      const result = await compareSaves(folder, server, { few: FEW, many: MANY }, say)
      return {
        ...result,
        notes: [
          ...(result.notes ?? []),
          `recording the ${decisionsOf(MANY)} decisions took ${seconds.toFixed(0)} s`,
          ...(MANY === AIMED_AT ? [] : [`the aim is for ${AIMED_AT} projects: leave RUTTER_BENCH_PROJECTS out`]),
        ],
      }
    } finally {
      await server.end()
    }
  },
}

/** Makes a database, has projects record in it what they have learned, and lets it settle. Gives the seconds of the recording. */
async function fill(server: TestServer, database: string, projects: number, say: (what: string) => void) {
  await server.sql(`CREATE DATABASE ${database}`)
  const url = server.url(database)
  const started = performance.now()
  const workers = Math.min(2, availableParallelism())
  let [recorded, next] = [0, 0]
  const fills = Array.from({ length: workers }, async (_, i) => {
    const [first, past] = [i, i + 1].map((share) => Math.floor((share * projects) / workers))
    const worker = fork(join(import.meta.dirname, 'dedup-fill.ts'), [url, first, past, STEP].map(String))
    worker.on('message', (decisions) => {
      recorded += Number(decisions)
      if (recorded < next) return
      say(`${recorded} of ${decisionsOf(projects)} decisions`)
      next += 10_000
    })
    const [code] = await once(worker, 'exit')
    if (code !== 0) throw new Error(`The process that records what projects have learned ended with ${code}.`)
  })
  await Promise.all(fills)
  const seconds = (performance.now() - started) / 1000
  say('letting the database settle')
  await server.sql('VACUUM (ANALYZE)', database)
  await server.sql('CHECKPOINT')
  const busy = "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
  while ((await server.sql(busy)).length > 0) await sleep(500)
  return seconds
}

/** Saves into projects of both databases in turns. */
async function compareSaves(
  folder: string,
  server: TestServer,
  projects: Readonly<Record<'few' | 'many', number>>,
  say: (what: string) => void,
): Promise<BenchResult> {
  const outcomes = new Map<string, number>()
  const saverOf = (database: 'few' | 'many') => {
    // Kept, so that a project that is drawn again is told something new.
    const drawn = new Map<number, Families>()
    return async () => {
      const timings: number[] = []
      for (let i = 0; i < PROJECTS; i++) {
        const n = Math.floor(Math.random() * projects[database])
        const families = drawn.get(n) ?? startedOf(n)
        drawn.set(n, families)
        const root = join(folder, database, projectOf(n))
        mkdirSync(root, { recursive: true })
        const book = openBook(root, { store: server.url(database), project_id: projectOf(n) })
        const context = book.connect({ kind: 'agent', name: 'bench' }, 'default')
        const save = async () => {
          const { status, dedup_outcome } = await perform(saveDecision, context, {
            decision: decisionOf(families.another()),
          })
          const outcome = dedup_outcome ?? status
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        }
        await times(WARM_UP, save)
        timings.push(...(await times(CALLS, save)))
        await book.ledger.close()
      }
      return timings
    }
  }
  const count = async (database: 'few' | 'many') =>
    Number((await server.sql('SELECT count(*) AS n FROM rutter.artifacts', database))[0]?.['n'])
  const known = { few: await count('few'), many: await count('many') }
  say('measuring')
  const taken = await takeTurns(ROUNDS, { many: saverOf('many'), few: saverOf('few') })
  return {
    comparisons: [
      compare(
        'ms',
        [`with ${known.many} decisions of ${projects.many} projects`, taken.many],
        [`with ${known.few} decisions of ${projects.few} projects`, taken.few],
        projects.many === AIMED_AT ? AIM : null,
      ),
    ],
    checks: (['few', 'many'] as const).map((database) => ({
      what: `the database with ${projects[database]} projects knew ${decisionsOf(projects[database])} decisions at the beginning`,
      ok: known[database] === decisionsOf(projects[database]),
    })),
    notes: [
      `PostgreSQL ${server.major}, ${Object.entries(SETTINGS)
        .map((setting) => setting.join(' = '))
        .join(', ')}; measured after VACUUM (ANALYZE) and a checkpoint`,
      `what became of the saves: ${[...outcomes].map(([outcome, n]) => `${outcome} ${n}`).join(', ')}`,
    ],
  }
}

function decisionsOf(projects: number): number {
  return projects * DECISIONS_EACH
}

/** The families of a project that has recorded its decisions. */
function startedOf(n: number): Families {
  const families = familiesOf(n)
  for (const _ of families.decisions(DECISIONS_EACH));
  return families
}
