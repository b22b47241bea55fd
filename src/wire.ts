import { existsSync } from 'node:fs'
import { type Connection, type Context, newConnection } from './app/context.ts'
import { projectList } from './app/operator/book.ts'
import { RemoteKeeper } from './app/remote-keeper.ts'
import type { Actor } from './domain/event.ts'
import { GLOBAL_PROJECT } from './domain/memory/room.ts'
import { Refusal } from './domain/refusal.ts'
import { nodeDisk } from './log/disk.ts'
import { ensureBook } from './log/init.ts'
import { bookLayout } from './log/layout.ts'
import { defaultProjectId, findPlace, globalPlace, type Place } from './log/place.ts'
import { asUnavailable } from './log/unavailable.ts'
import { systemClock } from './machine/clock.ts'
import { systemIdentity } from './machine/identity.ts'
import { eventIds } from './machine/ids.ts'
import { listPrices } from './machine/prices.ts'
import { systemProcesses } from './machine/processes.ts'
import { secretRedactor } from './machine/redactor.ts'
import { startOnItsOwn } from './machine/same-program.ts'
import { vocabularyTokens } from './machine/tokens.ts'
import type { Copyable, Remote } from './ports/log-copy.ts'
import type { Processes } from './ports/processes.ts'
import type { RemoteNotes } from './ports/remote-notes.ts'
import type { ProjectRights, TeamStore } from './ports/team-store.ts'
import { grantsFor as grantsOfRole } from './store/postgres/access.ts'
import { PostgresLedger } from './store/postgres/ledger.ts'
import { PostgresTeamStore } from './store/postgres/team-store.ts'
import { placeOf } from './store/postgres/where.ts'
import { SqliteLedger, type SqliteLedgerOptions } from './store/sqlite/ledger.ts'
import { FileRemoteNotes } from './store/sqlite/remote-notes.ts'

/** A project's book, opened: what every connection of this process shares. */
export interface Book extends Omit<Context, 'connection'> {
  readonly place: Place
  /** Files that were written because they were missing. */
  readonly created: readonly string[]
  readonly copies: Copyable
  /** This book in a team's database, whatever store it is opened in here. */
  openRemote(url: string): Remote
  /** How this clone stands to the team's database beside it. */
  readonly notes: RemoteNotes
  readonly processes: Processes
  /** `listener` is called each time that something was added to this book's records, in the midst of the write; not for a store. */
  whenRecorded(listener: () => void): void
  connect(actor: Actor, slot: string, runsAs?: string | null): Context & { connection: Connection }
}

export interface OpenOptions {
  /** The id of a project that has none yet; the default is made from its place. */
  readonly project_id?: string | undefined
  /** postgres://...: the team's database, in which the book is then; without it, it is in the project's own files. */
  readonly store?: string | undefined
  /** What is put in the place of the embedded ledger's own parts, for whoever measures it. */
  readonly ledger?: Pick<SqliteLedgerOptions, 'disk' | 'pausePoint'>
}

/**
 * Builds the adapters and hands them in; the one place that knows them. Creates the book's files where they are missing, so that
 * an agent pointed at a fresh repository just works.
 */
export function openBook(start: string, options: OpenOptions = {}): Book {
  const place = findPlace(start)
  const layout = bookLayout(place.bot)
  const prepare = () => ensureBook(nodeDisk, layout, options.project_id ?? defaultProjectId(place))
  try {
    const { settings, created } = prepare()
    const clock = systemClock()
    const newId = eventIds()
    const processes = systemProcesses()
    const ours = {
      clock,
      processes,
      lease_ttl_ms: settings.lease_seconds * 1000,
      newId,
      ...options.ledger,
    }
    const book = { project_id: settings.project_id, place: place.id }
    // A run that goes on in the database is none of those that go on in this checkout's files: its record must take no lock here.
    const inDatabase = (url: string) =>
      new PostgresLedger({ ...book, place: `${place.id}-team`, url, projects: ownProjects(), ...ours })
    let tell = () => {}
    const ledger =
      options.store === undefined
        ? new SqliteLedger({ ...book, layout, prepare, global: globalLedger(ours), ...ours, recorded: () => tell() })
        : inDatabase(options.store)
    const shared = {
      ledger,
      clock,
      prices: listPrices(),
      redactor: secretRedactor({ patterns: settings.redact }),
      settings,
      random: Math.random,
      identity: systemIdentity(newId),
      tokens: vocabularyTokens(),
    }
    const connect = (actor: Actor, slot: string, runsAs: string | null = null) => ({
      ...shared,
      connection: newConnection(actor, slot, runsAs),
    })
    const whenRecorded = (listener: () => void) => {
      tell = listener
    }
    const notes = new FileRemoteNotes({ disk: nodeDisk, layout, processes })
    return {
      ...shared,
      place,
      created,
      copies: ledger,
      openRemote: inDatabase,
      connect,
      notes,
      processes,
      whenRecorded,
    }
  } catch (error) {
    throw asUnavailable(error, layout)
  }
}

/** Longer than an attempt gives itself: it is ended from here only where it hangs. */
const ATTEMPT_MS = 11 * 60_000

/**
 * Brings the book of a place and a team's database together in the background for as long as this process lives, and begins to once
 * more as it ends. What is no address is refused; a database that is away is none of the caller's business.
 */
export function keepTogether(start: string, url: string): RemoteKeeper {
  const remote = placeOf(url)
  const { root, bot } = findPlace(start)
  const layout = bookLayout(bot)
  const { RUTTER_STORE: _, ...env } = process.env
  // The address may have a password in it, and everybody sees the arguments of a process.
  const errand = { args: ['sync', '--background', '--root', root], cwd: root, env: { ...env, RUTTER_REMOTE: url } }
  const attempt = () =>
    new Promise<void>((resolve, reject) => {
      const end = startOnItsOwn(errand, (how) => {
        clearTimeout(patience)
        if (how instanceof Error) reject(how)
        else resolve()
      })
      const patience = setTimeout(end, ATTEMPT_MS).unref()
    })
  let lastTold = ''
  const keeper = new RemoteKeeper({
    remote,
    notes: new FileRemoteNotes({ disk: nodeDisk, layout, processes: systemProcesses() }),
    hasBook: () => existsSync(layout.settings),
    attempt,
    lastAttempt: () => void startOnItsOwn(errand),
    onError: (error) => {
      // It is tried again and again: the same trouble is told once.
      const told = `rutter: nothing could be brought to ${remote}: ${error}\n`
      if (told !== lastTold) process.stderr.write(told)
      lastTold = told
    },
    now: Date.now,
    random: Math.random,
  })
  process.once('exit', () => keeper.end())
  return keeper
}

/** A team's database, without any book in it. */
export function openTeamStore(url: string): TeamStore {
  return new PostgresTeamStore({ url })
}

/** SQL for the rights of a role; it needs no database. */
export function grantsFor(role: string, projects: ProjectRights): string {
  return grantsOfRole(role, projects)
}

/** The projects that whoever started this process limits it to; only a store that can keep to that is asked to. */
function ownProjects(): string[] | undefined {
  const given = process.env['RUTTER_PROJECTS']
  if (given === undefined || given.trim() === '') return undefined
  return projectList(given, 'RUTTER_PROJECTS')
}

/** The book that all projects of this user share. It is not touched before something global is read or saved. */
function globalLedger(parts: Omit<SqliteLedgerOptions, 'project_id' | 'place' | 'layout' | 'prepare'>): SqliteLedger {
  const place = globalPlace()
  const layout = bookLayout(place.bot)
  const prepare = () => {
    try {
      ensureBook(nodeDisk, layout, 'global')
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      // To whoever calls for a project it is no argument of theirs that is wrong.
      const hint = error.hint === undefined ? {} : { hint: error.hint }
      throw new Refusal('store_unavailable', error.message, { ...hint, cause: error })
    }
  }
  return new SqliteLedger({ project_id: GLOBAL_PROJECT, place: place.id, layout, prepare, ...parts })
}
