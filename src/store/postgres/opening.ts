import { Refusal } from '../../domain/refusal.ts'
import { bringUp, checkAccess, notByThisRole, type Visitor } from './access.ts'
import { knownVersion, standingOf } from './migrate.ts'
import type { Pool } from './pool.ts'
import type { Sql } from './sql.ts'

const VERSION_MS = 10_000

/**
 * Whether this program may work on what it meets: asked at the first call, since the database may be away when the process begins; and
 * of the version again now and then, since agents run for hours and somebody may bring the tables to one that this program does not know.
 */
export class Opening {
  readonly #pool: Pool
  readonly #visitor: Visitor
  readonly #versionMs: number
  #asked: Promise<void> | null = null
  /** Until when the answer holds, by `performance.now()`. */
  #holdsUntil = 0

  constructor(pool: Pool, visitor: Visitor, versionMs = VERSION_MS) {
    this.#pool = pool
    this.#visitor = visitor
    this.#versionMs = versionMs
  }

  /** Comes back where it may; otherwise fails, and the next call asks anew. */
  done(): Promise<void> {
    const now = performance.now()
    if (this.#asked === null || now >= this.#holdsUntil) {
      this.#holdsUntil = now + this.#versionMs
      const asked = this.#asked === null ? this.#first() : this.#again()
      this.#asked = asked.catch((error) => {
        this.#asked = null
        throw error
      })
    }
    return this.#asked
  }

  async #again(): Promise<void> {
    await this.#pool.ask((sql) => knownVersion(sql, this.#visitor.where))
  }

  async #first(): Promise<void> {
    const { where } = this.#visitor
    const standing = await this.#pool.ask((sql) => standingOf(sql, where))
    if (standing === 'strange') {
      throw new Refusal(
        'store_unavailable',
        `The database at ${where} holds other things and nothing of Rutter's. It was not touched.`,
        {
          hint: "Name another database, or make Rutter's tables in this one, in a schema of their own: rutter migrate --store URL.",
        },
      )
    }
    if (standing !== 'current') {
      await this.#migrate().catch((error) => {
        throw notByThisRole(error, standing, where)
      })
    }
    await this.#pool.ask((sql) => checkAccess(sql, this.#visitor))
  }

  /** Makes the tables, or brings them up to this program's version. */
  async #migrate(): Promise<void> {
    const attempt = async (sql: Sql) => ({ result: await bringUp(sql, this.#visitor.where), happened: null })
    await this.#pool.write(attempt, { pace: 'long' })
  }
}
