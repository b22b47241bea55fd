/** Two hundred agents on one database, killed at random: what was answered is in the log, and no slot had two at once. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { postgresPrograms, startPostgres, type TestServer } from '../test/support/postgres-server.ts'
import type { FleetNote } from './fleet-worker.ts'
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
    const server = await startPostgres({ fsync: 'on', max_connections: '200' }, (await postgresPrograms()).at(-1))
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

interface LoggedEvent {
  readonly type: string
  readonly data: { readonly request_id?: string; readonly slot?: string; readonly token?: number }
}

/** Reads the log with a client of its own, and nothing of Rutter's. */
async function check(server: TestServer, notes: readonly FleetNote[], kills: number) {
  const rows = await server.sql(`SELECT id, line FROM rutter.events WHERE kind = 'session' ORDER BY id, seq`, 'book')
  const streams = new Map<string, LoggedEvent[]>()
  for (const { id, line } of rows) {
    const events = streams.get(String(id)) ?? []
    events.push(JSON.parse(String(line)) as LoggedEvent)
    streams.set(String(id), events)
  }
  const turns = notes.filter(({ call }) => call === 'turn')
  const counted = new Map<string, number>()
  const grants: { slot: string; token: number; session_id: string; isLastOfSession: boolean }[] = []
  let afterEnd = 0
  const ended = new Set<string>()
  for (const [session_id, events] of streams) {
    const granted = events.filter(({ type }) => type === 'lease.granted')
    for (const event of granted) {
      const { slot = '', token = 0 } = event.data
      grants.push({ slot, token, session_id, isLastOfSession: event === granted.at(-1) })
    }
    for (const { type, data } of events) {
      if (type === 'turn.recorded')
        counted.set(`${session_id} ${data.request_id}`, (counted.get(`${session_id} ${data.request_id}`) ?? 0) + 1)
    }
    const end = events.findIndex(({ type }) => type === 'session.ended')
    if (end !== -1) ended.add(session_id)
    if (end !== -1 && events.slice(end + 1).some(({ type }) => type !== 'whisper.acknowledged')) afterEnd++
  }
  const lost = turns.filter(({ session_id, request_id }) => !counted.has(`${session_id} ${request_id}`)).length
  const doubled = [...counted.values()].filter((times) => times > 1).length
  // The last grant of a slot may be of a session that still has it; every other one was of a session that was over first.
  let held = 0
  const slots = Map.groupBy(grants, ({ slot }) => slot)
  for (const of of slots.values()) {
    const inOrder = of.toSorted((a, b) => a.token - b.token)
    if (new Set(inOrder.map(({ token }) => token)).size < inOrder.length) held++
    for (const [i, { session_id }] of inOrder.entries()) {
      const next = inOrder[i + 1]
      if (next !== undefined && next.session_id !== session_id && !ended.has(session_id)) held++
    }
  }
  const deadlocks = Number(
    (await server.sql(`SELECT deadlocks FROM pg_stat_database WHERE datname = 'book'`))[0]?.['deadlocks'],
  )
  const failed = notes.filter(({ call }) => call === 'failed')
  return {
    comparisons: [],
    measures: [measure('events', 'calls/s', [[rows.length / SECONDS]])],
    checks: [
      { what: `none of ${turns.length} answered turns is lost (${lost})`, ok: lost === 0 && turns.length > 0 },
      { what: `none is there twice (${doubled})`, ok: doubled === 0 },
      { what: `no slot was held twice, over ${grants.length} grants (${held})`, ok: held === 0 },
      { what: `nothing was written behind a session's end (${afterEnd})`, ok: afterEnd === 0 },
      { what: `no deadlock (${deadlocks})`, ok: deadlocks === 0 },
      {
        what: `no call failed but for a slot that was taken${failed.length > 0 ? `: ${failed.length}, ${failed[0]?.message}` : ''}`,
        ok: failed.length === 0,
      },
    ],
    notes: [`${kills} processes killed, ${streams.size} sessions`],
  }
}
