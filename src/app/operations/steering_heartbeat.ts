import * as z from 'zod'
import { leaseExpiresAt } from '../../domain/lease.ts'
import type { SessionCommand } from '../../domain/session/commands.ts'
import { WHISPER_PRIORITIES } from '../../domain/session/events.ts'
import { hasEnded, type SessionState, type Whisper } from '../../domain/session/state.ts'
import { inOrderOfUrgency } from '../../domain/session/whispers.ts'
import { change } from '../call.ts'
import { operation } from '../operation.ts'
import { count, idText, MAX_TEXT, WRITES } from '../shapes.ts'

export const steeringHeartbeat = operation({
  name: 'steering_heartbeat',
  title: 'Heartbeat',
  toolset: 'steering',
  summary:
    'Say what you are doing and fetch what the operator has to say. Call it between major steps. Obey control: continue, pause (wait and call again) or abort (stop now); follow each whisper, which is handed over once.',
  input: z.strictObject({
    session_id: idText,
    status: z.string().min(1).max(MAX_TEXT),
    process_id: idText.optional(),
    next_action: z.string().max(MAX_TEXT).optional(),
  }),
  output: z.object({
    success: z.literal(true),
    session_id: z.string(),
    whispers: z.array(
      z.object({
        id: z.string(),
        instruction: z.string(),
        priority: z.enum(WHISPER_PRIORITIES),
        timestamp: z.string(),
      }),
    ),
    whisper_count: count,
    lease_expires_at: z.string().nullable(),
    control: z.enum(['continue', 'pause', 'abort']),
  }),
  annotations: WRITES,
  async run(context, input) {
    let whispers: Whisper[] = []
    const call = {
      session_id: input.session_id,
      command: async (state: SessionState): Promise<SessionCommand> => {
        whispers = hasEnded(state) ? [] : inOrderOfUrgency(state.whispers_waiting)
        return { kind: 'hand_over_whispers' }
      },
    }
    return await change(context, call, async (state, book) => {
      await book.putHeartbeat(state.session_id, {
        at: context.clock.now(),
        status: input.status,
        next_action: input.next_action ?? null,
        process_id: input.process_id ?? null,
      })
      const lease = (await book.lease(state.slot))?.lease
      const aborts = whispers.some(({ priority }) => priority === 'abort')
      return {
        success: true as const,
        session_id: state.session_id,
        whispers,
        whisper_count: whispers.length,
        lease_expires_at: lease?.session_id === state.session_id ? leaseExpiresAt(lease) : null,
        control: aborts ? ('abort' as const) : state.status === 'paused' ? ('pause' as const) : ('continue' as const),
      }
    })
  },
})
