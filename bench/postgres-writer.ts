/** One process of the bench of eight connections: `SESSIONS` sessions that call as fast as they are answered, for some seconds. */
import { perform } from '../src/app/operation.ts'
import { sessionInitialize } from '../src/app/operations/session_initialize.ts'
import { sessionUpdate } from '../src/app/operations/session_update.ts'
import { openBook } from '../src/wire.ts'

/** Calls of each session before the first that counts: the server's prepared statements and this process's compiled code are there then. */
const WARM_UP = 1000

const [root = '', store = '', process_number = '0', sessions = '1', seconds = '1'] = process.argv.slice(2)
const book = openBook(root, { store })
const contexts = Array.from({ length: Number(sessions) }, (_, i) =>
  book.connect({ kind: 'agent', name: 'bench' }, `slot-${process_number}-${i}`),
)
for (const context of contexts) {
  const { error } = await perform(sessionInitialize, context, { session_type: 'autonomous' }).then(
    () => ({ error: null }),
    (refused: unknown) => ({ error: refused }),
  )
  if (error !== null) throw error
}
let n = 0
const call = (context: (typeof contexts)[number]) => perform(sessionUpdate, context, { current_task_id: `task-${++n}` })
for (let i = 0; i < WARM_UP; i++) await Promise.all(contexts.map(call))

process.send?.('ready')
process.once('message', async () => {
  const end = performance.now() + Number(seconds) * 1000
  let counted = 0
  await Promise.all(
    contexts.map(async (context) => {
      while (performance.now() < end) {
        await call(context)
        counted++
      }
    }),
  )
  for (const context of contexts) await perform(sessionUpdate, context, { status: 'stopped' })
  process.send?.(counted)
  await book.ledger.close()
  process.disconnect()
})
