/** `long-session-fill.ts FOLDER EVENTS`: leaves a running session of that many events in the book of a folder. */
import { perform } from '../src/app/operation.ts'
import { sessionInitialize } from '../src/app/operations/session_initialize.ts'
import { sessionStream } from '../src/domain/session/projection.ts'
import { openBook } from '../src/wire.ts'
import { workEvents } from './events.ts'

/** Events recorded with one sync. */
const STEP = 500

const [folder = '', events = ''] = process.argv.slice(2)
const book = openBook(folder)
const context = book.connect({ kind: 'agent', name: 'bench' }, 'default')
const { session_id } = await perform(sessionInitialize, context, { session_type: 'autonomous' })

const wanted = Number(events) - 2
const work = workEvents(session_id)
for (let done = 0; done < wanted; done += STEP) {
  const step = Array.from({ length: Math.min(STEP, wanted - done) }, () => work.next().value)
  await book.ledger.write(async (writer) => {
    await writer.append(sessionStream(session_id), step, { actor: context.connection.actor, at: context.clock.now() })
  })
}
await book.ledger.close()
