import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { Connection, Context } from '../app/context.ts'
import { asRefusal } from '../app/operation.ts'
import { noBook, noProject } from '../app/operator/book.ts'
import { type RemoteStatus, remoteStatus } from '../app/operator/remote-status.ts'
import { remoteBeside } from '../app/remote-option.ts'
import type { Actor } from '../domain/event.ts'
import type { Copyable, Remote } from '../ports/log-copy.ts'
import type { Processes } from '../ports/processes.ts'
import type { RemoteNotes } from '../ports/remote-notes.ts'
import type { ProjectRights, TeamStore } from '../ports/team-store.ts'
import { Misuse } from './misuse.ts'
import type { Out } from './out.ts'

/** Where a project's book is. */
export interface Place {
  readonly root: string
  readonly bot: string
  readonly is_git: boolean
  readonly linked_worktree: string | null
}

/** The files of a book. */
export interface Layout {
  readonly settings: string
  readonly gitignore: string
  readonly gitattributes: string
  readonly control: string
  readonly database: string
  folder(kind: 'session' | 'memory'): string
}

/** A book that is open. */
export interface OpenBook extends Omit<Context, 'connection'> {
  readonly created: readonly string[]
  readonly copies: Copyable
  openRemote(url: string): Remote
  readonly notes: RemoteNotes
  readonly processes: Processes
  whenRecorded(listener: () => void): void
  connect(actor: Actor, slot: string): Context & { connection: Connection }
}

/** What the command line needs of the adapters; `main.ts` hands it in. */
export interface Adapters {
  findPlace(start: string): Place
  layoutOf(bot: string): Layout
  openBook(start: string, options?: { project_id?: string | undefined; store?: string | undefined }): OpenBook
  openTeamStore(url: string): TeamStore
  /** Brings a book and a team's database together in the background for as long as this process lives. */
  keepTogether(start: string, url: string): { recorded(): void }
  /** SQL that gives a role of a team's database what agents need, and nothing more. */
  grantsFor(role: string, projects: ProjectRights): string
}

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: true
  readonly root?: string
  readonly store?: string
  /** Of commands that bring a clone's book together with a team's. */
  readonly remote?: string
}

/** What a command works with: where it was called, what it may open, and where its answer goes. */
export class Desk {
  readonly out: Out
  readonly isJson: boolean
  readonly #adapters: Adapters
  readonly #start: string
  /** The address of the team's database, which may have a password in it; `undefined` where the book is in files. */
  readonly store: string | undefined
  /** The address of the database that the book here is kept together with, which may have a password in it. */
  readonly remote: string | undefined
  #book: OpenBook | null = null
  #teamStore: TeamStore | null = null
  #place: Place | null = null

  constructor(adapters: Adapters, out: Out, options: CommonOptions) {
    this.out = out
    this.isJson = options.json === true
    this.#adapters = adapters
    this.store = options.store || undefined
    this.remote = options.remote || process.env['RUTTER_REMOTE'] || undefined
    this.#start = options.root ?? (process.env['RUTTER_ROOT'] || process.cwd())
  }

  get place(): Place {
    this.#place ??= this.#calledWith(() => this.#adapters.findPlace(this.#start))
    return this.#place
  }

  /** What a command was called with; a refusal of it is a wrong call. */
  #calledWith<T>(look: () => T): T {
    try {
      return look()
    } catch (error) {
      const { message, hint } = asRefusal(error)
      throw new Misuse(message, hint)
    }
  }

  get layout(): Layout {
    return this.#adapters.layoutOf(this.place.bot)
  }

  get hasBook(): boolean {
    return existsSync(this.layout.settings)
  }

  /** The book of the place, made where there is none. */
  openOrMakeBook(projectId?: string): OpenBook {
    this.#book ??= this.#adapters.openBook(this.place.root, { project_id: projectId, store: this.store })
    return this.#book
  }

  /** The book that is there; a place without one is refused, and stays as it is. */
  openBook(): OpenBook {
    if (!this.hasBook) throw this.noBook()
    return this.openOrMakeBook()
  }

  /** The same project's book in the team's database that this clone is kept together with; `null` where there is none beside it. */
  openBeside(): OpenBook | null {
    if (this.store !== undefined || this.remote === undefined) return null
    return this.#adapters.openBook(this.place.root, { store: this.remote })
  }

  /** Keeps the book together with the team's database, where one was named, until this process ends. */
  keepTogether(): void {
    const remote = this.#calledWith(() => remoteBeside(this.store, this.remote))
    if (remote === undefined) return
    const keeper = this.#calledWith(() => this.#adapters.keepTogether(this.place.root, remote))
    this.openOrMakeBook().whenRecorded(() => keeper.recorded())
  }

  /** How the book stands to the team's database beside it; `null` where there is none, or the book itself is in one. */
  async remoteStatus(): Promise<RemoteStatus | null> {
    if (this.store !== undefined) return null
    const { notes, openRemote, copies } = this.openBook()
    const configured = this.remote === undefined ? null : openRemote(this.remote).copyOf('own').where
    return await remoteStatus(notes, configured, copies.copyOf('own'))
  }

  noBook(): Error {
    const { root } = this.place
    return this.store === undefined ? noBook(root) : noProject(root, this.layout.settings)
  }

  /** The team's database, where the book is in one. Nothing is connected before it is asked something. */
  get teamStore(): TeamStore | null {
    if (this.store !== undefined) this.#teamStore ??= this.#adapters.openTeamStore(this.store)
    return this.#teamStore
  }

  /** For the result of a command: where the book is, when it is not in files. */
  get whereIfShared(): { readonly store?: string } {
    return this.teamStore === null ? {} : { store: this.teamStore.where }
  }

  grantsFor(role: string, projects: ProjectRights): string {
    return this.#adapters.grantsFor(role, projects)
  }

  /** What an operation asks for, in the name of the person at the keyboard. */
  operator(book: OpenBook = this.openBook()): Context {
    return book.connect({ kind: 'operator', name: userName() }, defaultSlot())
  }

  /** Gives the result, for people or for programs. */
  answer(result: unknown, lines: () => readonly string[]): void {
    if (this.isJson) this.out.json(result)
    else this.out.line(lines().join('\n'))
  }

  async close(): Promise<void> {
    await Promise.all([this.#book?.ledger.close(), this.#teamStore?.close()])
  }
}

export function defaultSlot(): string {
  return process.env['RUTTER_SLOT'] || 'default'
}

/** A user without an entry in the system's list, as in some containers, is an operator all the same. */
function userName(): string {
  try {
    return userInfo().username || 'operator'
  } catch {
    return process.env['USER'] || 'operator'
  }
}
