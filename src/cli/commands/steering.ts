import { perform } from '../../app/operation.ts'
import { sessionGetState } from '../../app/operations/session_get_state.ts'
import { sessionUpdate } from '../../app/operations/session_update.ts'
import { sessionByPrefix } from '../../app/operator/by-prefix.ts'
import { leftBehind } from '../../app/operator/status.ts'
import type { SessionView } from '../../domain/session/view.ts'
import type { Cli } from '../command.ts'
import { when } from '../format.ts'
import { withGone } from '../phrases.ts'

interface Steering {
  readonly name: 'pause' | 'resume' | 'stop'
  readonly status: 'paused' | 'running' | 'stopped'
  readonly summary: string
  readonly details: string
  /** What is so now, and what happens next. */
  readonly says: (before: SessionView, after: SessionView, isTold: string) => string[]
}

const WITH_HEARTBEAT = 'The agent is told with its next heartbeat'
const TO_NOBODY = 'No process holds the session now; whoever goes on with it is told'

const STEERING: readonly Steering[] = [
  {
    name: 'pause',
    status: 'paused',
    summary: 'pause a session',
    details: 'The agent is asked to wait; it keeps its slot.',
    says: (before, after, isTold) => [
      `Session ${after.session_id} ${before.status === 'paused' ? 'was paused already' : 'is paused'}.`,
      `${isTold} (control "pause").`,
      `To go on: rutter resume ${after.session_id}`,
    ],
  },
  {
    name: 'resume',
    status: 'running',
    summary: 'let a paused session go on, and close its circuit',
    details:
      'The count of failures in a row stays: the next failure opens the circuit again, a completed task clears it.',
    says: (before, after, isTold) => [
      `Session ${after.session_id} ${before.status === 'running' ? 'was running already' : 'runs again'}${before.circuit.state === 'open' ? '; its circuit is closed' : ''}.`,
      `${isTold} (control "continue"). It may start tasks again.`,
    ],
  },
  {
    name: 'stop',
    status: 'stopped',
    summary: 'end a session and free its slot',
    details: 'The record stays. The program that ran the agent is not touched: what it calls from now on is refused.',
    says: (before, after) =>
      before.end_time === null
        ? [
            `Session ${after.session_id} is stopped; slot "${after.slot}" is free.`,
            'The next call of its agent is refused (session_stopped). The record stays:',
            `rutter show ${after.session_id}`,
          ]
        : [`Session ${after.session_id} had ended at ${when(before.end_time)}; nothing was changed.`],
  },
]

/** `rutter pause`, `rutter resume` and `rutter stop`. */
export function registerSteering(cli: Cli): void {
  for (const { name, status, summary, details, says } of STEERING) {
    const command = cli
      .command(name, { summary, details, examples: [`rutter ${name} 2026-11-21T22-23-05Z-0ak3f9`] })
      .argument('<id>', 'the session, or the beginning of its id; rutter status shows it')
    cli.action<[string], object>(command, async (desk, [id]) => {
      const context = desk.operator()
      const session_id = await sessionByPrefix(context, id)
      const before = await perform(sessionGetState, context, { session_id })
      const after = await perform(sessionUpdate, context, { session_id, status })
      const { gone } = withGone(after, await leftBehind(context))
      desk.answer(after, () => says(before, after, gone === null ? WITH_HEARTBEAT : TO_NOBODY))
      return 0
    })
  }
}
