import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { v7 } from 'uuid'
import { onTestFinished } from 'vitest'
import type { z } from 'zod'
import { type Connection, type Context, newConnection } from '../../src/app/context.ts'
import { type Operation, perform } from '../../src/app/operation.ts'
import type { Actor } from '../../src/domain/event.ts'
import type { Holder, Liveness } from '../../src/domain/lease.ts'
import { GLOBAL_PROJECT } from '../../src/domain/memory/room.ts'
import { Refusal } from '../../src/domain/refusal.ts'
import { settingsSchema } from '../../src/domain/settings.ts'
import type { Disk } from '../../src/log/disk.ts'
import { nodeDisk } from '../../src/log/disk.ts'
import { ensureBook } from '../../src/log/init.ts'
import { type BookLayout, bookLayout } from '../../src/log/layout.ts'
import { systemIdentity } from '../../src/machine/identity.ts'
import { vocabularyTokens } from '../../src/machine/tokens.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Ledger } from '../../src/ports/ledger.ts'
import type { Processes } from '../../src/ports/processes.ts'
import { SqliteLedger } from '../../src/store/sqlite/ledger.ts'
import type { PausePoint } from '../../src/store/sqlite/read-transaction.ts'

/** Where the test clock begins. */
const START = '2026-11-21T22:00:00.000Z'

export const AGENT: Actor = { kind: 'agent', name: 'test-agent' }

/** A clock that stands still until it is moved. */
export interface TestClock extends Clock {
  /** Lets time pass on both clocks. */
  advance(ms: number): void
  /** Sets the wall clock alone, as a person or NTP does. */
  setWall(iso: string): void
}

export function testClock(start: string = START): TestClock {
  let wall = Date.parse(start)
  let uptime = 1_000_000
  return {
    now: () => new Date(wall).toISOString(),
    uptimeMs: () => uptime,
    advance(ms) {
      wall += ms
      uptime += ms
    },
    setWall(iso) {
      wall = Date.parse(iso)
    },
  }
}

/** A machine whose processes live and die as a test says. */
export interface TestMachine {
  /** A process of this machine; a number that was never used before unless one is named. */
  process(over?: Partial<Holder>): Processes
  /** What everybody finds out about a process from now on. */
  say(holder: Holder, liveness: Liveness): void
}

export function testMachine(): TestMachine {
  const verdicts = new Map<string, Liveness>()
  let nextPid = 1000
  return {
    process(over = {}) {
      const me: Holder = {
        host: 'test-host',
        boot_id: 'boot-1',
        pid_space: 'space-1',
        pid: nextPid++,
        started: '1',
        ...over,
      }
      return { self: () => me, liveness: (holder) => verdicts.get(JSON.stringify(holder)) ?? 'alive' }
    },
    say(holder, liveness) {
      verdicts.set(JSON.stringify(holder), liveness)
    },
  }
}

/** Numbers in [0, 1), the same in each run. */
export function seededRandom(seed = 1): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

/** A folder of its own for one test, removed when the test is over. Its path has no symbolic link in it. */
export function tempFolder(prefix = 'rutter-test-'): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), prefix)))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface LedgerOptions {
  readonly processes?: Processes
  readonly place?: string
  readonly clock?: Clock
  readonly disk?: Disk
  readonly lease_ttl_ms?: number
  readonly pausePoint?: (point: PausePoint) => void
}

/** A book in a temporary folder, with a clock and a machine that obey the test. */
export interface TestBook {
  readonly root: string
  readonly layout: BookLayout
  readonly clock: TestClock
  readonly machine: TestMachine
  readonly project_id: string
  /** Another instance on this book, as another process would open it; closed with the test. */
  open(options?: LedgerOptions): SqliteLedger
  /** The path of a session's record. */
  path(sessionId: string): string
  bytes(sessionId: string): Buffer
  lines(sessionId: string): string[]
}

export interface BookOptions {
  readonly root?: string
  readonly clock?: TestClock
  readonly machine?: TestMachine
  readonly project_id?: string
  /** Where what is global is kept; else beside the book. */
  readonly global_root?: string
}

export function testBook(options: BookOptions = {}): TestBook {
  const root = options.root ?? tempFolder()
  const clock = options.clock ?? testClock()
  const machine = options.machine ?? testMachine()
  const project_id = options.project_id ?? 'test-project'
  const layout = bookLayout(join(root, '.bot'))
  const globalLayout = bookLayout(options.global_root ?? join(root, 'global'))
  const path = (sessionId: string) => layout.record({ kind: 'session', id: sessionId })
  return {
    root,
    layout,
    clock,
    machine,
    project_id,
    open(over = {}) {
      const processes = over.processes ?? machine.process()
      const parts = { clock, lease_ttl_ms: 60_000, processes, ...over }
      const global = new SqliteLedger({
        ...parts,
        project_id: GLOBAL_PROJECT,
        place: 'global-place',
        layout: globalLayout,
        prepare: () => ensureBook(nodeDisk, globalLayout, 'global'),
      })
      const ledger = new SqliteLedger({
        project_id,
        place: 'this-place',
        layout,
        prepare: () => ensureBook(nodeDisk, layout, project_id),
        global,
        ...parts,
      })
      onTestFinished(() => ledger.close())
      return ledger
    },
    path,
    bytes: (sessionId) => readFileSync(path(sessionId)),
    lines: (sessionId) => readFileSync(path(sessionId), 'utf8').split('\n').slice(0, -1),
  }
}

/** One connection to a ledger, with everything that operations need and nothing that is not in the test's hand. */
export interface TestContext extends Context {
  readonly connection: Connection
  /** Calls an operation as every face does. */
  call<Input extends z.ZodType, Output extends z.ZodType>(
    operation: Operation<Input, Output>,
    input?: unknown,
  ): Promise<z.infer<Output>>
}

export function testContext(
  ledger: Ledger,
  clock: Clock,
  over: { slot?: string; actor?: Actor; random?: () => number; max_consecutive_failures?: number } = {},
): TestContext {
  const { slot = 'default', actor = AGENT, random = Math.random, ...settings } = over
  const context: Context = {
    ledger,
    clock,
    prices: { estimate: async () => null },
    redactor: { redact: async (value) => value },
    settings: settingsSchema.parse({ project_id: ledger.project_id, ...settings }),
    random,
    identity: systemIdentity(() => v7()),
    tokens: vocabularyTokens(),
    connection: newConnection(actor, slot),
  }
  return { ...context, call: (operation, input) => perform(operation, context, input) }
}

/** The refusal that a call ends in; anything else is thrown as the test's failure. */
export async function refusalOf(call: Promise<unknown> | (() => unknown)): Promise<Refusal> {
  let result: unknown
  try {
    result = await (typeof call === 'function' ? call() : call)
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error(`The call was to be refused and gave ${JSON.stringify(result)}.`)
}
