import { type Holder, judgeLease, type Lease, type Sighting } from '../../domain/lease.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LeaseStatus } from '../../ports/ledger.ts'
import type { Processes } from '../../ports/processes.ts'
import type { Database } from './database.ts'

/** Locks on slots. Judged by the machine's process table, or by its boot clock where the holder cannot be seen. */
export class Leases {
  readonly #db: Database
  readonly #project: string
  readonly #clock: Clock
  readonly #processes: Processes
  readonly #ttlMs: number
  /** This process as it stands in the rows. */
  readonly #self: string
  /** When each session's lease was last renewed from here, on the boot clock. */
  readonly #renewed = new Map<string, number>()

  constructor(db: Database, projectId: string, on: { clock: Clock; processes: Processes; ttlMs: number }) {
    this.#db = db
    this.#project = projectId
    this.#clock = on.clock
    this.#processes = on.processes
    this.#ttlMs = on.ttlMs
    this.#self = JSON.stringify(on.processes.self())
  }

  /** `noted` is called when the verdict rests on watching the lease from now on. */
  status(slot: string, noted: (slot: string, sighting: Sighting) => void): LeaseStatus | undefined {
    const row = this.#db.sql('SELECT * FROM leases WHERE project_id = ? AND slot = ?').get(this.#project, slot)
    return row === undefined ? undefined : this.#judge(row, noted)
  }

  all(noted: (slot: string, sighting: Sighting) => void): LeaseStatus[] {
    return this.#db
      .sql('SELECT * FROM leases WHERE project_id = ? ORDER BY slot')
      .all(this.#project)
      .map((row) => this.#judge(row, noted))
  }

  #judge(row: Record<string, unknown>, noted: (slot: string, sighting: Sighting) => void): LeaseStatus {
    const self = this.#processes.self()
    const mine = row['holder'] === this.#self
    const lease = leaseOf(row, mine ? self : (JSON.parse(String(row['holder'])) as Holder))
    if (mine) return { lease, held: true, gone: null, mine }
    const verdict = judgeLease(lease, this.#processes.liveness(lease.holder), {
      boot_id: self.boot_id,
      uptime_ms: this.#clock.uptimeMs(),
      sighting: this.#sighting(lease.slot),
    })
    if (!verdict.held) return { lease, held: false, gone: verdict.reason, mine: false }
    if (verdict.sighting !== undefined) noted(lease.slot, verdict.sighting)
    return { lease, held: true, gone: null, mine: false }
  }

  grant(slot: string, sessionId: string): Lease {
    const now = this.#clock.now()
    const lease: Lease = {
      slot,
      session_id: sessionId,
      token: this.#highestToken(slot) + 1,
      holder: this.#processes.self(),
      locked_at: now,
      renewed_at: now,
      renewed_uptime_ms: this.#clock.uptimeMs(),
      ttl_ms: this.#ttlMs,
    }
    this.put(lease)
    this.raiseToken(slot, lease.token)
    return lease
  }

  put(lease: Lease): void {
    this.#db
      .sql(`INSERT OR REPLACE INTO leases
              (project_id, slot, session_id, token, holder, locked_at, renewed_at, renewed_uptime_ms, ttl_ms)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
      .run(
        this.#project,
        lease.slot,
        lease.session_id,
        lease.token,
        JSON.stringify(lease.holder),
        lease.locked_at,
        lease.renewed_at,
        lease.renewed_uptime_ms,
        lease.ttl_ms,
      )
  }

  /**
   * The lock that a record tells of and this store does not: the store was lost or thrown back, or the process that was granted it
   * died before the store could follow. Taken as renewed this moment, since nobody can say when it last was. A lock that was
   * given back stays so, whatever older copy of a record turns up, and so does one that a later grant overtook.
   */
  recover(grant: { slot: string; session_id: string; token: number; holder: Holder; locked_at: string }): void {
    const known = this.#db
      .sql(`SELECT tokens.token AS token, released, coalesce(leases.token, 0) AS leased FROM tokens
            LEFT JOIN leases ON leases.project_id = tokens.project_id AND leases.slot = tokens.slot
            WHERE tokens.project_id = ? AND tokens.slot = ?`)
      .get(this.#project, grant.slot)
    const isOvertaken = grant.token < Number(known?.['token'] ?? 0)
    const isSettled = grant.token <= Math.max(Number(known?.['released'] ?? 0), Number(known?.['leased'] ?? 0))
    if (isOvertaken || isSettled) return
    const renewed = { renewed_at: this.#clock.now(), renewed_uptime_ms: this.#clock.uptimeMs(), ttl_ms: this.#ttlMs }
    this.put({ ...grant, ...renewed })
  }

  /** The session that has a slot. */
  holderOf(slot: string): string | undefined {
    const row = this.#db.sql('SELECT session_id FROM leases WHERE project_id = ? AND slot = ?').get(this.#project, slot)
    return row === undefined ? undefined : String(row['session_id'])
  }

  isLeased(sessionId: string): boolean {
    return (
      this.#db.sql('SELECT 1 FROM leases WHERE project_id = ? AND session_id = ?').get(this.#project, sessionId) !==
      undefined
    )
  }

  release(slot: string): void {
    this.#db
      .sql(`UPDATE tokens SET released = max(released, coalesce(
              (SELECT token FROM leases WHERE leases.project_id = tokens.project_id AND leases.slot = tokens.slot), 0))
            WHERE project_id = ? AND slot = ?`)
      .run(this.#project, slot)
    this.#db.sql('DELETE FROM leases WHERE project_id = ? AND slot = ?').run(this.#project, slot)
  }

  /**
   * Renews a session's lease where this process holds it. Skipped while a tenth of its lifetime has not passed since the last
   * time, so that a busy session does not write the lease with every call.
   */
  renew(sessionId: string): void {
    const uptime = this.#clock.uptimeMs()
    const last = this.#renewed.get(sessionId)
    if (last !== undefined && uptime - last < this.#ttlMs / 10) return
    this.#renewed.set(sessionId, uptime)
    this.#db
      .sql(`UPDATE leases SET renewed_at = ?, renewed_uptime_ms = ?
            WHERE project_id = ? AND session_id = ? AND holder = ?`)
      .run(this.#clock.now(), uptime, this.#project, sessionId, this.#self)
  }

  renewAll(): void {
    this.#db
      .sql('UPDATE leases SET renewed_at = ?, renewed_uptime_ms = ? WHERE project_id = ? AND holder = ?')
      .run(this.#clock.now(), this.#clock.uptimeMs(), this.#project, this.#self)
  }

  /** A power cut may take the last grants from the store but not from the records: the greater of both counts. */
  raiseToken(slot: string, token: number): void {
    this.#db
      .sql(`INSERT INTO tokens (project_id, slot, token) VALUES (?, ?, ?)
            ON CONFLICT DO UPDATE SET token = max(token, excluded.token)`)
      .run(this.#project, slot, token)
  }

  #highestToken(slot: string): number {
    const row = this.#db.sql('SELECT token FROM tokens WHERE project_id = ? AND slot = ?').get(this.#project, slot)
    return Number(row?.['token'] ?? 0)
  }

  #sighting(slot: string): Sighting | undefined {
    const row = this.#db
      .sql(`SELECT token, renewed_uptime_ms, observer_boot_id, seen_uptime_ms FROM sightings
            WHERE project_id = ? AND slot = ?`)
      .get(this.#project, slot)
    return row === undefined ? undefined : ({ ...row } as unknown as Sighting)
  }

  putSighting(slot: string, seen: Sighting): void {
    this.#db
      .sql(`INSERT OR REPLACE INTO sightings
              (project_id, slot, token, renewed_uptime_ms, observer_boot_id, seen_uptime_ms) VALUES (?, ?, ?, ?, ?, ?)`)
      .run(this.#project, slot, seen.token, seen.renewed_uptime_ms, seen.observer_boot_id, seen.seen_uptime_ms)
  }
}

function leaseOf(row: Record<string, unknown>, holder: Holder): Lease {
  return {
    slot: String(row['slot']),
    session_id: String(row['session_id']),
    token: Number(row['token']),
    holder,
    locked_at: String(row['locked_at']),
    renewed_at: String(row['renewed_at']),
    renewed_uptime_ms: Number(row['renewed_uptime_ms']),
    ttl_ms: Number(row['ttl_ms']),
  }
}
