/** One process of the bench of eight connections: sessions that call as fast as they are answered, for some seconds each time they are told to. */
import { perform } from '../src/app/operation.ts'
import { sessionInitialize } from '../src/app/operations/session_initialize.ts'
import { sessionUpdate } from '../src/app/operations/session_update.ts'
import { openBook } from '../src/wire.ts'

/**
 * Calls of each session before the first that counts: a server that has been at work for a while is what is measured. Its prepared
 * statements are there then, and what the compiler makes of code that runs often.
 */
const WARM_UP = 6000
/** Of these the first so many, of a process that has just begun. */
const FRESH = 1000

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
const began = performance.now()
for (let i = 0; i < FRESH; i++) await Promise.all(contexts.map(call))
const fresh = (FRESH * contexts.length * 1000) / (performance.now() - began)
for (let i = FRESH; i < WARM_UP; i++) await Promise.all(contexts.map(call))

process.send?.(fresh)
process.on('message', async (told) => {
  if (told === 'end') {
    for (const context of contexts) await perform(sessionUpdate, context, { status: 'stopped' })
    await book.ledger.close()
    process.disconnect()
    return
  }
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
  process.send?.(counted)
})
