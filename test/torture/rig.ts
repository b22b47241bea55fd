import { join } from 'node:path'
import { v7 } from 'uuid'
import { type Connection, type Context, newConnection } from '../../src/app/context.ts'
import type { Actor } from '../../src/domain/event.ts'
import { GLOBAL_PROJECT } from '../../src/domain/memory/room.ts'
import { settingsSchema } from '../../src/domain/settings.ts'
import { type Disk, nodeDisk } from '../../src/log/disk.ts'
import { ensureBook } from '../../src/log/init.ts'
import { bookLayout } from '../../src/log/layout.ts'
import { systemClock } from '../../src/machine/clock.ts'
import { systemIdentity } from '../../src/machine/identity.ts'
import { systemProcesses } from '../../src/machine/processes.ts'
import { vocabularyTokens } from '../../src/machine/tokens.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Processes } from '../../src/ports/processes.ts'
import { SqliteLedger } from '../../src/store/sqlite/ledger.ts'
import type { PausePoint } from '../../src/store/sqlite/read-transaction.ts'
import type { Random } from './random.ts'

export interface RigOptions {
  /** The project's folder. */
  readonly root: string
  readonly actor: Actor
  readonly slot?: string
  readonly ttl_ms?: number
  readonly clock?: Clock
  readonly processes?: Processes
  readonly disk?: Disk
  readonly pausePoint?: (point: PausePoint) => void
}

/** The folder of the book that all projects share: beside the project's, in the folder of the round. */
export function globalFolder(root: string): string {
  return join(root, 'global')
}

export interface Rig extends Context {
  readonly ledger: SqliteLedger
  readonly global: SqliteLedger
  readonly connection: Connection
}

/** The real program from the operations down, as `wire.ts` builds it, with what breaks put in where the system would be. */
export function openRig(options: RigOptions): Rig {
  const layout = bookLayout(join(options.root, '.bot'))
  const globalLayout = bookLayout(globalFolder(options.root))
  const disk = options.disk ?? nodeDisk
  const clock = options.clock ?? systemClock()
  const ours = {
    clock,
    processes: options.processes ?? systemProcesses(),
    lease_ttl_ms: options.ttl_ms ?? 60_000,
    disk,
    pausePoint: options.pausePoint ?? (() => {}),
  }
  const global = new SqliteLedger({
    ...ours,
    project_id: GLOBAL_PROJECT,
    place: 'torture-global',
    layout: globalLayout,
    prepare: () => void ensureBook(nodeDisk, globalLayout, 'global'),
  })
  const ledger = new SqliteLedger({
    ...ours,
    project_id: 'torture',
    place: 'torture-place',
    layout,
    prepare: () => void ensureBook(nodeDisk, layout, 'torture'),
    global,
  })
  const settings = settingsSchema.parse({ project_id: 'torture' })
  return {
    ledger,
    global,
    clock,
    settings,
    prices: { estimate: async () => null },
    redactor: { redact: async (value) => value },
    random: Math.random,
    identity: systemIdentity(() => v7()),
    tokens: vocabularyTokens(),
    connection: newConnection(options.actor, options.slot ?? 'default'),
  }
}

/**
 * Processes as one of several containers on one machine sees them, or as the machine after a reboot does: a holder in another
 * space cannot be looked at, one of another boot is gone.
 */
export function processesIn(space: { boot_id: string; pid_space: string }): Processes {
  const real = systemProcesses()
  const own = real.self()
  const { boot_id, pid_space } = space
  return {
    self: () => ({ ...own, boot_id, pid_space }),
    liveness(holder) {
      if (holder.boot_id !== boot_id) return 'dead'
      if (holder.pid_space !== pid_space) return 'unknown'
      return real.liveness({ ...holder, boot_id: own.boot_id, pid_space: own.pid_space })
    },
  }
}

/** A wall clock that jumps by hours, back and forth; the boot clock runs as it must. */
export function jumpingClock(random: Random): Clock {
  const real = systemClock()
  let offsetMs = 0
  return {
    now() {
      if (random.chance(0.05)) offsetMs = random.int(-48, 48) * 3_600_000 + random.int(-1000, 1000)
      return new Date(Date.parse(real.now()) + offsetMs).toISOString()
    },
    uptimeMs: () => real.uptimeMs(),
  }
}
