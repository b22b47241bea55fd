/** One sync, or one COPY of the same lines, in a process of its own. Prints what it came to. */
import { createReadStream } from 'node:fs'
import pg from 'pg'
import { sync } from '../src/app/operator/sync.ts'
import { openBook } from '../src/wire.ts'

export interface SyncReport {
  readonly seconds: number
  readonly cpu_seconds: number
  readonly peak_mb: number
  readonly events: number
}

const [how = '', from = '', url = ''] = process.argv.slice(2)

async function syncBook(): Promise<() => Promise<number>> {
  const book = openBook(from)
  // What has been recorded is known to the store of whoever works in a clone.
  await book.ledger.read(async () => {})
  // Connected before the time is taken, as the other is.
  const remote = book.openRemote(url)
  const there = remote.copyOf('own')
  await there.survey()
  return async () => {
    const { sent } = await sync(book.copies.copyOf('own'), there, {
      dry_run: false,
      digest: (text) => book.identity.digest(text),
    })
    await remote.close()
    await book.ledger.close()
    return sent.events
  }
}

/** Sends a file as COPY takes it; what the driver does of the protocol is enough for that. */
class CopyIn {
  readonly #text: string
  readonly done: Promise<void>
  #settle: (error?: Error) => void = () => {}

  constructor(text: string) {
    this.#text = text
    this.done = new Promise((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve() : reject(error))
    })
  }

  submit(connection: { query(text: string): void }): void {
    connection.query(this.#text)
  }

  async handleCopyInResponse(connection: { sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void }) {
    for await (const chunk of createReadStream(from, { highWaterMark: 1 << 20 })) connection.sendCopyFromChunk(chunk)
    connection.endCopyFrom()
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#settle()
  }

  handleError(error: Error): void {
    this.#settle(error)
  }
}

async function copyLines(): Promise<() => Promise<number>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('CREATE TABLE bare (line text)')
  return async () => {
    // A line of JSON has none of these signs, so it is taken as it is.
    const copy = new CopyIn(String.raw`COPY bare FROM STDIN WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')`)
    client.query(copy as unknown as pg.Submittable)
    await copy.done
    const { rows } = await client.query('SELECT count(*) AS n FROM bare')
    await client.end()
    return Number(rows[0]?.n)
  }
}

const work = await (how === 'sync' ? syncBook() : copyLines())
const before = process.cpuUsage()
const started = performance.now()
const events = await work()
const seconds = (performance.now() - started) / 1000
const { user, system } = process.cpuUsage(before)
const report: SyncReport = {
  seconds,
  cpu_seconds: (user + system) / 1e6,
  peak_mb: process.resourceUsage().maxRSS / 1024,
  events,
}
console.log(JSON.stringify(report))
