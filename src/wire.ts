import { type Connection, type Context, newConnection } from './app/context.ts'
import type { Actor } from './domain/event.ts'
import { nodeDisk } from './log/disk.ts'
import { ensureBook } from './log/init.ts'
import { bookLayout } from './log/layout.ts'
import { defaultProjectId, findPlace, type Place } from './log/place.ts'
import { asUnavailable } from './log/unavailable.ts'
import { systemClock } from './machine/clock.ts'
import { eventIds } from './machine/ids.ts'
import { listPrices } from './machine/prices.ts'
import { systemProcesses } from './machine/processes.ts'
import { secretRedactor } from './machine/redactor.ts'
import { SqliteLedger } from './store/sqlite/ledger.ts'

/** A project's book, opened: what every connection of this process shares. */
export interface Book extends Omit<Context, 'connection'> {
  readonly place: Place
  /** Files that were written because they were missing. */
  readonly created: readonly string[]
  connect(actor: Actor, slot: string, runsAs?: string | null): Context & { connection: Connection }
}

/**
 * Builds the adapters and hands them in; the one place that knows them. Creates the book's files where they are missing, so that
 * an agent pointed at a fresh repository just works.
 */
export function openBook(start: string, options: { project_id?: string | undefined } = {}): Book {
  const place = findPlace(start)
  const layout = bookLayout(place.bot)
  const prepare = () => ensureBook(nodeDisk, layout, options.project_id ?? defaultProjectId(place))
  try {
    const { settings, created } = prepare()
    const clock = systemClock()
    const ledger = new SqliteLedger({
      project_id: settings.project_id,
      place: place.id,
      layout,
      clock,
      processes: systemProcesses(),
      lease_ttl_ms: settings.lease_seconds * 1000,
      prepare,
      newId: eventIds(),
    })
    const shared = {
      ledger,
      clock,
      prices: listPrices(),
      redactor: secretRedactor({ patterns: settings.redact }),
      settings,
      random: Math.random,
    }
    const connect = (actor: Actor, slot: string, runsAs: string | null = null) => ({
      ...shared,
      connection: newConnection(actor, slot, runsAs),
    })
    return { ...shared, place, created, connect }
  } catch (error) {
    throw asUnavailable(error, layout)
  }
}
