import { setTimeout as sleep } from 'node:timers/promises'
import type * as z from 'zod'
import { Refusal } from '../../domain/refusal.ts'
import { change } from '../call.ts'
import type { Context } from '../context.ts'
import { perform } from '../operation.ts'
import { sessionInitialize } from '../operations/session_initialize.ts'
import { describe } from '../view.ts'

/** Longest piece of a command that goes into a session's metadata; in full it stands in the event that ends the session. */
const COMMAND_SHOWN = 500

/** What became of a command. */
export interface CommandOutcome {
  readonly argv: readonly string[]
  /** `null` when a signal ended it. */
  readonly exit_code: number | null
  readonly signal: string | null
  /** The last lines that it wrote; kept where it failed. */
  readonly output_tail: readonly string[]
  /** Why it could not be started, where that was so. */
  readonly problem: string | null
}

/** Takes a slot for a command that is about to run as a session. */
export async function beginCommandRun(
  context: Context,
  run: { slot: string; workflow: string | undefined; argv: readonly string[] },
): Promise<z.infer<typeof sessionInitialize.output>> {
  return await perform(sessionInitialize, context, {
    session_type: 'autonomous',
    slot: run.slot,
    ...(run.workflow === undefined ? {} : { workflow: run.workflow }),
    metadata: { command: run.argv.join(' ').slice(0, COMMAND_SHOWN) },
  })
}

/** How often a command's session is looked at, milliseconds. */
const LOOK_EVERY_MS = 500

/**
 * Calls `stop` once the session under a running command was ended by an operator, or was lost: the command has no lane to run in any
 * more. An agent inside that ends its own session is left to finish. Gives a function that ends the watch.
 */
export function watchForStop({ ledger }: Context, sessionId: string, stop: () => void): () => void {
  const timer = setInterval(() => {
    ledger
      .read((book) => book.session(sessionId))
      .then((state) => {
        if (state?.end_reason == null || state.end_reason === 'stopped_by_agent') return
        clearInterval(timer)
        stop()
      })
      // A look that fails says nothing about the session; the next one is due in a moment.
      .catch(() => {})
  }, LOOK_EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** For how long the end is tried while the store is away, and how often, milliseconds. It cannot be found out later. */
const PATIENCE_MS = 600_000
const TRY_EVERY_MS = 2000

/**
 * Ends the session of a command that is over, as soon as the store is there. One that its own agent has stopped meanwhile stays as it
 * is, as does one whose end was recorded by an attempt of which nobody knew. `onAway` is called once, where the first attempt finds the
 * store away.
 */
export async function endCommandRun(
  context: Context,
  sessionId: string,
  outcome: CommandOutcome,
  onAway: (refusal: Refusal, patienceMs: number) => void,
) {
  const failed = outcome.exit_code !== 0
  const { detail, ...command } = await context.redactor.redact({
    detail: outcome.problem,
    argv: [...outcome.argv],
    exit_code: outcome.exit_code,
    signal: outcome.signal,
    output_tail: failed ? [...outcome.output_tail] : [],
  })
  const call = { session_id: sessionId, command: { kind: 'end', reason: 'command_exited', detail, command } as const }
  const until = performance.now() + PATIENCE_MS
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await change(context, call, (state, book) => describe(book, state))
    } catch (error) {
      const isAway = error instanceof Refusal && error.passing !== null
      if (!isAway || performance.now() + TRY_EVERY_MS > until) throw error
      if (isFirst) onAway(error, PATIENCE_MS)
      await sleep(TRY_EVERY_MS)
    }
  }
}
