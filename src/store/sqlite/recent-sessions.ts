import type { SessionState } from '../../domain/session/state.ts'

const KEPT = 16

/**
 * States of the sessions last written to, by the hash of the line that made them so: a state is a pure function of its stream, so
 * the same head is the same state, whoever wrote it. Spares each call the reading of what the last one wrote.
 */
export class RecentSessions {
  readonly #states = new Map<string, { hash: string; state: SessionState }>()

  get(sessionId: string, hash: string): SessionState | undefined {
    const known = this.#states.get(sessionId)
    return known?.hash === hash ? known.state : undefined
  }

  put(hash: string, state: SessionState): void {
    this.#states.delete(state.session_id)
    this.#states.set(state.session_id, { hash, state })
    const [oldest] = this.#states.keys()
    if (this.#states.size > KEPT && oldest !== undefined) this.#states.delete(oldest)
  }
}
