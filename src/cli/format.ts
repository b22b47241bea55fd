/** A time as people read it: UTC, to the second. */
export function when(at: string): string {
  return `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`
}

export function timeOfDay(at: string): string {
  return at.slice(11, 19)
}

/** A length of time, to its two largest units. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (ms < 10_000) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** How long something has lasted. */
export function lasting(since: string, now: string): string {
  return duration(Date.parse(now) - Date.parse(since))
}

export function ago(at: string, now: string): string {
  return `${lasting(at, now)} ago`
}

/** Dollars, as precise as their size calls for; `?` when nothing is known. */
export function money(usd: number | null, estimated: boolean): string {
  if (usd === null) return '?'
  return `${estimated ? '~' : ''}$${usd.toFixed(usd < 1 ? 4 : 2)}`
}

/** A count with its thousands apart. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ' ')
}
