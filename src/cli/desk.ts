import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { Connection, Context } from '../app/context.ts'
import { asRefusal } from '../app/operation.ts'
import { noBook } from '../app/operator/book.ts'
import type { Actor } from '../domain/event.ts'
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
  connect(actor: Actor, slot: string): Context & { connection: Connection }
}

/** What the command line needs of the adapters; `main.ts` hands it in. */
export interface Adapters {
  findPlace(start: string): Place
  layoutOf(bot: string): Layout
  openBook(start: string, options?: { project_id?: string | undefined }): OpenBook
}

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: true
  readonly root?: string
}

/** What a command works with: where it was called, what it may open, and where its answer goes. */
export class Desk {
  readonly out: Out
  readonly isJson: boolean
  readonly #adapters: Adapters
  readonly #start: string
  #book: OpenBook | null = null
  #place: Place | null = null

  constructor(adapters: Adapters, out: Out, options: CommonOptions) {
    this.out = out
    this.isJson = options.json === true
    this.#adapters = adapters
    this.#start = options.root ?? (process.env['RUTTER_ROOT'] || process.cwd())
  }

  get place(): Place {
    try {
      this.#place ??= this.#adapters.findPlace(this.#start)
      return this.#place
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
    this.#book ??= this.#adapters.openBook(this.place.root, { project_id: projectId })
    return this.#book
  }

  /** The book that is there; a place without one is refused, and stays as it is. */
  openBook(): OpenBook {
    if (!this.hasBook) throw noBook(this.place.root)
    return this.openOrMakeBook()
  }

  /** What an operation asks for, in the name of the person at the keyboard. */
  operator(): Context {
    return this.openBook().connect({ kind: 'operator', name: userName() }, defaultSlot())
  }

  /** Gives the result, for people or for programs. */
  answer(result: unknown, lines: () => readonly string[]): void {
    if (this.isJson) this.out.json(result)
    else this.out.line(lines().join('\n'))
  }

  async close(): Promise<void> {
    await this.#book?.ledger.close()
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
