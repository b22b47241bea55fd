import * as z from 'zod'
import { WHISPER_PRIORITIES } from '../../domain/session/events.ts'
import { change } from '../call.ts'
import type { Context } from '../context.ts'
import { operation } from '../operation.ts'
import { count, idText, longText, sessionStatusShape, WRITES } from '../shapes.ts'

export const whisper = operation({
  name: 'whisper',
  title: 'Whisper to a session',
  toolset: 'steering',
  summary:
    'Leave an instruction for the agent of a live session. The agent gets it once, with its next heartbeat; abort comes before all others. Refused for a session that is over.',
  input: z.strictObject({
    session_id: idText,
    instruction: longText,
    priority: z.enum(WHISPER_PRIORITIES).optional(),
  }),
  output: z.object({
    whisper_id: z.string(),
    session_id: z.string(),
    priority: z.enum(WHISPER_PRIORITIES),
    whispers_waiting: count,
    session_status: sessionStatusShape,
    last_heartbeat_at: z.string().nullable(),
    holder_gone: z.boolean(),
  }),
  annotations: WRITES,
  async run(context, { session_id, instruction, priority = 'normal' }) {
    const whisperId = newWhisperId(context)
    const command = { kind: 'whisper', whisper_id: whisperId, instruction, priority } as const
    return await change(context, { session_id, command }, async (state, book) => {
      const lease = await book.lease(state.slot)
      return {
        whisper_id: whisperId,
        session_id: state.session_id,
        priority,
        whispers_waiting: state.whispers_waiting.length,
        session_status: state.status,
        last_heartbeat_at: (await book.heartbeat(state.session_id))?.at ?? null,
        holder_gone: lease?.lease.session_id !== state.session_id || !lease.held,
      }
    })
  },
})

/** Sorts by time, and is told apart from all others of its session: two operators do not share a millisecond and 53 bits. */
function newWhisperId({ clock, random }: Context): string {
  const at = Date.parse(clock.now()).toString(36)
  return `w-${at}-${Math.floor(random() * 2 ** 52).toString(36)}`
}
