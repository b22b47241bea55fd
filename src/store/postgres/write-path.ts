import { Refusal } from '../../domain/refusal.ts'
import { MemoryLocks } from './memory-locks.ts'
import type { Pool } from './pool.ts'
import type { TransactionParts } from './read-transaction.ts'
import type { Sql } from './sql.ts'
import { Streams } from './streams.ts'
import type { Flushed, Mark } from './touched.ts'
import { WriteTransaction } from './transaction.ts'

type Books<Parts extends readonly TransactionParts[]> = { readonly [Index in keyof Parts]: WriteTransaction }

/**
 * One write on some books: decide, send what was gathered, commit, remember. All of it is tried again where somebody else was first,
 * and what went out has a mark by which its first event is known again, should the answer to the commit be lost.
 */
export async function carryOut<const Parts extends readonly TransactionParts[], T>(
  pool: Pool,
  parts: Parts,
  work: (books: Books<Parts>) => Promise<T>,
): Promise<T> {
  // A second attempt begins with every lock that the first one was found to need.
  const wanted = new Set<string>()
  let tries = 0
  let books: Books<Parts> | undefined
  const attempt = async (sql: Sql) => {
    // Somebody else was first: this time what is read is locked, so that nobody can be again.
    const isCautious = tries++ > 0
    if (isCautious) sql.begin()
    const locks = new MemoryLocks(sql, wanted)
    if (parts.length > 1) await locks.take(parts.map(({ project_id }) => project_id))
    books = parts.map((of) => new WriteTransaction(sql, of, { locks, isCautious })) as Books<Parts>
    const result = await decided(books, work)
    const flushed: Flushed[] = []
    for (const book of books) flushed.push(await book.flush())
    const [mark] = flushed.flatMap(({ marks }) => marks)
    return {
      result,
      sent: Promise.all(flushed.flatMap(({ sent }) => sent)),
      happened: mark === undefined ? null : (asked: Sql) => isThere(asked, mark),
    }
  }
  const result = await pool.write(attempt, { begins: 'when needed' })
  for (const book of books ?? []) book.remember()
  return result
}

/** Nobody is refused for what may have changed since it was remembered. */
async function decided<Parts extends readonly TransactionParts[], T>(
  books: Books<Parts>,
  work: (books: Books<Parts>) => Promise<T>,
): Promise<T> {
  try {
    return await work(books)
  } catch (refused) {
    if (refused instanceof Refusal) await Promise.all(books.map((book) => book.confirm()))
    throw refused
  }
}

/** True where the write that a mark is of was committed; one that is still on its way is waited for. */
async function isThere(sql: Sql, { project_id, stream, seq, line }: Mark): Promise<boolean> {
  return await new Streams(sql, project_id).has(stream, seq, line)
}
