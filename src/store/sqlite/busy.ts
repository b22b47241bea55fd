import { setTimeout as sleep } from 'node:timers/promises'
import { Refusal } from '../../domain/refusal.ts'

/** How long a call waits for another process to finish writing before it says so. A rebuild of a million events takes 10 s. */
const PATIENCE_MS = 30_000

/** Tries in which the thread waits in place; after that the event loop gets its turn between tries. */
const TRIES_IN_PLACE = 40

const pause = new Int32Array(new SharedArrayBuffer(4))

/**
 * Runs `attempt` until the database is not locked. SQLite's own `busy_timeout` backs off and starves: of four writing processes
 * one got a single transaction in four seconds. Waiting 0.2 to 1.2 ms at random between tries is fair and costs a tenth.
 */
export async function retryWhileBusy<T>(attempt: () => T, patienceMs: number = PATIENCE_MS): Promise<T> {
  const deadline = performance.now() + patienceMs
  for (let tries = 1; ; tries++) {
    try {
      return attempt()
    } catch (error) {
      if (!isBusy(error)) throw error
      if (performance.now() > deadline) {
        throw new Refusal(
          'store_unavailable',
          `Another process has been writing to the book for more than ${patienceMs / 1000} s; nothing was changed.`,
          { hint: 'Try again. If it lasts, rutter doctor shows who holds what.', passing: 'busy', cause: error },
        )
      }
    }
    if (tries < TRIES_IN_PLACE) Atomics.wait(pause, 0, 0, 0.2 + Math.random())
    else await sleep(1 + Math.random() * 4)
  }
}

/** SQLITE_BUSY (5) in all its kinds. */
export function isBusy(error: unknown): boolean {
  const code = (error as { errcode?: number } | null)?.errcode
  return code !== undefined && (code & 0xff) === 5
}
