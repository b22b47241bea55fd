import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LedgerWriter } from '../../ports/ledger.ts'
import type { Store, StoreOptions } from './store.ts'
import { WriteTransaction } from './transaction.ts'

export interface WritePathParts extends Pick<StoreOptions, 'pausePoint' | 'report' | 'layout'> {}

/**
 * One write on a locked store. The order here is the promise of the whole program: lines on disk, answer, rows, commit. The record
 * is the truth, so the answer need not wait for the store; whoever reads before the commit sees that the record is longer, and
 * waits for it. What is in no record (a lock, a heartbeat) is committed before the answer.
 */
export async function carryOut<T>(
  store: Store,
  work: (book: LedgerWriter) => Promise<T>,
  { answer, pausePoint, report, layout }: WritePathParts & { answer: (result: T) => void },
): Promise<'done' | 'store is gone'> {
  const transaction = new WriteTransaction(store.parts)
  let answered = false
  let decided: { result: T } | undefined
  try {
    pausePoint('locked')
    const result = await work(transaction)
    decided = { result }
    pausePoint('decided')
    // The lock went with a deleted store: others may be writing already, so nothing is appended on the strength of it.
    if (!store.database.isCurrent()) {
      store.database.rollBack()
      return 'store is gone'
    }
    transaction.record()
    if (transaction.isAllInRecord) {
      answered = true
      answer(result)
      await nextTurn()
    }
    transaction.project()
    store.database.commit()
    pausePoint('committed')
    transaction.remember()
    answer(result)
    return 'done'
  } catch (error) {
    if (answered) {
      const message = tellBehind({ report, layout }, error)
      // Not the error itself: a damaged database is answered by doing the work again, and this work is done.
      throw new Error(message, { cause: error })
    }
    const stands = !(await store.takeBack(transaction))
    store.database.rollBack()
    if (!stands || decided === undefined) throw error
    answer(decided.result)
    return 'done'
  } finally {
    transaction.close()
    await store.keepSightings(transaction.sightings)
  }
}

/** Tells that a store has not what its record has, since that is no loss but worth knowing; gives what was told. */
export function tellBehind({ report, layout }: Pick<StoreOptions, 'report' | 'layout'>, error: unknown): string {
  const message = `the store could not follow the record (${error instanceof Error ? error.message : error}); the next call takes it in`
  report({ stream: null, where: layout.database, line: null, kind: 'store_behind', message, damage: false })
  return message
}
