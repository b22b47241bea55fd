import { Refusal } from '../../domain/refusal.ts'
import type { LedgerReader } from '../../ports/ledger.ts'
import type { Context } from '../context.ts'

/** What a reader of both books gets: the global one is `null` where nothing was ever saved there, or where it cannot be read. */
type Reading<T> = (book: LedgerReader, global: LedgerReader | null, problem: string | null) => Promise<T>

/**
 * Reads this book and the global one. What a project knows does not depend on a folder elsewhere: where the global book cannot be
 * read, the project's is read alone, and `problem` is a sentence that says why.
 */
export async function readBoth<T>({ ledger }: Pick<Context, 'ledger'>, work: Reading<T>): Promise<T> {
  try {
    return await ledger.readWithGlobal((book, global) => work(book, global, null))
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'store_unavailable') throw error
    return await ledger.read((book) => work(book, null, `What is global could not be read: ${error.message}`))
  }
}
