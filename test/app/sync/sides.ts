import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Synced, sync } from '../../../src/app/operator/sync.ts'
import { systemIdentity } from '../../../src/machine/identity.ts'
import type { Copyable } from '../../../src/ports/log-copy.ts'
import { PostgresLedger, type PostgresLedgerOptions } from '../../../src/store/postgres/ledger.ts'
import { type TestBook, testBook, testMachine } from '../../support/book.ts'
import { testDatabase } from '../../support/postgres.ts'

export interface Team {
  readonly url: string
  /** Another instance on the database, as another process would open it. */
  open(over?: Partial<PostgresLedgerOptions>): PostgresLedger
  sql(text: string): Promise<Record<string, unknown>[]>
}

/** A team's database, empty. */
export async function team(): Promise<Team> {
  const { url, name, server } = await testDatabase()
  const machine = testMachine()
  return {
    url,
    open(over = {}) {
      const parts = { project_id: 'test-project', place: 'team-place', processes: machine.process() }
      const ledger = new PostgresLedger({ url, lease_ttl_ms: 60_000, ...parts, ...over })
      onTestFinished(() => ledger.close())
      return ledger
    },
    sql: (text) => server.sql(text, name),
  }
}

const { digest } = systemIdentity(() => '')

export function bringTogether(here: Copyable, there: Copyable, dryRun = false): Promise<Synced> {
  return sync(here.copyOf('own'), there.copyOf('own'), { dry_run: dryRun, digest })
}

/** Every file of a book's record folders, by name. */
export function filesOf({ layout }: TestBook): Record<string, string> {
  const folders = [layout.folder('session'), layout.folder('memory')].filter((folder) => existsSync(folder))
  return Object.fromEntries(
    folders.flatMap((folder) => {
      const names = readdirSync(folder, { withFileTypes: true }).flatMap((file) => (file.isFile() ? [file.name] : []))
      return names.map((name) => [name, readFileSync(join(folder, name), 'utf8')])
    }),
  )
}

/** Every line of a project's log, by stream. */
export async function linesIn({ sql }: Team, project = 'test-project'): Promise<Record<string, string>> {
  const rows = await sql(
    `SELECT id, string_agg(line || E'\\n', '' ORDER BY seq) AS lines FROM rutter.events
     WHERE project_id = '${project}' GROUP BY id ORDER BY id`,
  )
  return Object.fromEntries(rows.map(({ id, lines }) => [`${id}.jsonl`, String(lines)]))
}

/** A clone of the same project on another machine. */
export function anotherClone(book: TestBook): TestBook {
  return testBook({ clock: book.clock, machine: book.machine })
}
