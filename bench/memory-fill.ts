/** `memory-fill.ts FOLDER DECISIONS`: leaves that many decisions in the memory of a folder's book, as a project has them. */
import { openBook } from '../src/wire.ts'
import { decisionEvents } from './memory-data.ts'

/** Events recorded with one sync. */
const STEP = 500

const [folder = '', decisions = ''] = process.argv.slice(2)
const book = openBook(folder)
const { ledger, clock, identity } = book
let step: ReturnType<typeof decisionEvents> extends Generator<infer T> ? T[] : never = []
const record = () =>
  ledger.write(async (writer) => {
    const by = { actor: { kind: 'agent', name: 'bench' }, at: clock.now() } as const
    await writer.append(await writer.memoryStream(), step, by)
  })
for (const event of decisionEvents(ledger.project_id, Number(decisions), identity)) {
  step.push(event)
  if (step.length < STEP) continue
  await record()
  step = []
}
await record()
await ledger.close()
