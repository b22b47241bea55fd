import type { TaskReport } from '../../domain/session/projection.ts'
import { hasEnded, type SessionState } from '../../domain/session/state.ts'
import type { Heartbeat, LeaseStatus } from '../../ports/ledger.ts'
import { checkSeen } from './fences.ts'
import type { Renewals } from './slots.ts'
import { Overtaken, type Sql } from './sql.ts'
import type { SeenHead } from './streams.ts'
import { turnIsCounted } from './turn-requests.ts'

/** A session as a write of this process left it, holding its slot. */
export interface Recalled extends Left {
  readonly session: SessionState
  readonly lease: LeaseStatus
}

/** The same where it is not known whether it may be remembered. */
export interface Left {
  readonly head: SeenHead
  readonly session: SessionState | undefined
  /** The event that its rows are of, and what is in none of them yet. */
  readonly as_of: number
  readonly pending: readonly TaskReport[]
  readonly beat: Heartbeat | undefined
  readonly lease: LeaseStatus | undefined
  /** Since when the lease is held at least, by `performance.now()`. */
  readonly held_since: number
}

/** Sessions of one process that are remembered at once; an agent has one, a supervisor of many some dozens. */
const REMEMBERED = 64

/**
 * What this process knows of sessions from its own last writes to them, so that the next call need not read them again: that is one
 * of the two messages that a call would take. It is never taken on trust: whatever is decided by it goes out together with the question
 * whether the stream ends as it did, and is done again with a fresh look where it does not. What is in no event, the slot and the
 * heartbeat, counts in that too: whoever changes it raises the stream's fence. Only that a lease runs out changes nothing anywhere; one
 * that may have is not remembered any more.
 */
export class RecalledSessions {
  readonly #known = new Map<string, Recalled>()
  readonly #renewals: Renewals

  constructor(renewals: Renewals) {
    this.#renewals = renewals
  }

  get(sessionId: string): Recalled | undefined {
    const recalled = this.#known.get(sessionId)
    if (recalled === undefined) return undefined
    const heldSince = Math.max(recalled.held_since, this.#renewals.allAt)
    return performance.now() - heldSince < recalled.lease.lease.ttl_ms ? recalled : undefined
  }

  /** Remembers how a session was left; one that is over or has lost its slot is forgotten. */
  keep(sessionId: string, left: Left): void {
    const { head, session, lease } = left
    // Of two calls that were under way together, the one that was answered last need not be the later one.
    if ((this.#known.get(sessionId)?.head.seq ?? 0) > head.seq) return
    this.#known.delete(sessionId)
    if (session === undefined || hasEnded(session)) return
    // Of another process only a look shows whether it still runs.
    if (!lease?.held || !lease.mine || lease.lease.session_id !== sessionId) return
    this.#known.set(sessionId, { ...left, session, lease })
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= REMEMBERED) return
      this.#known.delete(oldest)
    }
  }

  forget(sessionId: string): void {
    this.#known.delete(sessionId)
  }
}

/** What one transaction goes by and has not looked at. */
export class Recollection {
  readonly #sql: Sql
  readonly #project: string
  readonly #known: RecalledSessions
  readonly #taken: Recalled[] = []
  readonly #turns: (readonly [sessionId: string, requestId: string])[] = []
  #confirmed: Promise<unknown> | null = null

  constructor(sql: Sql, projectId: string, known: RecalledSessions) {
    this.#sql = sql
    this.#project = projectId
    this.#known = known
  }

  take(sessionId: string): Recalled | undefined {
    const recalled = this.#known.get(sessionId)
    if (recalled !== undefined) this.#taken.push(recalled)
    return recalled
  }

  /** How many sessions were taken from memory. */
  get taken(): number {
    return this.#taken.length
  }

  /** A turn is new, as nearly all are. */
  takeForNew(sessionId: string, requestId: string): void {
    this.#turns.push([sessionId, requestId])
  }

  /** Asks whether all of it is so, the sessions at most once; fails as a conflict where it is not. */
  async confirm(): Promise<void> {
    this.#confirmed ??= Promise.all(
      this.#taken.map(({ head, session }) => checkSeen(this.#sql, this.#project, session.session_id, head)),
    )
    await Promise.all([this.#confirmed, ...this.#turns.map((turn) => this.#checkNew(...turn))])
  }

  async #checkNew(sessionId: string, requestId: string): Promise<void> {
    if (!(await turnIsCounted(this.#sql, this.#project, sessionId, requestId))) return
    throw new Overtaken(`turn ${requestId} of session ${sessionId} was counted before`)
  }
}
