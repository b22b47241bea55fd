import { mkdirSync, renameSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { Refusal } from '../../domain/refusal.ts'
import { retryWhileBusy } from './busy.ts'
import { migrations } from './migrations.ts'

/** Below it, two processes that write to one WAL database can corrupt it ("WAL-reset", SQLite 3.7.0 to 3.51.2). */
const OLDEST_SAFE_SQLITE = [3, 51, 3] as const

/** Written into the file's header, so that `file` and we can tell whose database it is: "Rutr". */
const APPLICATION_ID = 0x52757472

/**
 * Pages of write-ahead log between checkpoints: SQLite's own default, said aloud. A longer log is checkpointed less often, but it grows
 * for longer, and on ext4 a file that grows slows down every sync of the record beside it.
 */
const CHECKPOINT_PAGES = 1000

/** One connection to `rutter.db`, with its statements kept prepared. */
export class Database {
  readonly path: string
  readonly #db: DatabaseSync
  readonly #ino: number
  readonly #statements = new Map<string, StatementSync>()

  private constructor(path: string, db: DatabaseSync) {
    this.path = path
    this.#db = db
    this.#ino = statSync(path).ino
  }

  /**
   * Opens the database and brings its schema up to date; creates it where there is none. One that cannot be read is put aside
   * into `tornFolder` and replaced by an empty one: all that it held can be computed again from the records.
   */
  static async open(path: string, tornFolder: string): Promise<{ database: Database; putAside: string | null }> {
    refuseUnsafeSqlite()
    mkdirSync(dirname(path), { recursive: true })
    try {
      return { database: await Database.#openAndMigrate(path), putAside: null }
    } catch (error) {
      if (!isUnreadable(error)) throw error
    }
    return await underRecoveryLock(dirname(path), async () => {
      try {
        // Whoever had the lock before may have mended it.
        return { database: await Database.#openAndMigrate(path), putAside: null }
      } catch (error) {
        if (!isUnreadable(error)) throw error
        const putAside = moveAside(path, tornFolder)
        return { database: await Database.#openAndMigrate(path), putAside }
      }
    })
  }

  /** Puts a database aside that turned out to be unreadable while it was in use, unless somebody has done so already. */
  async putAside(tornFolder: string): Promise<string | null> {
    this.close()
    return await underRecoveryLock(dirname(this.path), async () =>
      this.isCurrent() ? moveAside(this.path, tornFolder) : null,
    )
  }

  static async #openAndMigrate(path: string): Promise<Database> {
    const db = new DatabaseSync(path, { timeout: 0 })
    try {
      await retryWhileBusy(() => {
        db.exec(
          `PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`,
        )
      })
      refuseForeign(db, path)
      if (schemaVersion(db) !== migrations.length) await retryWhileBusy(() => migrate(db, path))
      return new Database(path, db)
    } catch (error) {
      db.close()
      throw error
    }
  }

  /** A prepared statement for this SQL; prepared once. */
  sql(text: string): StatementSync {
    const known = this.#statements.get(text)
    if (known !== undefined) return known
    const statement = this.#db.prepare(text)
    this.#statements.set(text, statement)
    return statement
  }

  exec(text: string): void {
    this.#db.exec(text)
  }

  begin(): void {
    this.sql('BEGIN IMMEDIATE').run()
  }

  commit(): void {
    this.sql('COMMIT').run()
  }

  /** Ends a transaction without its effects; nothing where there is none, since a COMMIT that fails may have ended it. */
  rollBack(): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
  }

  get inTransaction(): boolean {
    return this.#db.isTransaction
  }

  /** False for a file that SQLite itself finds to be damaged. Reads all of it. */
  isSound(): boolean {
    try {
      return this.#db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'] === 'ok'
    } catch (error) {
      if (isUnreadable(error)) return false
      throw error
    }
  }

  /** False once another file, or none, stands at the path: somebody deleted or replaced the store under us. */
  isCurrent(): boolean {
    return statSync(this.path, { throwIfNoEntry: false })?.ino === this.#ino
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close()
  }
}

/** A database of something else has no business here; it is put aside like one that cannot be read. */
class ForeignDatabase extends Error {}

function refuseForeign(db: DatabaseSync, path: string): void {
  const id = Number(db.prepare('PRAGMA application_id').get()?.['application_id'])
  if (id === APPLICATION_ID) return
  const tables = Number(db.prepare('SELECT count(*) AS tables FROM sqlite_master').get()?.['tables'])
  if (tables > 0) throw new ForeignDatabase(`${path} is a database of another program.`)
}

function migrate(db: DatabaseSync, path: string): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    const version = schemaVersion(db)
    if (version > migrations.length) {
      throw new Refusal(
        'store_unavailable',
        `${path} was written by a newer Rutter (schema ${version}; this one knows up to ${migrations.length}).`,
        { hint: 'Update Rutter. Nothing was changed.' },
      )
    }
    for (const step of migrations.slice(version)) db.exec(step)
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migrations.length}`)
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
}

function refuseUnsafeSqlite(): void {
  const version = process.versions['sqlite'] ?? '0'
  const parts = version.split('.').map(Number)
  for (const [i, least] of OLDEST_SAFE_SQLITE.entries()) {
    const part = parts[i] ?? 0
    if (part > least) return
    if (part < least) {
      throw new Refusal(
        'store_unavailable',
        `This Node.js (${process.version}) brings SQLite ${version}, in which two writing processes can corrupt a database; ${OLDEST_SAFE_SQLITE.join('.')} or later is needed.`,
        { hint: 'Install a current Node.js 24 or later.' },
      )
    }
  }
}

/** SQLITE_CORRUPT (11) and SQLITE_NOTADB (26), and what is not ours. */
export function isUnreadable(error: unknown): boolean {
  if (error instanceof ForeignDatabase) return true
  const code = (error as { errcode?: number } | null)?.errcode
  return code !== undefined && ((code & 0xff) === 11 || (code & 0xff) === 26)
}

/** The files of a database move together: a write-ahead log without its database, or beside another one, is poison. */
function moveAside(path: string, tornFolder: string): string {
  mkdirSync(tornFolder, { recursive: true })
  const aside = join(tornFolder, `${basename(path)}.${new Date().toISOString().replaceAll(':', '-')}`)
  for (const suffix of ['-wal', '-shm', '']) {
    try {
      renameSync(path + suffix, aside + suffix)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return aside
}

/** An empty database of its own serves as the lock: the system lets go of it however its holder ends. */
async function underRecoveryLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const lock = new DatabaseSync(join(folder, 'recovery.db'), { timeout: 0 })
  try {
    await retryWhileBusy(() => lock.exec('BEGIN EXCLUSIVE'))
    return await work()
  } finally {
    lock.close()
  }
}
