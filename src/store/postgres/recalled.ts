import { hasEnded, type SessionState } from '../../domain/session/state.ts'
import type { Heartbeat, LeaseStatus } from '../../ports/ledger.ts'
import { Overtaken, type Sql, type Value } from './sql.ts'
import type { SeenHead } from './streams.ts'

/** A session as a write of this process left it, holding its slot. */
export interface Recalled {
  readonly head: SeenHead
  readonly session: SessionState
  /** The event that the kept state is of. */
  readonly as_of: number
  readonly beat: Heartbeat | undefined
  readonly lease: LeaseStatus
}

/** The same where it is not known whether it may be remembered. */
export interface Left {
  readonly head: SeenHead
  readonly session: SessionState | undefined
  readonly as_of: number
  readonly beat: Heartbeat | undefined
  readonly lease: LeaseStatus | undefined
}

/** Sessions of one process that are remembered at once; an agent has one, a supervisor of many some dozens. */
const REMEMBERED = 64

/**
 * What this process knows of sessions from its own last writes to them, so that the next call need not read them again: that is one
 * of the two messages that a call would take. It is never taken on trust: whatever is decided by it goes out together with the question
 * whether it still is so (`IS_AS_RECALLED`), and is done again with a fresh look where it is not.
 */
export class RecalledSessions {
  readonly #known = new Map<string, Recalled>()

  get(sessionId: string): Recalled | undefined {
    return this.#known.get(sessionId)
  }

  /** Remembers how a session was left; one that is over or has lost its slot is forgotten. */
  keep(sessionId: string, { head, session, as_of, beat, lease }: Left): void {
    // Of two calls that were under way together, the one that was answered last need not be the later one.
    if ((this.#known.get(sessionId)?.head.seq ?? 0) > head.seq) return
    this.#known.delete(sessionId)
    if (session === undefined || hasEnded(session)) return
    // Of another process only a look shows whether it still runs.
    if (!lease?.held || !lease.mine || lease.lease.session_id !== sessionId) return
    this.#known.set(sessionId, { head, session, as_of, beat, lease })
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= REMEMBERED) return
      this.#known.delete(oldest)
    }
  }

  forget(sessionId: string): void {
    this.#known.delete(sessionId)
  }
}

/** What one transaction takes from memory. */
export class Recollection {
  readonly #sql: Sql
  readonly #project: string
  readonly #known: RecalledSessions
  readonly #taken: Recalled[] = []
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

  /** Asks, at most once, whether what was taken is still so; fails as a conflict where it is not. */
  async confirm(): Promise<void> {
    this.#confirmed ??= Promise.all(this.#taken.map((recalled) => checkRecalled(this.#sql, this.#project, recalled)))
    await this.#confirmed
  }
}

/** True for what is asked beside the end of the stream: the slot is still this grant's, and nobody else has sent a heartbeat. */
export function leaseAndBeatAsRecalled(first: number): string {
  const [slot, token, ...beat] = [0, 1, 2, 3, 4, 5].map((nth) => `$${first + nth}`)
  return `EXISTS (SELECT 1 FROM rutter.slots WHERE project_id = $1 AND slot = ${slot} AND session_id = $3 AND token = ${token}
      AND renewed_at + ttl_ms * interval '1 millisecond' >= statement_timestamp())
    AND NOT EXISTS (SELECT 1 FROM rutter.heartbeats WHERE project_id = $1 AND session_id = $3
      AND (at, status, next_action, process_id) IS DISTINCT FROM (${beat.join(', ')}))`
}

/** The values of `leaseAndBeatAsRecalled`. */
export function recalledValues({ lease: { lease }, beat }: Recalled): Value[] {
  const { at = null, status = null, next_action = null, process_id = null } = beat ?? {}
  return [lease.slot, lease.token, at, status, next_action, process_id]
}

const IS_AS_RECALLED = `
  SELECT 1 FROM rutter.streams
  WHERE project_id = $1 AND kind = $2 AND id = $3 AND seq = $4 AND hash = $5 AND fence = $6 AND ${leaseAndBeatAsRecalled(7)}`

/** Fails as a conflict where a session is not as it was remembered. */
async function checkRecalled(sql: Sql, projectId: string, recalled: Recalled): Promise<void> {
  const { head, session } = recalled
  const row = await sql.get(IS_AS_RECALLED, [
    ...[projectId, 'session', session.session_id],
    ...[head.seq, head.hash, head.fence],
    ...recalledValues(recalled),
  ])
  if (row === undefined) throw new Overtaken(`session ${session.session_id} is not as it was left`)
}
