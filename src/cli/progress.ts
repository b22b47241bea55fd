import type { Progress } from '../ports/ledger.ts'

const WIDTH = 30

/** At most so many redraws a second, so that drawing costs nothing beside the work. */
const REDRAWS = 20

/**
 * Runs something long under a bar on standard error while that is a terminal; elsewhere it shows nothing, since a log has no use for
 * one. The bar is gone when the work is done or has failed.
 */
export async function withProgressBar<T>(
  what: string,
  work: (update: (progress: Progress) => void) => Promise<T>,
): Promise<T> {
  const { stderr } = process
  if (!stderr.isTTY) return await work(() => {})
  let drawnAt = 0
  const update = ({ done, total }: Progress) => {
    const now = performance.now()
    if (now - drawnAt < 1000 / REDRAWS && done < total) return
    drawnAt = now
    const part = total === 0 ? 1 : done / total
    const filled = Math.round(part * WIDTH)
    stderr.write(`\r${what} [${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${done} of ${total}`)
  }
  try {
    return await work(update)
  } finally {
    if (drawnAt > 0) stderr.write('\r\u001b[K')
  }
}
