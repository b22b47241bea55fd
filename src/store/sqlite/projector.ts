import type { StreamRef } from '../../domain/event.ts'
import { isMemoryEvent, type MemoryEvent } from '../../domain/memory/events.ts'
import { isSessionEvent, type SessionEvent } from '../../domain/session/events.ts'
import { type Change, mergeReport, project, type TaskReport } from '../../domain/session/projection.ts'
import { hasEnded, type SessionState } from '../../domain/session/state.ts'
import type { Link } from '../../log/chain.ts'
import type { Leases } from './leases.ts'
import type { MemoryProjection } from './memory-projection.ts'
import type { Rows } from './rows.ts'

type Grant = Extract<SessionEvent, { type: 'lease.granted' }>

/** Carries the events of one stream, as they are read from its record, into the store's rows. */
export class Projector {
  readonly #stream: StreamRef
  readonly #rows: Rows
  readonly #leases: Leases
  readonly #memory: MemoryProjection
  readonly #learned: MemoryEvent[] = []
  readonly #reports = new Map<string, TaskReport>()
  #session: SessionState | undefined
  #grant: Grant | undefined
  /** The session that the record says it is of: a copy under another name is not that session. */
  #startedAs: string | undefined

  constructor(
    stream: StreamRef,
    parts: { rows: Rows; leases: Leases; memory: MemoryProjection },
    before?: SessionState,
  ) {
    this.#stream = stream
    this.#rows = parts.rows
    this.#leases = parts.leases
    this.#memory = parts.memory
    this.#session = before
    this.#startedAs = before?.session_id
  }

  /** One step of the record. */
  take(links: readonly Link[]): void {
    const known = links.filter(({ understood }) => understood)
    const events = known.map(({ event }) => event)
    const own = this.#stream.kind === 'session' ? events.filter(isSessionEvent) : []
    if (own.length < events.length) {
      // By its place in the chain: the number in a line may have been changed after it was written.
      const placed = known.map(({ event, head }) => ({ ...event, seq: head.seq }))
      this.#learned.push(...placed.filter(isMemoryEvent))
    }
    if (this.#stream.kind !== 'session' || (own.length === 0 && this.#session === undefined)) return
    const { state, changes } = project(this.#session, own, events.at(-1)?.at)
    for (const change of changes) this.#gather(change)
    // A record whose first line is damaged is still the record of the session that its file is named after.
    this.#session = state.session_id === this.#stream.id ? state : { ...state, session_id: this.#stream.id }
    for (const event of own) {
      if (event.type === 'session.started') this.#startedAs = event.data.session_id
      if (event.type !== 'lease.granted') continue
      this.#grant = event
      this.#leases.raiseToken(event.data.slot, event.data.token)
    }
  }

  /** Writes the session's row, those of its tasks and what was learned, once for all the steps taken. */
  finish(): void {
    this.#rows.carryOut([...this.#reports.values()].map((report) => ({ table: 'task_reports', report })))
    if (this.#session !== undefined) this.#rows.putSession(this.#session)
    this.#memory.take(this.#stream, this.#learned)
  }

  /** A long record says much about few tasks: what it says is merged here, and written once. */
  #gather(change: Change): void {
    if (change.table === 'task_reports') {
      const { report } = change
      this.#reports.set(report.task_id, mergeReport(this.#reports.get(report.task_id), report))
    } else {
      this.#rows.carryOut([change])
    }
  }

  /**
   * Lets the lock follow the record: one that was granted here and that the store does not know is put in force, one of a session
   * that is over is given back.
   */
  settleLease(place: string): void {
    if (this.#session === undefined || this.#startedAs !== this.#stream.id) return
    const { slot } = this.#session
    if (hasEnded(this.#session)) {
      if (this.#leases.holderOf(slot) === this.#stream.id) this.#leases.release(slot)
      return
    }
    const grant = this.#grant
    if (grant === undefined || grant.data.book !== place) return
    const { token, holder } = grant.data
    this.#leases.recover({ slot: grant.data.slot, session_id: this.#stream.id, token, holder, locked_at: grant.at })
  }
}
