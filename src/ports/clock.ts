/** Time, as data for a pure domain. */
export interface Clock {
  /** Wall time, ISO 8601 UTC with milliseconds. It may jump: records show it, no lock is judged by it. */
  now(): string
  /** Milliseconds on the machine's boot clock: never set back, and the same for all processes of one boot. */
  uptimeMs(): number
}
