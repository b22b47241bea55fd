import { setTimeout as sleep } from 'node:timers/promises'
import { Connections, LIMITS, type Limits, limiting } from './connections.ts'
import { asUnavailable, faultOf, isReadOnly, outcomeUnknown } from './faults.ts'
import { narrowing } from './row-security.ts'
import { SilenceWatch } from './silence.ts'
import { isForgotten, Sql } from './sql.ts'
import { placeOf } from './where.ts'

export interface PoolOptions {
  /** postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETERS, as libpq knows them. */
  readonly url: string
  /** Connections that this process has at most, but for calls that are made inside another one. */
  readonly max?: number
  /** How long a call waits for a server that is away to come back. */
  readonly patience_ms?: number
  /** The only projects that this process may see, where row-level security is on; all that its role may see when it is left out. */
  readonly projects?: readonly string[] | undefined
  readonly limits?: Partial<Limits>
}

/** Statements over everything, as those of a rebuild or a migration, which may say nothing for minutes. */
const LONG_SILENCE_MS = 30 * 60_000

/** How long the statements of a call may take. */
export type Pace = 'brief' | 'long'

const MAX = 4
const PATIENCE_MS = 5000
/** A conflict is over as soon as the other one has committed; a server that restarts takes longer. */
const WAIT_MS = { conflict: 5, away: 100 } as const
const LONGEST_WAIT_MS = 1000

/** What one attempt at a write came to, and how to find out where the answer to its commit was lost. */
export interface Attempt<T> {
  readonly result: T
  /** Statements that are on their way. */
  readonly sent?: Promise<unknown>
  /**
   * Asked on a new connection, in a transaction of its own; where it says no, and that transaction is committed, the write can no
   * longer happen. `null` where doing it twice does no harm.
   */
  readonly happened: ((sql: Sql) => Promise<boolean>) | null
}

/** Connections to one database, and the one place that tries again. */
export class Pool {
  /** For people: the URL without its password. */
  readonly where: string
  readonly #narrowing: string
  /** Until a pooler shows that it hands each transaction to another server process, which knows no statement of ours. */
  #prepares = true
  readonly #patienceMs: number
  readonly #limits: Limits
  readonly #connections: Connections
  readonly #silence: SilenceWatch

  constructor(options: PoolOptions) {
    this.where = placeOf(options.url)
    this.#narrowing = narrowing(options.projects)
    this.#patienceMs = options.patience_ms ?? PATIENCE_MS
    this.#limits = { ...LIMITS, ...options.limits }
    this.#silence = new SilenceWatch(this.#limits.silence_ms)
    this.#connections = new Connections({
      url: options.url,
      where: this.where,
      max: options.max ?? MAX,
      connect_ms: this.#patienceMs,
      ...this.#limits,
    })
  }

  /** One look at a single moment. Tried again where the connection is lost, since reading repeats nothing. */
  async read<T>(work: (sql: Sql) => Promise<T>, pace: Pace = 'brief'): Promise<T> {
    const begin = () => this.#beginning('REPEATABLE READ READ ONLY')
    return await this.#persist(
      async (sql) => {
        sql.begin()
        const result = await work(sql)
        await sql.commit()
        return result
      },
      { pace, begin },
    )
  }

  /** A single statement outside any transaction. */
  async ask<T>(work: (sql: Sql) => Promise<T>, pace: Pace = 'brief'): Promise<T> {
    return await this.#persist(work, { pace })
  }

  /**
   * One write: a transaction, or a single statement where that is all. `work` may be called again: after a conflict, and after a lost
   * connection once it is certain that nothing was committed, nor will be. Where the answer to a commit is lost, the database is
   * asked, so the caller is never told wrongly.
   */
  async write<T>(
    work: (sql: Sql) => Promise<Attempt<T>>,
    { begins = 'at once', pace = 'brief' }: { begins?: 'at once' | 'when needed'; pace?: Pace } = {},
  ): Promise<T> {
    let unknown: Attempt<T> | null = null
    const attempt = async (sql: Sql) => {
      // The projects that a connection may see are said with each transaction.
      if (begins === 'at once' || this.#narrowing !== '') sql.begin()
      const attempt = await work(sql)
      try {
        // Not sent ahead: a statement may find that it has come too late, which is no error to the server.
        await attempt.sent
        if (sql.isInTransaction) await sql.commit()
      } catch (error) {
        if (faultOf(error) === 'away' && attempt.happened !== null) unknown = attempt
        throw error
      }
      return attempt.result
    }
    let deadline = Number.POSITIVE_INFINITY
    for (;;) {
      try {
        return await this.#persist(attempt, { pace, mayRepeat: () => unknown === null })
      } catch (error) {
        if (unknown === null) throw error
        const lost: Attempt<T> = unknown
        if (await this.#findOut(lost, error)) return lost.result
        unknown = null
        deadline = Math.min(deadline, performance.now() + this.#patienceMs)
        if (performance.now() >= deadline) throw asUnavailable(error, this.where)
      }
    }
  }

  /** Whether a write happened whose answer was lost. Where it did not, it never will. */
  async #findOut(lost: Attempt<unknown>, error: unknown): Promise<boolean> {
    const ask = async (sql: Sql) => {
      sql.begin()
      const happened = (await lost.happened?.(sql)) === true
      if (happened) await sql.rollback()
      else await sql.commit()
      return happened
    }
    try {
      return await this.#persist(ask, { freshOnly: true, isSure: false })
    } catch (last) {
      throw outcomeUnknown(error, last, this.where)
    }
  }

  async close(): Promise<void> {
    await this.#connections.close()
  }

  #beginning(isolation: string): string {
    // Behind a pooler a connection has nothing that was set before, and what is set is another's next.
    const limits = this.#prepares ? '' : `; ${limiting(this.#limits, 'transaction')}`
    return `BEGIN ISOLATION LEVEL ${isolation}${limits}${this.#narrowing}`
  }

  #once<T>(attempt: (sql: Sql) => Promise<T>, how: Persistence, freshSince: number): Promise<T> {
    const { silence_ms } = this.#limits
    const silence = how.pace === 'long' ? Math.max(LONG_SILENCE_MS, silence_ms) : silence_ms
    return this.#connections.hold(freshSince, async (client, { leave, cut }) => {
      const listening = this.#silence.over(silence, () =>
        cut(`The server has said nothing for ${Math.round(silence / 1000)} s.`),
      )
      const sql = new Sql(client, this.#prepares, how.begin?.() ?? this.#beginning('READ COMMITTED'), listening)
      try {
        return await attempt(sql)
      } catch (error) {
        // Behind every statement that is still on its way; one that fails here shows that the connection is gone.
        await sql.rollback().catch(leave)
        // A server that led, and does not any more, is read-only on this connection for good; the next one may reach the new leader.
        if (isReadOnly(error)) leave()
        throw error
      } finally {
        sql.end()
      }
    })
  }

  async #persist<T>(attempt: (sql: Sql) => Promise<T>, how: Persistence): Promise<T> {
    const began = performance.now()
    let awaySince: number | null = null
    // A connection that was there before the server went away may be dead without anybody having noticed.
    let freshSince = how.freshOnly === true ? began : Number.NEGATIVE_INFINITY
    for (let tries = 0; ; tries++) {
      try {
        return await this.#once(attempt, how, freshSince)
      } catch (error) {
        if (how.mayRepeat?.() === false) throw error
        const now = performance.now()
        if (isForgotten(error)) {
          this.#prepares = false
          if (now < began + this.#limits.lock_ms) continue
        }
        const found = faultOf(error)
        const fault = found === 'refused' && how.isSure === false ? 'away' : found
        if (fault === 'other') throw error
        if (fault === 'refused') throw asUnavailable(error, this.where)
        awaySince = fault === 'away' ? (awaySince ?? now) : null
        if (fault === 'away') freshSince = now
        const deadline = awaySince === null ? began + this.#limits.lock_ms : awaySince + this.#patienceMs
        const wait = Math.min(LONGEST_WAIT_MS, WAIT_MS[fault] * 2 ** Math.min(tries, 10)) * (0.5 + Math.random())
        if (now + wait > deadline) throw asUnavailable(error, this.where)
        await sleep(wait)
      }
    }
  }
}

/** How one call is carried through. */
interface Persistence {
  readonly pace?: Pace
  /** The statement that begins its transaction, where it is not one of a write. */
  readonly begin?: () => string
  /** Asked after a failure, where another attempt might do something twice. */
  readonly mayRepeat?: () => boolean
  readonly freshOnly?: boolean
  /** False where a refusal may be of a server that is just taking over, and more depends on an answer than on its time. */
  readonly isSure?: boolean
}
