import type { Holder, Lease } from '../../domain/lease.ts'
import type { LeaseStatus } from '../../ports/ledger.ts'
import type { Processes } from '../../ports/processes.ts'
import { Overtaken, type Row, restored, restoredOrNull, type Sql } from './sql.ts'

/** What a process remembers of the leases that it renewed, over all its transactions. */
export class Renewals {
  readonly #at = new Map<string, number>()
  #allAt = Number.NEGATIVE_INFINITY

  /** True when a tenth of a lease's lifetime has passed since the last time, so that not every heartbeat writes the slot. */
  isDue(sessionId: string, ttlMs: number): boolean {
    const last = this.#at.get(sessionId)
    return last === undefined || performance.now() - last >= ttlMs / 10
  }

  note(sessionId: string): void {
    this.#at.set(sessionId, performance.now())
  }

  /** All leases of this process were renewed, by a statement that went out at that time or later. */
  noteAll(at: number): void {
    this.#allAt = at
  }

  /** Since when all leases of this process that it still has are held at least, by `performance.now()`. */
  get allAt(): number {
    return this.#allAt
  }
}

export interface SlotsOn {
  readonly processes: Processes
  readonly ttlMs: number
  readonly renewals: Renewals
}

/** What changes with every grant, renewal and release. */
interface Version {
  readonly token: number
  readonly version: string | null
  readonly session_id: string | null
}

function versionIn(row: Row | undefined): Version {
  const [version, session_id] = [row?.['version'] ?? null, row?.['session_id'] ?? null]
  return {
    token: Number(row?.['token'] ?? 0),
    version: version === null ? null : String(version),
    session_id: restoredOrNull(session_id),
  }
}

export const LEASE = `slot, token, session_id, holder, ttl_ms, ${iso('locked_at')} AS locked_at, ${iso('renewed_at')} AS renewed_at,
  renewed_at + ttl_ms * interval '1 millisecond' < statement_timestamp() AS expired, renewed_at::text AS version,
  extract(epoch FROM statement_timestamp() - renewed_at) * 1000 AS age_ms`

/** Locks on slots, judged by the database's clock; a holder on this machine that is seen to be dead need not be waited for. */
export class Slots {
  readonly #sql: Sql
  readonly #project: string
  readonly #on: SlotsOn
  /** What this transaction went by when it judged a slot: token, and last renewal. */
  readonly #seen = new Map<string, Version>()
  readonly #renewed: string[] = []
  #hasRenewedAll = false
  readonly #displaced = new Set<string>()
  /** Before anything was asked. */
  readonly #beganAt = performance.now()
  readonly #heldSince = new Map<string, number>()

  constructor(sql: Sql, projectId: string, on: SlotsOn) {
    this.#sql = sql
    this.#project = projectId
    this.#on = on
  }

  async status(slot: string): Promise<LeaseStatus | undefined> {
    const row = await this.#sql.get(`SELECT ${LEASE} FROM rutter.slots WHERE project_id = $1 AND slot = $2`, [
      this.#project,
      slot,
    ])
    this.#note(slot, row)
    return row === undefined || row['session_id'] === null ? undefined : this.#judge(row)
  }

  /** Nobody else grants, renews or releases the slot until this transaction is over. */
  async lock(slot: string): Promise<void> {
    this.#sql.begin()
    await this.#sql.get('SELECT 1 FROM rutter.slots WHERE project_id = $1 AND slot = $2 FOR UPDATE', [
      this.#project,
      slot,
    ])
  }

  /** The same from columns that were read with something else; `undefined` where they are of no slot. */
  statusIn(row: Row): { slot: string; status: LeaseStatus | undefined } | undefined {
    if (row['slot'] === null || row['slot'] === undefined) return undefined
    const slot = restored(row['slot'])
    this.#note(slot, row)
    return { slot, status: row['session_id'] === null ? undefined : this.#judge(row) }
  }

  async all(): Promise<LeaseStatus[]> {
    const rows = await this.#sql.all(
      `SELECT ${LEASE} FROM rutter.slots WHERE project_id = $1 AND session_id IS NOT NULL ORDER BY slot`,
      [this.#project],
    )
    return rows.map((row) => this.#judge(row))
  }

  /** Fails, as a conflict, where the slot has changed since this transaction judged it. */
  async grant(slot: string, sessionId: string): Promise<Lease> {
    if (!this.#seen.has(slot)) await this.status(slot)
    this.#sql.begin()
    const seen = this.#seen.get(slot)
    const values = [this.#project, slot, sessionId, this.#self, this.#on.ttlMs]
    const row =
      seen === undefined || seen.token === 0
        ? await this.#sql.get(
            `INSERT INTO rutter.slots (project_id, slot, token, session_id, holder, locked_at, renewed_at, ttl_ms)
             VALUES ($1, $2, 1, $3, $4, clock_timestamp(), clock_timestamp(), $5) RETURNING ${LEASE}`,
            values,
          )
        : await this.#sql.get(
            `UPDATE rutter.slots SET token = token + 1, session_id = $3, holder = $4, ttl_ms = $5,
               locked_at = clock_timestamp(), renewed_at = clock_timestamp()
             WHERE project_id = $1 AND slot = $2 AND token = $6 AND renewed_at::text IS NOT DISTINCT FROM $7
             RETURNING ${LEASE}`,
            [...values, seen.token, seen.version],
          )
    if (row === undefined) throw new Overtaken(`slot ${slot} changed between look and grant`)
    if (seen?.session_id) this.#displaced.add(seen.session_id)
    this.#seen.set(slot, versionIn(row))
    // A grant is a renewal too.
    this.#on.renewals.note(sessionId)
    return this.#judge(row).lease
  }

  /** Fails, as a conflict, where the slot has changed since this transaction judged it. */
  async release(slot: string): Promise<void> {
    if (!this.#seen.has(slot)) await this.status(slot)
    const seen = this.#seen.get(slot)
    if (seen === undefined || seen.session_id === null) return
    this.#sql.begin()
    const released = await this.#sql.run(RELEASE, [this.#project, slot, seen.token, seen.version])
    if (released === 0) throw new Overtaken(`slot ${slot} changed between look and release`)
    this.#displaced.add(seen.session_id)
    this.#seen.set(slot, { ...seen, version: null, session_id: null })
  }

  /** Since when a slot is held at least, as it was found here, by `performance.now()`. */
  heldSince(slot: string): number | undefined {
    return this.#heldSince.get(slot)
  }

  /** Sessions that this transaction took a slot from. */
  get displaced(): ReadonlySet<string> {
    return this.#displaced
  }

  /** The next grant in each slot has a token above these, which records tell of that were written elsewhere. */
  async raiseTokens(tokens: ReadonlyMap<string, number>): Promise<void> {
    if (tokens.size === 0) return
    const slots = [...tokens.keys()].sort()
    await this.#sql.run(
      `WITH raised AS (
         INSERT INTO rutter.slots AS known (project_id, slot, token)
         SELECT $1, slot, token FROM unnest($2::text[], $3::bigint[]) AS given (slot, token)
         ON CONFLICT (project_id, slot) DO UPDATE SET token = excluded.token WHERE known.token < excluded.token
         RETURNING session_id
       )
       UPDATE rutter.streams AS s SET fence = fence + 1 FROM raised
       WHERE s.project_id = $1 AND s.kind = 'session' AND s.id = raised.session_id`,
      [this.#project, slots, slots.map((slot) => tokens.get(slot) ?? 0)],
    )
  }

  /** Renews a session's lease where this process holds it and has not done so of late. */
  async renew(sessionId: string): Promise<void> {
    if (!this.#on.renewals.isDue(sessionId, this.#on.ttlMs)) return
    this.#renewed.push(sessionId)
    await this.#sql.run(
      `UPDATE rutter.slots SET renewed_at = clock_timestamp() WHERE project_id = $1 AND session_id = $2 AND holder = $3`,
      [this.#project, sessionId, this.#self],
    )
  }

  /** To be called once what was renewed is committed: an attempt that is tried again must renew again. */
  noteRenewals(): void {
    for (const sessionId of this.#renewed) this.#on.renewals.note(sessionId)
    if (this.#hasRenewedAll) this.#on.renewals.noteAll(this.#beganAt)
  }

  async renewAll(): Promise<void> {
    await this.#sql.run(
      `UPDATE rutter.slots SET renewed_at = clock_timestamp()
       WHERE project_id = $1 AND session_id IS NOT NULL AND holder = $2`,
      [this.#project, this.#self],
    )
    this.#hasRenewedAll = true
  }

  /** This process as it stands in the rows; a usual call does not ask for it. */
  get #self(): string {
    return JSON.stringify(this.#on.processes.self())
  }

  /** The first look is the one that was gone by: what a later one shows may be what somebody made of the slot since. */
  #note(slot: string, row: Row | undefined): void {
    if (!this.#seen.has(slot)) this.#seen.set(slot, versionIn(row))
  }

  #judge(row: Row): LeaseStatus {
    const { processes } = this.#on
    const mine = restored(row['holder']) === this.#self
    const holder = mine ? processes.self() : (JSON.parse(restored(row['holder'])) as Holder)
    const lease: Lease = {
      slot: restored(row['slot']),
      session_id: restored(row['session_id']),
      token: Number(row['token']),
      holder,
      locked_at: String(row['locked_at']),
      renewed_at: String(row['renewed_at']),
      renewed_uptime_ms: 0,
      ttl_ms: Number(row['ttl_ms']),
    }
    this.#heldSince.set(lease.slot, this.#beganAt - Number(row['age_ms']))
    // Nobody takes a slot from a process that it can see at work, and nobody else can see that: so the process itself goes by the clock.
    if (row['expired'] === true) return { lease, held: false, gone: 'lease_expired', mine }
    if (!mine && processes.liveness(holder) === 'dead') return { lease, held: false, gone: 'process_gone', mine }
    return { lease, held: true, gone: null, mine }
  }
}

const RELEASE = `
  UPDATE rutter.slots SET session_id = NULL, holder = NULL, locked_at = NULL, renewed_at = NULL, ttl_ms = NULL
  WHERE project_id = $1 AND slot = $2 AND token = $3 AND renewed_at::text IS NOT DISTINCT FROM $4`

function iso(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}
