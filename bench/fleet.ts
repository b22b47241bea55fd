/** Two hundred agents on one database, killed at random: what was answered is in the log, and no slot had two at once. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { postgresPrograms, startPostgres, type TestServer } from '../test/support/postgres-server.ts'
import { examine, type FleetNote, type LoggedEvent, RECORDING_CALLS } from './fleet-check.ts'
import { type Bench, measure } from './harness.ts'
import { bundle } from './shipped.ts'

const PROCESSES = 20
const AGENTS = 10
const SLOTS = 50
const SECONDS = Number(process.env['RUTTER_BENCH_FLEET_SECONDS'] ?? 60)
/** Between two kills. */
const KILL_EVERY_MS = 1000

export const bench: Bench = {
  name: 'fleet',
  title: `${PROCESSES * AGENTS} agents in ${PROCESSES} processes on ${SLOTS} slots of one database for ${SECONDS} s, killed at random`,
  async run(folder, say) {
    const server = await startPostgres(
      { fsync: 'on', max_connections: '200', track_commit_timestamp: 'on' },
      (await postgresPrograms()).at(-1),
    )
    try {
      await server.sql('CREATE DATABASE book')
      const root = join(folder, 'root')
      const notes = join(folder, 'notes')
      for (const path of [root, notes]) mkdirSync(path)
      say('running')
      // From sources, twenty processes on few cores would do little else than compile.
      const worker = await bundle('fleet-worker.ts', folder)
      const kills = await run(worker, root, server.url('book'), notes)
      say('checking')
      return await check(server, readNotes(notes), kills)
    } finally {
      await server.end()
    }
  },
}

async function run(worker: string, root: string, url: string, notes: string): Promise<number> {
  let started = 0
  const start = (): ChildProcess => {
    const name = String(++started)
    const file = join(notes, `${name}.jsonl`)
    return fork(worker, [root, url, file, name, String(AGENTS), String(SLOTS)], { stdio: 'inherit' })
  }
  const fleet = Array.from({ length: PROCESSES }, start)
  const end = async (one: ChildProcess | undefined) => {
    if (one === undefined || one.exitCode !== null || one.signalCode !== null) return
    const gone = once(one, 'exit')
    one.kill('SIGKILL')
    await gone
  }
  let kills = 0
  for (const until = performance.now() + SECONDS * 1000; performance.now() < until; ) {
    await sleep(KILL_EVERY_MS)
    const i = Math.floor(Math.random() * fleet.length)
    await end(fleet[i])
    kills++
    fleet[i] = start()
  }
  await Promise.all(fleet.map(end))
  return kills
}

function readNotes(folder: string): FleetNote[] {
  return readdirSync(folder).flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8')
    // A kill may have torn the last one.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    return whole.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as FleetNote]))
  })
}

const EVENTS = `
  SELECT id, line, to_char(pg_xact_commit_timestamp(xmin) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') AS committed_at
  FROM rutter.events WHERE kind = 'session' ORDER BY id, seq`

/** Reads the log with a client of its own, and nothing of Rutter's. */
async function check(server: TestServer, notes: readonly FleetNote[], kills: number) {
  const rows = await server.sql(EVENTS, 'book')
  const log = new Map<string, LoggedEvent[]>()
  for (const { id, line, committed_at } of rows) {
    if (committed_at === null) throw new Error(`The server did not note when ${line} was committed.`)
    const events = log.get(String(id)) ?? []
    events.push({ ...JSON.parse(String(line)), committed_at: String(committed_at) } as LoggedEvent)
    log.set(String(id), events)
  }
  const found = examine(log, notes)
  const grants = [...log.values()].flat().filter(({ type }) => type === 'lease.granted').length
  const [deadlock] = await server.sql(`SELECT deadlocks FROM pg_stat_database WHERE datname = 'book'`)
  const deadlocks = Number(deadlock?.['deadlocks'])
  const failed = notes.flatMap((note) => (note.call === 'failed' ? [note.message] : []))
  const answered = RECORDING_CALLS.map((call) => ({ call, times: notes.filter((note) => note.call === call).length }))
  const all = answered.reduce((sum, { times }) => sum + times, 0)
  return {
    comparisons: [],
    measures: [measure('events', 'calls/s', [[rows.length / SECONDS]])],
    checks: [
      {
        what: `every kind of call was answered (${answered.map(({ call, times }) => `${call} ${times}`).join(', ')})`,
        ok: answered.every(({ times }) => times > 0),
      },
      none(`none of ${all} answered calls is lost`, found.lost),
      none('none is there twice', found.doubled),
      none(`no slot was held twice, over ${grants} grants`, found.heldTwice),
      none('no grant is missing between two others', found.missingGrants),
      none('nothing was written before a session had its slot', found.withoutGrant),
      none(`nothing was written behind a session's end`, found.behindEnd),
      none(`no record's times go back`, found.backInTime),
      { what: `no deadlock (${deadlocks})`, ok: deadlocks === 0 },
      none('no call failed but for a slot that was taken', failed),
    ],
    notes: [`${kills} processes killed, ${log.size} sessions`],
  }
}

function none(what: string, found: readonly string[]) {
  const first = found.length > 0 ? `: ${found[0]}` : ''
  return { what: `${what} (${found.length}${first})`, ok: found.length === 0 }
}
