import type { Actor } from '../domain/event.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Settings } from '../domain/settings.ts'
import type { Clock } from '../ports/clock.ts'
import type { Identity } from '../ports/identity.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Prices } from '../ports/prices.ts'
import type { Redactor } from '../ports/redactor.ts'
import type { Tokens } from '../ports/tokens.ts'
import { SLOT_NAME, SLOT_RULE } from './shapes.ts'

/** What one connection (an MCP client, a command) brings to every call it makes. */
export interface Connection {
  /** Who speaks. An MCP client gives its name when it connects. */
  actor: Actor
  readonly slot: string
  /** The session as which a wrapper (`rutter run`) runs this agent: to initialise is to join it. */
  readonly runs_as: string | null
  /** The session that this connection initialised, also after its end. */
  session_id: string | null
  /** The session for whose sake this connection was refused a slot; it is not worked on by mistake then. */
  refused_for: string | null
  /** Fencing token of each session that this connection initialised or adopted. */
  readonly tokens: Map<string, number>
}

/** Everything that an operation may use. Built in one place, `wire.ts`. */
export interface Context {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly prices: Prices
  readonly redactor: Redactor
  readonly identity: Identity
  readonly tokens: Tokens
  readonly settings: Settings
  /** A number in [0, 1), for ids. */
  readonly random: () => number
  readonly connection: Connection
}

/** The name of a slot, or a refusal that says what one may be called. */
export function slotName(slot: string): string {
  if (SLOT_NAME.test(slot)) return slot
  throw new Refusal('invalid_argument', `"${slot.slice(0, 80)}" cannot be the name of a slot.`, {
    hint: `Allowed are ${SLOT_RULE}.`,
  })
}

/** A connection that has called nothing yet. */
export function newConnection(actor: Actor, slot: string, runsAs: string | null = null): Connection {
  slotName(slot)
  return { actor, slot, runs_as: runsAs, session_id: null, refused_for: null, tokens: new Map() }
}
