/** The closed list of everything that can be answered instead of a result. Each face maps it once. */
export const REFUSAL_CODES = [
  'invalid_argument',
  'no_active_session',
  'ambiguous_session',
  'session_not_found',
  'session_locked',
  'session_stopped',
  'lease_lost',
  'circuit_open',
  'counter_regression',
  'task_not_found',
  'scope_blocked',
  'governance_required',
  'governance_invalid',
  'artifact_not_found',
  'store_unavailable',
  'internal',
] as const

export type RefusalCode = (typeof REFUSAL_CODES)[number]

/** What a caller sees of a refusal: `message` says what was wrong and what was given, `hint` what to do next. */
export interface RefusalBody {
  code: RefusalCode
  message: string
  hint?: string
  [detail: string]: unknown
}

/**
 * What became of a call that failed because a store is away for a while: it certainly did `nothing`, or nobody could be asked and it is
 * `unknown`. Either way the same call may succeed later without anybody mending anything.
 */
export type Passing = 'nothing' | 'unknown'

/** Another process of this machine has the book, and has had it for long. It passes too; but nobody else's store is away. */
export type Busy = 'busy'

/**
 * A call that was understood and turned down. Throwing one inside a write rolls the whole write back:
 * a refused call changes nothing.
 */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly hint: string | undefined
  readonly details: Readonly<Record<string, unknown>>
  /** Set where trouble passes by itself; `null` where waiting changes nothing. */
  readonly passing: Passing | Busy | null

  constructor(
    code: RefusalCode,
    message: string,
    more: { hint?: string; details?: Record<string, unknown>; passing?: Passing | Busy | null; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'Refusal'
    this.code = code
    this.hint = more.hint
    this.details = more.details ?? {}
    this.passing = more.passing ?? null
  }

  /** What became of it where a store is away; `null` where that was not the trouble. */
  get storeAway(): Passing | null {
    return this.passing === 'busy' ? null : this.passing
  }

  /** The JSON that goes to the caller. */
  get body(): RefusalBody {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...this.details,
    }
  }
}
