import type { Actor } from '../../src/domain/event.ts'
import { GENESIS } from '../../src/domain/event.ts'
import { Refusal } from '../../src/domain/refusal.ts'
import type { SessionChanges, SessionCommand } from '../../src/domain/session/commands.ts'
import { decide } from '../../src/domain/session/decide.ts'
import { isSessionEvent, type NewSessionEvent, type SessionEvent } from '../../src/domain/session/events.ts'
import { evolve } from '../../src/domain/session/evolve.ts'
import { initialState, type SessionState } from '../../src/domain/session/state.ts'
import type { Turn } from '../../src/domain/usage.ts'

const AGENT: Actor = { kind: 'agent', name: 'test' }

const START = Date.parse('2026-11-21T22:00:00.000Z')

/** A session that is driven by commands, as the app does it, without any store. */
export class DrivenSession {
  state: SessionState
  readonly events: SessionEvent[] = []
  #now = START

  constructor(over: { max_consecutive_failures?: number } = {}) {
    this.state = initialState
    this.#take([
      {
        type: 'session.started',
        data: {
          session_id: 's-1',
          session_type: 'autonomous',
          slot: 'default',
          workflow: null,
          provider: null,
          model: null,
          metadata: {},
          max_consecutive_failures: over.max_consecutive_failures ?? 3,
        },
      },
    ])
  }

  get now(): string {
    return new Date(this.#now).toISOString()
  }

  wait(ms: number): this {
    this.#now += ms
    return this
  }

  /** Carries a command out; gives the types of the events that it made. */
  do(command: SessionCommand, actor: Actor = AGENT): SessionEvent['type'][] {
    const events = decide(this.state, command, actor)
    this.#take(events)
    return events.map(({ type }) => type)
  }

  update(changes: SessionChanges): SessionEvent['type'][] {
    return this.do({ kind: 'update', changes })
  }

  fail(message = 'boom', taskId: string | null = null): SessionEvent['type'][] {
    const error = { message, kind: null, detail: null }
    return this.do({ kind: 'record_failure', outcome: 'failed', error, task_id: taskId })
  }

  skip(message = 'not now', taskId: string | null = null): SessionEvent['type'][] {
    const error = { message, kind: null, detail: null }
    return this.do({ kind: 'record_failure', outcome: 'skipped', error, task_id: taskId })
  }

  complete(): SessionEvent['type'][] {
    return this.do({ kind: 'complete_task' })
  }

  turn(turn: Partial<Turn> = {}): SessionEvent['type'][] {
    return this.do({ kind: 'record_turn', turn: { ...PLAIN_TURN, ...turn }, already_counted: false })
  }

  /** The refusal of a command; the state is asserted to be as it was. */
  refused(command: SessionCommand | SessionChanges, actor: Actor = AGENT): Refusal {
    const before = this.state
    const wanted: SessionCommand = 'kind' in command ? command : { kind: 'update', changes: command }
    try {
      this.do(wanted, actor)
    } catch (error) {
      if (error instanceof Refusal && this.state === before) return error
      throw error
    }
    throw new Error(`${JSON.stringify(wanted)} was to be refused.`)
  }

  #take(events: readonly NewSessionEvent[]): void {
    for (const event of events) {
      const seq = this.events.length + 1
      const recorded = { v: 1, seq, id: `e-${seq}`, at: this.now, actor: AGENT, prev: GENESIS, ...event }
      if (!isSessionEvent(recorded)) throw new Error(`decide made an event that is none: ${JSON.stringify(event)}`)
      this.events.push(recorded)
      this.state = evolve(this.state, recorded)
    }
  }
}

export const PLAIN_TURN: Turn = {
  request_id: null,
  provider: null,
  model: null,
  tokens: { input: 1, output: 1, cache_read: 0, cache_write: 0, reasoning: 0 },
  cost_usd: null,
  cost_is_estimated: false,
  started_at: null,
  ended_at: null,
  stop_reason: null,
}
