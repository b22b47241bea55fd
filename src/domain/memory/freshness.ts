export const FRESHNESS = ['current', 'recent', 'stale'] as const
export type Freshness = (typeof FRESHNESS)[number]

const DAY_MS = 86_400_000
const CURRENT_DAYS = 7
const RECENT_DAYS = 30

/** How fresh something said at `at` is at `now`, both ISO 8601: a week, a month, or older. A time that cannot be read is old. */
export function freshnessOf(at: string, now: string): Freshness {
  const days = (Date.parse(now) - Date.parse(at)) / DAY_MS
  if (days <= CURRENT_DAYS) return 'current'
  return days <= RECENT_DAYS ? 'recent' : 'stale'
}
