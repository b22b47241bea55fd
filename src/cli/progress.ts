import type { Progress } from '../ports/ledger.ts'

const WIDTH = 30

/** At most so many redraws a second, so that drawing costs nothing beside the work. */
const REDRAWS = 20

/** A bar on standard error while it is a terminal; elsewhere nothing, since a log has no use for one. */
export function progressBar(what: string): { update(progress: Progress): void; done(): void } {
  const { stderr } = process
  let drawnAt = 0
  if (!stderr.isTTY) return { update() {}, done() {} }
  return {
    update({ done, total }) {
      const now = performance.now()
      if (now - drawnAt < 1000 / REDRAWS && done < total) return
      drawnAt = now
      const part = total === 0 ? 1 : done / total
      const filled = Math.round(part * WIDTH)
      stderr.write(`\r${what} [${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${done} of ${total}`)
    },
    done() {
      if (drawnAt > 0) stderr.write('\r\u001b[K')
    },
  }
}
