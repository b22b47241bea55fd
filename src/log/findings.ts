import type { StreamRef } from '../domain/event.ts'
import { isMemoryEvent } from '../domain/memory/events.ts'
import { isSessionEvent } from '../domain/session/events.ts'
import type { Finding } from '../ports/ledger.ts'
import type { Link, Observation } from './chain.ts'

/** Events that this Rutter does not know, by type, while the lines of a record are walked. */
export class UnknownEvents {
  readonly #times = new Map<string, number>()

  see({ event, understood }: Link): void {
    if (understood && !isSessionEvent(event) && !isMemoryEvent(event)) {
      this.#times.set(event.type, (this.#times.get(event.type) ?? 0) + 1)
    }
  }

  observations(): Observation[] {
    return [...this.#times].map(([type, times]) => {
      const events = times === 1 ? '1 event' : `${times} events`
      const message = `${events} of a type or shape that this Rutter does not know ("${type}"); kept and passed over`
      return { kind: 'unknown_event', line: null, message, damage: false }
    })
  }
}

/** The other copy of a record of which two went on apart. */
export function otherCopy(stream: StreamRef, where: string): Finding {
  const message = 'the other copy of a record that forked; kept beside it'
  return { stream, where, kind: 'forked', line: null, message, damage: false }
}
