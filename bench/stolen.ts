/** How much of this machine's processors others took: a virtual machine shares them, and a figure of a bad moment says little. */
import { existsSync, readFileSync } from 'node:fs'

/** Gives the share since it was called, from 0 to 1; `null` where the system does not tell, as outside Linux. */
export function watchStolen(): () => number | null {
  const before = times()
  return () => {
    const now = times()
    if (before === null || now === null || now.all === before.all) return null
    return (now.stolen - before.stolen) / (now.all - before.all)
  }
}

/** Ticks of all processors since the start: user, nice, system, idle, iowait, irq, softirq, steal. */
function times(): { all: number; stolen: number } | null {
  if (!existsSync('/proc/stat')) return null
  const ticks = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.trim().split(/\s+/).slice(1, 9).map(Number)
  const stolen = ticks?.[7]
  if (ticks === undefined || stolen === undefined) return null
  return { all: ticks.reduce((sum, one) => sum + one, 0), stolen }
}
