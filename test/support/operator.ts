import { randomUUID } from 'node:crypto'
import { change } from '../../src/app/call.ts'
import type { WhisperPriority } from '../../src/domain/session/events.ts'
import { openBook } from '../../src/wire.ts'

/** Sends a whisper as an operator does, from a process that is none of the servers, and gives its id. */
export async function whisper(
  root: string,
  session_id: string,
  instruction: string,
  priority: WhisperPriority = 'normal',
): Promise<string> {
  const whisper_id = randomUUID()
  const context = openBook(root).connect({ kind: 'operator', name: 'olga' }, 'default')
  try {
    await change(
      context,
      { session_id, command: { kind: 'whisper', whisper_id, instruction, priority } },
      async () => {},
    )
  } finally {
    await context.ledger.close()
  }
  return whisper_id
}
