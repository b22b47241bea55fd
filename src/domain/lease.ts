import * as z from 'zod'

/**
 * The process that holds a slot. Host, boot and start time are there because a process id alone is reused:
 * the same number after a reboot, in another container or a minute later is somebody else.
 */
export const holderSchema = z.object({
  host: z.string(),
  /** Identifies one boot of the machine; `""` where the system does not tell. */
  boot_id: z.string(),
  /** Identifies the table in which `pid` is counted (a container has its own); `""` where there is but one. */
  pid_space: z.string(),
  pid: z.int(),
  /** When the process started, as the system writes it; compared for equality only. `""` where it does not tell. */
  started: z.string(),
})
export type Holder = z.infer<typeof holderSchema>

/** The lock on a slot: which session has it, which process keeps it alive, and the fencing token of the grant. */
export interface Lease {
  readonly slot: string
  readonly session_id: string
  /** Rises by one with each grant in the slot, over all its sessions. */
  readonly token: number
  readonly holder: Holder
  /** When the lock was granted, ISO 8601. For people; nothing is decided by it. */
  readonly locked_at: string
  /** The last renewal by wall clock, ISO 8601. For people; nothing is decided by it. */
  readonly renewed_at: string
  /** The last renewal on the holder's boot clock, milliseconds. Comparable only within the same `boot_id`. */
  readonly renewed_uptime_ms: number
  readonly ttl_ms: number
}

/** What a process could find out about the holder of a lease. */
export type Liveness = 'alive' | 'dead' | 'unknown'

/** Where a lease was last seen unchanged by an observer that cannot look at the holder's process or clock. */
export interface Sighting {
  readonly token: number
  readonly renewed_uptime_ms: number
  readonly observer_boot_id: string
  readonly seen_uptime_ms: number
}

export type LeaseVerdict =
  | { held: true; sighting?: Sighting }
  | { held: false; reason: 'process_gone' | 'lease_expired' }

/**
 * Says whether a lease still holds.
 *
 * A holder that can be seen decides by itself: alive holds, however old the lease; dead does not. One that cannot be seen
 * (another machine, another container) is judged by time, and never by the wall clock, which jumps: on the same boot by the
 * boot clock that both share, elsewhere by how long *this* machine has watched the lease without seeing a renewal.
 */
export function judgeLease(
  lease: Lease,
  liveness: Liveness,
  observer: { boot_id: string; uptime_ms: number; sighting: Sighting | undefined },
): LeaseVerdict {
  if (liveness === 'alive') return { held: true }
  if (liveness === 'dead') return { held: false, reason: 'process_gone' }
  if (lease.holder.boot_id !== '' && lease.holder.boot_id === observer.boot_id) {
    return observer.uptime_ms - lease.renewed_uptime_ms > lease.ttl_ms
      ? { held: false, reason: 'lease_expired' }
      : { held: true }
  }
  const seen = observer.sighting
  const unchanged =
    seen !== undefined &&
    seen.token === lease.token &&
    seen.renewed_uptime_ms === lease.renewed_uptime_ms &&
    seen.observer_boot_id === observer.boot_id &&
    seen.seen_uptime_ms <= observer.uptime_ms
  if (!unchanged) {
    return {
      held: true,
      sighting: {
        token: lease.token,
        renewed_uptime_ms: lease.renewed_uptime_ms,
        observer_boot_id: observer.boot_id,
        seen_uptime_ms: observer.uptime_ms,
      },
    }
  }
  return observer.uptime_ms - seen.seen_uptime_ms > lease.ttl_ms
    ? { held: false, reason: 'lease_expired' }
    : { held: true }
}

/** When the lease would run out by the wall clock if nobody renewed it. For people. */
export function leaseExpiresAt(lease: Pick<Lease, 'renewed_at' | 'ttl_ms'>): string {
  return new Date(Date.parse(lease.renewed_at) + lease.ttl_ms).toISOString()
}
