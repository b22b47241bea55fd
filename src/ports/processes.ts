import type { Holder, Liveness } from '../domain/lease.ts'

/** Who this process is, and whether another one still runs. */
export interface Processes {
  self(): Holder
  /** `unknown` when the holder lives on another machine or in another process table. */
  liveness(holder: Holder): Liveness
}
