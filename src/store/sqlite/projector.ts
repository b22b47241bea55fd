import type { StreamRef } from '../../domain/event.ts'
import { isSessionEvent, type SessionEvent } from '../../domain/session/events.ts'
import { project } from '../../domain/session/projection.ts'
import { hasEnded, type SessionState } from '../../domain/session/state.ts'
import type { Link } from '../../log/chain.ts'
import type { Leases } from './leases.ts'
import type { Rows } from './rows.ts'

type Grant = Extract<SessionEvent, { type: 'lease.granted' }>

/** Carries the events of one stream, as they are read from its record, into the store's rows. */
export class Projector {
  readonly #stream: StreamRef
  readonly #rows: Rows
  readonly #leases: Leases
  #session: SessionState | undefined
  #grant: Grant | undefined
  /** The session that the record says it is of: a copy under another name is not that session. */
  #startedAs: string | undefined

  constructor(stream: StreamRef, parts: { rows: Rows; leases: Leases }, before?: SessionState) {
    this.#stream = stream
    this.#rows = parts.rows
    this.#leases = parts.leases
    this.#session = before
  }

  /** One step of the record. Rows beside the session's own are written at once. */
  take(links: readonly Link[]): void {
    if (this.#stream.kind !== 'session') return
    const events = links.flatMap(understood)
    if (events.length === 0) return
    const { state, changes } = project(this.#session, events)
    this.#rows.carryOut(changes)
    // A record whose first line is damaged is still the record of the session that its file is named after.
    this.#session = state.session_id === this.#stream.id ? state : { ...state, session_id: this.#stream.id }
    for (const event of events) {
      if (event.type === 'session.started') this.#startedAs = event.data.session_id
      if (event.type !== 'lease.granted') continue
      this.#grant = event
      this.#leases.raiseToken(event.data.slot, event.data.token)
    }
  }

  /** Writes the session's row, once for all the steps taken. */
  finish(): void {
    if (this.#session !== undefined) this.#rows.putSession(this.#session)
  }

  /** A store that was lost knows no locks any more: the record says who held the slot last, in this very place. */
  recoverLease(place: string): void {
    const grant = this.#grant
    if (grant === undefined || grant.data.book !== place) return
    if (this.#session === undefined || hasEnded(this.#session)) return
    if (this.#startedAs !== this.#stream.id) return
    const { slot, token, holder } = grant.data
    this.#leases.recover({ slot, session_id: this.#stream.id, token, holder, locked_at: grant.at })
  }
}

function understood(link: Link): SessionEvent[] {
  return link.understood && isSessionEvent(link.event) ? [link.event] : []
}
