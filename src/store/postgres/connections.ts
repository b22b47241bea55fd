import { AsyncLocalStorage } from 'node:async_hooks'
import type pg from 'pg'
import { Refusal } from '../../domain/refusal.ts'
import { demandsBinding, forDriver } from './address.ts'
import { carefulClient } from './client.ts'
import { bare, CannotConnect } from './faults.ts'
import { Turns } from './turns.ts'
import { notAnAddress } from './where.ts'

/** Bounds on what a call may wait for, in milliseconds. Where the server has one of its own, that one holds. */
export interface Limits {
  /**
   * For whoever holds a row that is needed, and for a free connection. Longer than `idle_ms`, so that whoever waits for a client that
   * was cut off in the middle of a write outlasts it.
   */
  readonly lock_ms: number
  /** After so long without a word from its client the server gives a transaction up, and with it the rows that it holds. */
  readonly idle_ms: number
  /** After so long without an answer a connection counts as lost. Longer than `lock_ms`: a wait is no silence. */
  readonly silence_ms: number
}

export const LIMITS: Limits = { lock_ms: 15_000, idle_ms: 10_000, silence_ms: 30_000 }

/** How long a connection stays at hand between two calls. For so long a process that does not close its connections may end later. */
const AT_HAND_MS = 100

/** For a server to say goodbye in. */
const FAREWELL_MS = 1000

export interface ConnectionOptions extends Limits {
  readonly url: string
  readonly where: string
  readonly max: number
  readonly connect_ms: number
}

export interface WaysOut {
  /** Not to be used again. */
  readonly leave: () => void
  /** Ends it here and now; what was asked fails for that reason. */
  readonly cut: (why: string) => void
}

/** The connections of this process to one database. */
export class Connections {
  readonly #options: ConnectionOptions
  readonly #turns: Turns
  /** Set inside the work of a call, which has a connection already. */
  readonly #inside = new AsyncLocalStorage<{ isOpen: boolean }>()
  /** Every connection that is open, and when it was made. */
  readonly #clients = new Map<pg.Client, number>()
  /** What the server said, or the network, when it ended a connection. */
  readonly #ends = new WeakMap<pg.Client, Error>()
  #pool: Promise<pg.Pool> | null = null
  /** Used a moment ago and not given back to the driver's pool yet: that, and to ask for it again, takes a tenth of a call. */
  readonly #atHand: pg.PoolClient[] = []
  #tidying: NodeJS.Timeout | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#turns = new Turns(options.max)
  }

  /**
   * Does `work` with a connection that was made at `freshSince` or later. Waits for a free one, but not inside the work of another
   * call: that one may have the last connection, and would wait for itself.
   */
  async hold<T>(freshSince: number, work: (client: pg.Client, ways: WaysOut) => Promise<T>): Promise<T> {
    const isInside = this.#inside.getStore()?.isOpen === true
    const done = isInside ? null : await this.#turns.take(this.#options.lock_ms, () => this.#exhausted())
    try {
      const client = this.#nextAtHand(freshSince) ?? (await this.#connect(freshSince))
      const call = { isOpen: true }
      let isBroken = false
      const leave = () => {
        isBroken = true
      }
      const cut = (why: string) => {
        client.connection.stream.destroy(Object.assign(new Error(why), { code: 'ETIMEDOUT' }))
      }
      try {
        return await this.#inside.run(call, () => work(client, { leave, cut }))
      } catch (error) {
        throw this.#reasonOf(error, client)
      } finally {
        call.isOpen = false
        if (isBroken) client.release(true)
        else this.#keepAtHand(client)
      }
    } finally {
      done?.()
    }
  }

  async close(): Promise<void> {
    const pool = await this.#pool?.catch(() => null)
    if (pool === undefined || pool === null || pool.ending) return
    this.#tidy()
    await pool.end()
    // A server that cannot be reached does not say goodbye, and would keep this process from its end.
    setTimeout(() => {
      for (const client of this.#clients.keys()) client.connection.stream.destroy()
    }, FAREWELL_MS).unref()
  }

  #nextAtHand(freshSince: number): pg.PoolClient | undefined {
    for (let client = this.#atHand.pop(); client !== undefined; client = this.#atHand.pop()) {
      if (this.#isUsable(client, freshSince)) return client
      client.release(true)
    }
    return undefined
  }

  #keepAtHand(client: pg.PoolClient): void {
    this.#atHand.push(client)
    this.#tidying ??= setTimeout(() => this.#tidy(), AT_HAND_MS)
  }

  /** Gives back what is at hand. The driver ends what is not used any more. */
  #tidy(): void {
    clearTimeout(this.#tidying)
    this.#tidying = undefined
    for (const client of this.#atHand.splice(0)) client.release()
  }

  /** One that has ended is listed no more. */
  #isUsable(client: pg.Client, freshSince: number): boolean {
    const madeAt = this.#clients.get(client)
    return madeAt !== undefined && madeAt >= freshSince
  }

  async #connect(freshSince: number): Promise<pg.PoolClient> {
    this.#pool ??= this.#open().catch((error) => {
      this.#pool = null
      throw error
    })
    const pool = await this.#pool
    for (;;) {
      let client: pg.PoolClient
      try {
        client = await pool.connect()
      } catch (error) {
        throw new CannotConnect(bare(error))
      }
      if (this.#isUsable(client, freshSince)) return client
      client.release(true)
    }
  }

  /** The driver is loaded by the first call: whoever starts Rutter only to list its tools does not wait for it. */
  async #open(): Promise<pg.Pool> {
    const { default: driver } = await import('pg')
    const { url, connect_ms, silence_ms } = this.#options
    const settings = {
      connectionString: forDriver(url),
      // Turns are given out here, since a call inside another one takes none.
      max: Number.POSITIVE_INFINITY,
      connectionTimeoutMillis: connect_ms,
      idleTimeoutMillis: 30_000,
      // A server whose client is gone ends at once, and does not stay for connections that nobody uses.
      allowExitOnIdle: true,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      pipeline: true,
      application_name: 'rutter',
      types: { getTypeParser: (oid: number, format: 'text') => parserOf(driver, oid, format) },
      onConnect: async (client: pg.ClientBase) => {
        const query = { text: limiting(this.#options, 'connection'), query_timeout: silence_ms }
        await client.query(query)
      },
    }
    try {
      // The driver reads an address only as it connects.
      new driver.Client(settings as pg.ClientConfig)
    } catch {
      throw notAnAddress()
    }
    const Client = carefulClient(driver.Client, { binds: demandsBinding(url) })
    const pool = new driver.Pool({ ...settings, Client } as pg.PoolConfig)
    // An idle connection that the server ends is no error of anybody's: the next call gets another.
    pool.on('error', () => {})
    pool.on('connect', (client) => {
      this.#clients.set(client, performance.now())
      client.once('end', () => this.#clients.delete(client))
      // Of one that is in use: the statement that waits for an answer fails, and without a listener so would the process.
      client.on('error', (error) => {
        if (!this.#ends.has(client)) this.#ends.set(client, error)
      })
    })
    return pool
  }

  /** A statement that finds its connection gone only says so; why it went was said between two statements. */
  #reasonOf(error: unknown, client: pg.Client): unknown {
    const isEcho = error instanceof Error && /is not queryable|^Connection terminated/.test(error.message)
    return isEcho ? (this.#ends.get(client) ?? error) : error
  }

  #exhausted(): Refusal {
    const { max, where, lock_ms } = this.#options
    const all = max === 1 ? 'The one connection' : `All ${max} connections`
    return new Refusal(
      'store_unavailable',
      `${all} of this process to the team's store at ${where} had other calls to carry out for ${lock_ms / 1000} s. Nothing was changed.`,
      {
        hint: 'Call again, with fewer calls at a time; the server may be overloaded, or hang on a lock.',
        passing: 'nothing',
      },
    )
  }
}

/** Seconds after which a server looks whether a silent client's machine is still there, between looks, and looks in vain. */
const ALIVE = { tcp_keepalives_idle: 6, tcp_keepalives_interval: 2, tcp_keepalives_count: 4 }

/**
 * A statement that sets the server's side of the limits where it has none of its own. The looks, too, end a transaction whose client
 * was cut off: one that had said half of a statement is not idle to the server. A server that knows none of them has them not set.
 */
export function limiting({ lock_ms, idle_ms }: Limits, until: 'transaction' | 'connection'): string {
  const ours = { lock_timeout: lock_ms, idle_in_transaction_session_timeout: idle_ms, ...ALIVE }
  const rows = Object.entries(ours).map(([name, value]) => `('${name}', '${value}')`)
  return `SELECT set_config(name, value, ${until === 'transaction'}) FROM (VALUES ${rows}) AS ours (name, value)
    WHERE current_setting(name, true) = '0' OR name LIKE 'tcp%' AND current_setting(name, true) IS NOT NULL`
}

/** Whole numbers of 64 bits as numbers: none of ours goes beyond what a number can tell apart. */
function parserOf({ types }: typeof pg, oid: number, format: 'text'): (value: string) => unknown {
  return oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format)
}
