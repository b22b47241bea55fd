import { onTestFinished } from 'vitest'
import { GLOBAL_PROJECT } from '../../src/domain/memory/room.ts'
import type { Ledger } from '../../src/ports/ledger.ts'
import { PostgresLedger } from '../../src/store/postgres/ledger.ts'
import { type BookOptions, type LedgerOptions, testClock, testMachine } from './book.ts'
import { sharedServer } from './postgres.ts'
import type { TestServer } from './postgres-server.ts'
import type { AnyEvent } from './records.ts'
import type { AnyBook, Share } from './stores.ts'

const TEMPLATE = 'migrated'

/** Databases of one server: those that are wiped and free, and how many there are. */
interface Stock {
  readonly server: TestServer
  readonly free: string[]
  made: number
  /** The statement that empties one. */
  readonly wipe: string
}

const stocks = new WeakMap<TestServer, Promise<Stock>>()

async function newStock(server: TestServer): Promise<Stock> {
  await server.sql(`CREATE DATABASE ${TEMPLATE}`)
  const processes = testMachine().process()
  const parts = { url: server.url(TEMPLATE), project_id: 'none', place: 'none', processes, lease_ttl_ms: 1 }
  const ledger = new PostgresLedger(parts)
  await ledger.openGlobal()
  await ledger.close()
  const tables = await server.sql(
    `SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'rutter' AND tablename <> 'meta'`,
    TEMPLATE,
  )
  // Faster than TRUNCATE where tables have a few rows, and than another database.
  const wipe = tables.map(({ tablename }) => `DELETE FROM rutter.${tablename}`).join('; ')
  return { server, free: [], made: 0, wipe }
}

function stockOf(server: TestServer): Promise<Stock> {
  const stock = stocks.get(server) ?? newStock(server)
  stocks.set(server, stock)
  return stock
}

/** A database that some books are in, with Rutter's tables and nothing else in them at first. */
interface Database {
  readonly ready: Promise<{ readonly stock: Stock; readonly name: string }>
  readonly ledgers: Promise<Ledger>[]
  /** Closes its ledgers and gives it back. */
  end(): Promise<void>
}

function emptyDatabase(): Database {
  const take = async () => {
    const stock = await stockOf(await sharedServer())
    const free = stock.free.pop()
    if (free !== undefined) return { stock, name: free }
    const name = `book_${++stock.made}`
    await stock.server.sql(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`)
    return { stock, name }
  }
  const ready = take()
  const ledgers: Promise<Ledger>[] = []
  let ended: Promise<void> | undefined
  const giveBack = async () => {
    const { stock, name } = await ready
    for (const ledger of ledgers) await (await ledger).close()
    await stock.server.sql(stock.wipe, name)
    stock.free.push(name)
  }
  const end = () => {
    ended ??= giveBack()
    return ended
  }
  onTestFinished(end)
  return { ready, ledgers, end }
}

/** By the roots of the books that are in them. */
const databases = new Map<string, Database>()
let roots = 0

/** A book in a PostgreSQL database, like `testBook`. Leases go by the database's clock; nothing else does. */
export function postgresBook({ project_id = 'test-project', ...options }: BookOptions = {}): AnyBook {
  // What is global is one for all projects of a database.
  const root = options.root ?? options.global_root ?? `database ${++roots}`
  const database = databases.get(root) ?? emptyDatabase()
  databases.set(root, database)
  const clock = options.clock ?? testClock()
  const machine = options.machine ?? testMachine()
  const projectOf = (share: Share) => (share === 'own' ? project_id : GLOBAL_PROJECT)
  const rows = async (text: string, of = database) => {
    const { stock, name } = await of.ready
    return await stock.server.sql(text, name)
  }
  return {
    ...{ root, clock, machine, project_id, end: database.end },
    open(over = {}) {
      const processes = over.processes ?? machine.process()
      return ledgerIn(database, { project_id, processes, ...over })
    },
    streams: async (kind = 'memory', share = 'own') => {
      const of = `project_id = '${projectOf(share)}' AND kind = '${kind}'`
      return (await rows(`SELECT id FROM rutter.streams WHERE ${of} ORDER BY id`)).map(({ id }) => String(id))
    },
    events: async (kind = 'memory', share = 'own') => {
      const of = `project_id = '${projectOf(share)}' AND kind = '${kind}'`
      const lines = await rows(`SELECT line FROM rutter.events WHERE ${of} ORDER BY id, seq`)
      return lines.map(({ line }) => JSON.parse(String(line)) as AnyEvent)
    },
    pull: async (from, share = 'own') => {
      const project = projectOf(share)
      const source = databases.get(from.root)
      const of = `project_id = '${project}' AND kind = 'memory'`
      for (const { table, key, put } of LOG) {
        const [theirs] = await rows(`SELECT json_agg(t)::text AS all FROM rutter.${table} AS t WHERE ${of}`, source)
        const given = `json_populate_recordset(NULL::rutter.${table}, ${literal(String(theirs?.['all'] ?? '[]'))})`
        await rows(`INSERT INTO rutter.${table} SELECT * FROM ${given} ON CONFLICT (${key}) DO ${put}`)
      }
      await ledgerIn(database, { project_id: project, processes: machine.process() }).rebuild()
    },
  }
}

/** The tables of the log. Of two copies of a stream the longer one is taken. */
const LOG = [
  { table: 'events', key: 'project_id, kind, id, seq', put: 'NOTHING' },
  {
    table: 'streams',
    key: 'project_id, kind, id',
    put: 'UPDATE SET seq = excluded.seq, hash = excluded.hash WHERE excluded.seq > streams.seq',
  },
] as const

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A ledger in a database that may still be on its way; what is asked waits for it. */
function ledgerIn(
  database: Database,
  { project_id, place = 'this-place', lease_ttl_ms = 60_000, processes }: LedgerOptions & Opened,
): Ledger {
  const opened = database.ready.then(({ stock, name }): Ledger => {
    return new PostgresLedger({ url: stock.server.url(name), project_id, place, processes, lease_ttl_ms })
  })
  database.ledgers.push(opened)
  const method =
    (name: (typeof ASKED)[number]) =>
    async (...given: unknown[]) => {
      const ledger = await opened
      return await (ledger[name] as (...given: unknown[]) => Promise<unknown>).apply(ledger, given)
    }
  const methods = Object.fromEntries(ASKED.map((name) => [name, method(name)]))
  const watch: Ledger['watch'] = async function* (...given) {
    yield* (await opened).watch(...given)
  }
  return { project_id, place, repairs: () => [], watch, ...methods } as Partial<Ledger> as Ledger
}

/** What is answered by a promise anyway. */
const ASKED = [
  ...(['write', 'read', 'writeWithGlobal', 'readWithGlobal', 'openGlobal', 'renewLeases', 'history'] as const),
  ...(['verify', 'rebuild', 'lacking', 'writeBack', 'purge', 'close'] as const),
]

type Opened = Pick<Ledger, 'project_id'> & Required<Pick<LedgerOptions, 'processes'>>
