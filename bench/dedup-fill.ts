/** `dedup-fill.ts URL FIRST PAST STEP`: what the projects of these numbers have learned, into a database, a step of each in turn. */
import { systemIdentity } from '../src/machine/identity.ts'
import { eventIds } from '../src/machine/ids.ts'
import { systemProcesses } from '../src/machine/processes.ts'
import { PostgresLedger } from '../src/store/postgres/ledger.ts'
import { DECISIONS_EACH, familiesOf, projectOf } from './dedup-data.ts'
import { decisionEvents } from './memory-data.ts'

const [url = '', ...numbers] = process.argv.slice(2)
const [first = 0, past = 0, step = 0] = numbers.map(Number)
const newId = eventIds()
const identity = systemIdentity(newId)
const processes = systemProcesses()

// In turns, as projects grow: what one project knows is scattered among what the others know.
for (let from = 0; from < DECISIONS_EACH; from += step) {
  for (let n = first; n < past; n++) {
    const project_id = projectOf(n)
    const ledger = new PostgresLedger({
      url,
      project_id,
      place: 'bench',
      processes,
      lease_ttl_ms: 60_000,
      newId,
      max: 1,
    })
    const events = [...decisionEvents(project_id, DECISIONS_EACH, identity, familiesOf(n))].slice(from, from + step)
    await ledger.write(async (book) => {
      const by = { actor: { kind: 'agent', name: 'bench' }, at: new Date().toISOString() } as const
      await book.append(await book.memoryStream(), events, by)
    })
    await ledger.close()
    process.send?.(events.length)
  }
}
