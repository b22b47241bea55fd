/**
 * One process of the fleet: agents that take slots, work and stop, until the process is killed. Every answer is on disk before the next call,
 * so that what was answered is known whatever becomes of the process.
 */
import { appendFileSync } from 'node:fs'
import type { z } from 'zod'
import { type Operation, perform } from '../src/app/operation.ts'
import { sessionIncrementCompleted } from '../src/app/operations/session_increment_completed.ts'
import { sessionInitialize } from '../src/app/operations/session_initialize.ts'
import { sessionRecordTurn } from '../src/app/operations/session_record_turn.ts'
import { sessionUpdate } from '../src/app/operations/session_update.ts'
import { Refusal } from '../src/domain/refusal.ts'
import { openBook } from '../src/wire.ts'
import type { FleetNote } from './fleet-check.ts'

const [root = '', store = '', notes = '', name = '', agents = '1', slots = '1'] = process.argv.slice(2)
const book = openBook(root, { store })
const note = (one: FleetNote) => appendFileSync(notes, `${JSON.stringify(one)}\n`)

async function agent(number: number): Promise<void> {
  for (let run = 0; ; run++) {
    const slot = `slot-${Math.floor(Math.random() * Number(slots))}`
    const context = book.connect({ kind: 'agent', name: `agent ${name}.${number}` }, slot)
    const call = async <In extends z.ZodType, Out extends z.ZodType>(operation: Operation<In, Out>, input: object) => {
      try {
        return await perform(operation, context, input)
      } catch (error) {
        const isExpected =
          error instanceof Refusal && ['session_locked', 'lease_lost', 'session_stopped'].includes(error.code)
        note({ call: isExpected ? 'refused' : 'failed', message: String(error) })
        return null
      }
    }
    const started = await call(sessionInitialize, { session_type: 'autonomous' })
    if (started === null) {
      await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 100))
      continue
    }
    const { session_id, lock } = started
    note({ call: 'start', session_id, slot, token: lock.token })
    for (let step = 0; step < 20; step++) {
      // One name for what is asked in this step, that nobody else asks with.
      const request_id = `${name}.${number}.${run}.${step}`
      const task_id = request_id
      const updated = await call(sessionUpdate, { current_task_id: task_id })
      if (updated !== null) note({ call: 'update', session_id, task_id })
      const turn = await call(sessionRecordTurn, { input_tokens: 10, output_tokens: 5, request_id })
      if (turn === null) break
      note({ call: 'turn', session_id, request_id })
      const completed = await call(sessionIncrementCompleted, {})
      if (completed !== null) note({ call: 'completed', session_id, task_id })
    }
    const stopped = await call(sessionUpdate, { status: 'stopped' })
    if (stopped !== null) note({ call: 'stop', session_id })
  }
}

await Promise.all(Array.from({ length: Number(agents) }, (_, number) => agent(number)))
