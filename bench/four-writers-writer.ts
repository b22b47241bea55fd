/** `four-writers-writer.ts FOLDER SLOT SECONDS`: one writer; it says when it is ready, and when told to goes on for so long. */
import { once } from 'node:events'
import { asRefusal, perform } from '../src/app/operation.ts'
import { sessionInitialize } from '../src/app/operations/session_initialize.ts'
import { sessionUpdate } from '../src/app/operations/session_update.ts'
import { openBook } from '../src/wire.ts'

/** What a writer came to. */
export interface WriterReport {
  readonly slot: string
  readonly session_id: string
  /** Calls that were answered; each started the next of `task-0`, `task-1`, ... */
  readonly tasks: number
  readonly refused: readonly string[]
  /** Of each answered call. */
  readonly milliseconds: readonly number[]
}

const [folder = '', slot = '', seconds = ''] = process.argv.slice(2)
const book = openBook(folder)
const context = book.connect({ kind: 'agent', name: 'bench' }, slot)
const { session_id } = await perform(sessionInitialize, context, { session_type: 'autonomous' })
process.send?.('ready')
await once(process, 'message')

const refused: string[] = []
const milliseconds: number[] = []
const end = performance.now() + Number(seconds) * 1000
for (let now = performance.now(); now < end; ) {
  const before = now
  try {
    await perform(sessionUpdate, context, { current_task_id: `task-${milliseconds.length}` })
    now = performance.now()
    milliseconds.push(now - before)
  } catch (error) {
    now = performance.now()
    refused.push(asRefusal(error).message)
  }
}
await book.ledger.close()
const report: WriterReport = { slot, session_id, tasks: milliseconds.length, refused, milliseconds }
process.send?.(report, () => process.disconnect())
