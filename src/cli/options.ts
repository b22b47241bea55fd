import { InvalidArgumentError, Option } from 'commander'

/** Of each command that keeps the clone's own book, and brings it together with a team's. */
export function remoteOption(): Option {
  return new Option(
    '--remote <url>',
    "a team's PostgreSQL database, postgres://..., that this clone's files are brought together with",
  ).env('RUTTER_REMOTE')
}

/** A whole number within bounds, for an option. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= most) return number
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A moment, for an option: an ISO 8601 date or time, or how long ago (`90m`, `12h`, `7d`). Gives ISO 8601 UTC. */
export function moment(text: string): string {
  const ago = /^(\d{1,6})([mhd])$/.exec(text)
  const unit = UNITS[ago?.[2] ?? '']
  if (unit !== undefined) return new Date(Date.now() - Number(ago?.[1]) * unit).toISOString()
  const isIso = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/.test(text)
  const at = isIso ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(at)) return new Date(at).toISOString()
  throw new InvalidArgumentError(
    'It must be an ISO 8601 date or time (2026-11-21, 2026-11-21T22:00Z), or how long ago: 90m, 12h, 7d.',
  )
}
