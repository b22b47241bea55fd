import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { sessionIncrementCompleted } from '../../src/app/operations/session_increment_completed.ts'
import { sessionInitialize } from '../../src/app/operations/session_initialize.ts'
import { sessionUpdate } from '../../src/app/operations/session_update.ts'
import type { NewEvent } from '../../src/domain/event.ts'
import type { Ledger } from '../../src/ports/ledger.ts'
import type { SqliteLedger } from '../../src/store/sqlite/ledger.ts'
import { linesOf, walk, write } from '../log/records.ts'
import { type LedgerOptions, type TestBook, type TestContext, testContext } from '../support/book.ts'

/** A session at work, in a ledger of its own. */
export interface Run {
  readonly id: string
  readonly ledger: SqliteLedger
  readonly context: TestContext
}

/** Starts a session and lets it complete two tasks: seven events in six steps. */
export async function startRun(book: TestBook, over: { slot?: string } & LedgerOptions = {}): Promise<Run> {
  const { slot = 'default', ...options } = over
  const ledger = book.open(options)
  const context = testContext(ledger, book.clock, { slot })
  const { session_id: id } = await context.call(sessionInitialize, { session_type: 'autonomous' })
  for (const task of ['t-1', 't-2']) {
    book.clock.advance(60_000)
    await context.call(sessionUpdate, { current_task_id: task })
    await context.call(sessionIncrementCompleted)
  }
  // An answer may leave before the store has followed: what a test does to the files next comes after that.
  await ledger.read(async () => {})
  return { id, ledger, context }
}

export async function stop({ context }: Run): Promise<void> {
  await context.call(sessionUpdate, { status: 'stopped' })
  await context.ledger.read(async () => {})
}

export const stateOf = (ledger: Ledger, id: string) => ledger.read((book) => book.session(id))
export const leasesOf = (ledger: Ledger) => ledger.read((book) => book.leases())

/** Replaces a file as git does: another file takes the name. */
export function put(path: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.git-tmp`, bytes)
  renameSync(`${path}.git-tmp`, path)
}

/** The first lines of a record. */
export const firstLines = (bytes: Buffer, count: number): Buffer => Buffer.concat(linesOf(bytes).slice(0, count))

/** A record with further steps behind it, as another process or another clone would write them. */
export function extended(bytes: Buffer, ...steps: (readonly NewEvent[])[]): Buffer {
  return Buffer.concat([bytes, write(steps, walk(bytes).reading.head).bytes])
}

export const failed = (message: string): NewEvent[] => [
  { type: 'task.failed', data: { task_id: null, error: { message, kind: null, detail: null } } },
]

export const readBytes = (path: string): Buffer => readFileSync(path)
