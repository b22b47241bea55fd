import type { Clock } from '../ports/clock.ts'

/** The machine's clocks. */
export function systemClock(): Clock {
  return {
    now: () => new Date().toISOString(),
    // Whole milliseconds: they are stored in integer columns. Node's monotonic clock counts from boot and is one for all
    // processes. While a laptop sleeps it stands still on Linux and goes on elsewhere; either is safe, because a lease is
    // judged by it only where the holder's process cannot be seen.
    uptimeMs: () => Number(process.hrtime.bigint() / 1_000_000n),
  }
}
