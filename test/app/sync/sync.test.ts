import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { forget } from '../../../src/app/memory/forgetting.ts'
import { sessionIncrementCompleted } from '../../../src/app/operations/session_increment_completed.ts'
import { sessionInitialize } from '../../../src/app/operations/session_initialize.ts'
import { taskAdd } from '../../../src/app/operations/task_add.ts'
import { examineBook } from '../../../src/app/operator/doctor.ts'
import { sync } from '../../../src/app/operator/sync.ts'
import type { RecordedEvent } from '../../../src/domain/event.ts'
import { sessionStream } from '../../../src/domain/session/projection.ts'
import { lineHash } from '../../../src/log/line.ts'
import { systemIdentity } from '../../../src/machine/identity.ts'
import type { LogCopy, Piece } from '../../../src/ports/log-copy.ts'
import { linesOf } from '../../log/records.ts'
import { extended, failed, leasesOf, put, startRun, stateOf, stop } from '../../store/runs.ts'
import { AGENT, refusalOf, tempFolder, testBook, testContext } from '../../support/book.ts'
import { sharedServer } from '../../support/postgres.ts'
import { learner } from '../memory/learned.ts'
import { anotherClone, bringTogether, filesOf, linesIn, team } from './sides.ts'

void sharedServer()

const { digest } = systemIdentity(() => '')

test('carries every record to an empty database and from there to another clone, byte for byte', async () => {
  const [mine, there] = [testBook(), await team()]
  const run = await startRun(mine)
  await stop(run)
  const me = learner(mine)
  await me.decide('Write logs as lines of JSON', 'Each line can be read alone.')
  await me.summary('Look at the logs')
  const sent = await bringTogether(mine.open(), there.open())
  expect(sent).toMatchObject({ equal: 0, sent: { streams: 2 }, received: { streams: 0, events: 0 }, forks: [] })
  expect(await linesIn(there)).toEqual(filesOf(mine))

  const theirs = anotherClone(mine)
  const received = await bringTogether(theirs.open(), there.open())
  expect(received).toMatchObject({ sent: { streams: 0 }, received: sent.sent, left_apart: [] })
  expect(filesOf(theirs)).toEqual(filesOf(mine))

  const state = await stateOf(run.ledger, run.id)
  for (const ledger of [theirs.open(), there.open()]) {
    expect(await stateOf(ledger, run.id)).toEqual(state)
    const filter = { project_id: 'test-project', in_force: true, limit: 10 }
    const known = await run.ledger.read(({ memory }) => memory.artifacts(filter))
    expect(await ledger.read(({ memory }) => memory.artifacts(filter))).toEqual(known)
    expect((await ledger.verify()).findings).toEqual([])
    const search = { project_ids: ['test-project'], text: 'logs', limit: 5, now: mine.clock.now() }
    expect(await ledger.read(({ memory }) => memory.search(search))).toHaveLength(2)
  }
})

test('makes of what it takes in what a rebuild makes of it', async () => {
  const [mine, there] = [testBook(), await team()]
  const run = await startRun(mine)
  await run.context.call(taskAdd, { tasks: [{ task_id: 't-9', title: 'Look at the logs' }] })
  await learner(mine).decide('Write logs as lines of JSON', 'Each line can be read alone.')
  const ledger = there.open()
  const tables = ['sessions', 'task_reports', 'turn_requests', 'search_docs', 'artifacts', 'memory_events']
  const rows = () =>
    Promise.all(tables.map((table) => there.sql(`SELECT * FROM rutter.${table} AS t ORDER BY t::text`)))
  await bringTogether(mine.open(), ledger)
  await run.context.call(sessionIncrementCompleted)
  await bringTogether(mine.open(), ledger)
  const taken = await rows()
  expect(taken.slice(0, 2).map(({ length }) => length > 0)).toEqual([true, true])
  await ledger.rebuild()
  expect(await rows()).toEqual(taken)
})

test('has nothing to do when it is asked again, and reads no record to find that out', async () => {
  const [mine, there] = [testBook(), await team()]
  await stop(await startRun(mine))
  await bringTogether(mine.open(), there.open())
  const unread = (copy: LogCopy): LogCopy =>
    new Proxy(copy, {
      get: (target, name: keyof LogCopy) => {
        if (name !== 'survey' && name !== 'project_id' && name !== 'where') throw new Error(`${name} was asked for`)
        const value = target[name]
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  const again = await sync(unread(mine.open().copyOf('own')), unread(there.open().copyOf('own')), {
    dry_run: false,
    digest,
  })
  expect(again).toMatchObject({ equal: 1, sent: { events: 0 }, received: { events: 0 } })
})

test('says what it would do and writes nothing when it is only asked to say it', async () => {
  const [mine, theirs, there] = [testBook(), testBook(), await team()]
  await stop(await startRun(theirs))
  await bringTogether(theirs.open(), there.open())
  await stop(await startRun(mine, { slot: 'other' }))
  const [files, lines] = [filesOf(mine), await linesIn(there)]
  expect(await bringTogether(mine.open(), there.open(), true)).toMatchObject({
    dry_run: true,
    sent: { streams: 1, events: 7 },
    received: { streams: 1, events: 7 },
  })
  expect([filesOf(mine), await linesIn(there)]).toEqual([files, lines])
})

test('takes a session along while it runs, and what it does next with the next sync', async () => {
  const [mine, there] = [testBook(), await team()]
  const run = await startRun(mine)
  await bringTogether(mine.open(), there.open())
  await run.context.call(sessionIncrementCompleted)
  await stop(run)
  expect(await bringTogether(mine.open(), there.open())).toMatchObject({ sent: { streams: 1, events: 2 } })
  expect(await linesIn(there)).toEqual(filesOf(mine))
  expect(await stateOf(there.open(), run.id)).toEqual(await stateOf(run.ledger, run.id))
})

test('takes no slot for a session that runs elsewhere, on either side, not even after a rebuild', async () => {
  const [mine, there] = [testBook(), await team()]
  const run = await startRun(mine, { slot: 'here' })
  const far = there.open()
  const remote = testContext(far, mine.clock, { slot: 'there' })
  const { session_id } = await remote.call(sessionInitialize, { session_type: 'autonomous' })
  await bringTogether(mine.open(), there.open())
  await mine.open().rebuild()
  expect(await stateOf(run.ledger, session_id)).toMatchObject({ status: 'running', slot: 'there' })
  expect((await leasesOf(run.ledger)).map(({ lease }) => lease.session_id)).toEqual([run.id])
  expect(await stateOf(far, run.id)).toMatchObject({ status: 'running', slot: 'here' })
  expect((await leasesOf(far)).map(({ lease }) => lease.session_id)).toEqual([session_id])
  // Both go on as if nothing had been.
  await remote.call(sessionIncrementCompleted)
  await run.context.call(sessionIncrementCompleted)
  expect(await bringTogether(mine.open(), there.open())).toMatchObject({
    ...{ sent: { streams: 1, events: 1 }, received: { streams: 1, events: 1 }, forks: [] },
  })
})

test('grants no token in a slot that a record has already, and leaves whoever holds the slot alone', async () => {
  const [mine, there] = [testBook(), await team()]
  for (let i = 0; i < 3; i++) await stop(await startRun(mine))
  const far = there.open()
  const remote = testContext(far, mine.clock)
  await remote.call(sessionInitialize, { session_type: 'autonomous' })
  await bringTogether(mine.open(), there.open())
  await remote.call(sessionIncrementCompleted)
  await far.write((book) => book.release('default'))
  const { token } = await far.write((book) => book.grant('default', 's-9'))
  expect(token).toBe(4)
  const { lock } = await testContext(mine.open(), mine.clock).call(sessionInitialize, { session_type: 'manual' })
  expect(lock.token).toBe(4)
})

test('keeps any text that JSON can carry as it is, also what the database cannot keep as text', async () => {
  const [mine, there] = [testBook(), await team()]
  const run = await startRun(mine)
  const title = 'ä\u2028 \ud83e\udded "\\ \n\r\t\u0000\u001f </x> \u{10ffff} \u{f8ff} \u{f8ff}0 \ud800'
  await run.context.call(taskAdd, { tasks: [{ task_id: 't-1', title }] })
  await run.ledger.read(async () => {})
  await bringTogether(mine.open(), there.open())
  const theirs = anotherClone(mine)
  await bringTogether(theirs.open(), there.open())
  expect(filesOf(theirs)).toEqual(filesOf(mine))
  expect((await there.open().verify()).findings).toEqual([])
})

test('never sends or takes half of a step, whatever the size of what goes over at once', async () => {
  const [mine, there] = [testBook(), await team()]
  const run = await startRun(mine)
  const steps = Array.from({ length: 40 }, (_, i) => ({ type: 'task.added', data: { task_id: `t-${i}`, title: 'x' } }))
  const by = { actor: AGENT, at: mine.clock.now() }
  for (let i = 0; i < 10; i++) {
    await run.ledger.write((book) => book.append(sessionStream(run.id), steps.slice(0, i * 4 + 1), by))
  }
  const whole = (copy: LogCopy): LogCopy =>
    new Proxy(copy, {
      get: (target, name: keyof LogCopy) => {
        const value = target[name]
        if (name !== 'takeIn') return typeof value === 'function' ? value.bind(target) : value
        return async (pieces: readonly Piece[]) => {
          for (const { lines } of pieces) expect(lines.at(-1)?.event.more).toBeUndefined()
          return await target.takeIn(pieces)
        }
      },
    })
  await sync(mine.open().copyOf('own'), whole(there.open().copyOf('own')), { dry_run: false, digest })
  expect(await linesIn(there)).toEqual(filesOf(mine))
})

test('carries a record that is too long for one batch, and a step that is longer than a page', async () => {
  const [mine, there] = [testBook(), await team()]
  const run = await startRun(mine)
  const by = { actor: AGENT, at: mine.clock.now() }
  const failure = { task_id: null, error: { message: 'It rained', kind: null, detail: null } }
  const said = (n: number) => ({
    type: n % 500 === 9 ? 'task.failed' : 'moon.rose',
    data: n % 500 === 9 ? failure : { n },
  })
  for (const length of [3000, 1, 1, 4999, 2]) {
    const steps = Array.from({ length }, (_, i) => said(i))
    await run.ledger.write((book) => book.append(sessionStream(run.id), steps, by))
  }
  await bringTogether(mine.open(), there.open())
  const theirs = anotherClone(mine)
  await bringTogether(theirs.open(), there.open())
  expect(filesOf(theirs)).toEqual(filesOf(mine))
  const state = await stateOf(mine.open(), run.id)
  expect(state?.tasks_failed).toBe(16)
  for (const ledger of [theirs.open(), there.open()]) expect(await stateOf(ledger, run.id)).toEqual(state)
})

test('takes a purged text out of the copy of a fork that is kept in the database, too', async () => {
  const [mine, there] = [testBook(), await team()]
  const me = learner(mine)
  const id = await me.decide('Keep the word xylophone', 'It is rare.')
  await bringTogether(mine.open(), there.open())
  const [name = ''] = Object.keys(filesOf(mine))
  const stream = { kind: 'memory', id: name.replace('.jsonl', '') } as const
  const path = mine.layout.record(stream)
  const far = there.open()
  await far.write((book) =>
    book.append(stream, [{ type: 'moon.rose', data: {} }], { actor: AGENT, at: mine.clock.now() }),
  )
  put(path, extended(readFileSync(path), [{ type: 'sun.set', data: {} }]))
  expect((await bringTogether(mine.open(), far)).forks).toHaveLength(1)
  const { purged } = await forget(testContext(far, mine.clock), { id, project_id: null }, { purge: true })
  expect(purged?.records).toBe(2)
  expect(JSON.stringify(await linesIn(there))).not.toContain('xylophone')
  expect((await far.verify()).findings.filter(({ damage }) => damage)).toEqual([])
})

test('finds two copies alike again when a text was purged from both', async () => {
  const [mine, there] = [testBook(), await team()]
  const me = learner(mine)
  const id = await me.decide('Keep the word xylophone', 'It is rare.')
  await me.decide('Keep one clock', 'Two never agree.')
  await bringTogether(mine.open(), there.open())
  const wanted = { id, project_id: null }
  await forget(testContext(mine.open(), mine.clock), wanted, { purge: true })
  await forget(testContext(there.open(), mine.clock), wanted, { purge: true })
  expect(await bringTogether(mine.open(), there.open())).toMatchObject({ equal: 1, forks: [], left_apart: [] })
  for (const lines of [filesOf(mine), await linesIn(there)]) expect(JSON.stringify(lines)).not.toContain('xylophone')
})

test('goes on where the server cuts its connections, or says so and is whole after the next one', async () => {
  const [mine, there] = [testBook(), await team()]
  for (let i = 0; i < 8; i++) await stop(await startRun(mine, { slot: `slot-${i}` }))
  const far = there.open()
  await far.openGlobal()
  const cut = () =>
    there.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()`)
  let isOver = false
  const cutting = (async () => {
    for (let i = 0; i < 20 && !isOver; i++) await cut()
  })()
  await bringTogether(mine.open(), far).catch((error: unknown) => {
    expect(error).toMatchObject({ code: 'store_unavailable' })
  })
  isOver = true
  await cutting
  await bringTogether(mine.open(), far)
  expect(await linesIn(there)).toEqual(filesOf(mine))
  expect((await far.verify()).findings).toEqual([])
})

test('sends nothing from behind a line that was changed, and says where it stopped', async () => {
  const [mine, there] = [testBook(), await team()]
  const run = await startRun(mine)
  await stop(run)
  const ok = await startRun(mine)
  const lines = linesOf(mine.bytes(run.id))
  put(mine.path(run.id), Buffer.concat(lines.with(3, Buffer.from(String(lines[3]).replace('t-1', 't-X')))))
  const synced = await bringTogether(mine.open(), there.open())
  expect(synced.left_apart).toEqual([
    {
      stream: sessionStream(run.id),
      where: mine.path(run.id),
      message: expect.stringContaining('not chained as they were written'),
    },
  ])
  const kept = await linesIn(there)
  expect(kept[`${ok.id}.jsonl`]).toBe(filesOf(mine)[`${ok.id}.jsonl`])
  expect(kept[`${run.id}.jsonl`] ?? '').toBe(linesOf(mine.bytes(run.id)).slice(0, 3).join(''))
})

test('lets a line of a newer version pass, and understands what follows', async () => {
  const [mine, there] = [testBook(), await team()]
  const run = await startRun(mine)
  await stop(run)
  const last = linesOf(mine.bytes(run.id)).at(-1) ?? Buffer.of()
  const ended = JSON.parse(String(last)) as RecordedEvent
  const prev = lineHash(last.subarray(0, -1))
  const newer = `${JSON.stringify({ ...ended, v: 99, seq: ended.seq + 1, type: 'moon.rose', prev })}\n`
  const known = Buffer.concat([mine.bytes(run.id), Buffer.from(newer)])
  const bytes = extended(known, [{ type: 'sun.set', data: { red: true } }], failed('after all'))
  put(mine.path(run.id), bytes)
  expect(linesOf(bytes)).toHaveLength(ended.seq + 3)
  await bringTogether(mine.open(), there.open())
  expect((await linesIn(there))[`${run.id}.jsonl`]).toBe(String(bytes))
  expect(await stateOf(there.open(), run.id)).toEqual(await stateOf(mine.open(), run.id))
  expect((await stateOf(mine.open(), run.id))?.errors).toHaveLength(1)
})

test('takes over what git brought to one clone, and what the other had', async () => {
  const [mine, there] = [testBook(), await team()]
  const run = await startRun(mine)
  await stop(run)
  await bringTogether(mine.open(), there.open())
  const theirs = anotherClone(mine)
  await bringTogether(theirs.open(), there.open())
  put(theirs.path(run.id), extended(theirs.bytes(run.id), failed('theirs')))
  expect(await bringTogether(theirs.open(), there.open())).toMatchObject({ sent: { streams: 1, events: 1 } })
  expect(await bringTogether(mine.open(), there.open())).toMatchObject({ received: { streams: 1, events: 1 } })
  expect(mine.bytes(run.id)).toEqual(theirs.bytes(run.id))
  expect(await stateOf(mine.open(), run.id)).toEqual(await stateOf(theirs.open(), run.id))
})

test('makes one of what two clones decided alike, and leaves what is nearly alike to the doctor', async () => {
  const [mine, there] = [testBook(), await team()]
  const theirs = anotherClone(mine)
  const [me, them] = [learner(mine), learner(theirs)]
  const reason = 'Each line can be read alone, and tools know it.'
  const same = await me.decide('Keep one clock', 'Two never agree.')
  expect(await them.decide('Keep one clock', 'Two never agree.')).toBe(same)
  await me.decide('Write logs as lines of JSON', reason)
  const near = await them.decide('Write logs as lines of CSV', reason)
  await bringTogether(theirs.open(), there.open())
  await bringTogether(mine.open(), there.open())
  const filter = { project_id: 'test-project', in_force: true, limit: 10 }
  for (const ledger of [mine.open(), there.open()]) {
    expect(await ledger.read(({ memory }) => memory.artifacts(filter))).toHaveLength(3)
    const context = testContext(ledger, mine.clock)
    const found = await examineBook(context, { fix: false, restore: false })
    expect(found.filter(({ check }) => check === 'memory')).toMatchObject([{ where: `decision ${near}` }])
  }
})

test('refuses to mix two projects, and a book whose records the database has under another name', async () => {
  const [mine, there] = [testBook(), await team()]
  await stop(await startRun(mine))
  const other = there.open({ project_id: 'other' })
  const refusal = await refusalOf(bringTogether(mine.open(), other))
  expect(refusal.message).toContain('"test-project"')
  expect(refusal.message).toContain('"other"')
  await bringTogether(mine.open(), there.open())
  const renamed = testBook({ root: mine.root, clock: mine.clock, project_id: 'renamed' })
  const again = await refusalOf(bringTogether(renamed.open(), there.open({ project_id: 'renamed' })))
  expect(again.message).toContain('its records are project "test-project"')
  expect(await linesIn(there, 'renamed')).toEqual({})
})

test('writes no file outside of the book, whatever a stream of the database is called', async () => {
  const [mine, there] = [testBook(), await team()]
  const outside = tempFolder()
  const far = there.open()
  const by = { actor: AGENT, at: mine.clock.now() }
  const evil = [`../../../${outside}/evil`, '../evil', 'con.fused', 'a'.repeat(300)]
  for (const id of evil) {
    await far.write((book) => book.append({ kind: 'memory', id }, [{ type: 'moon.rose', data: {} }], by))
  }
  const before = filesOf(mine)
  const { received, left_apart } = await bringTogether(mine.open(), far)
  expect(received.streams).toBe(0)
  expect(left_apart.map(({ stream }) => stream.id).sort()).toEqual(evil.toSorted())
  expect(filesOf(mine)).toEqual(before)
  expect(existsSync(join(outside, 'evil.jsonl'))).toBe(false)
})

test('two clones that sync at once, and the same clone twice, end with the same records', async () => {
  const [mine, there] = [testBook(), await team()]
  const theirs = anotherClone(mine)
  for (let i = 0; i < 4; i++) {
    await stop(await startRun(mine, { slot: `mine-${i}` }))
    await stop(await startRun(theirs, { slot: `theirs-${i}` }))
  }
  await there.open().openGlobal()
  await Promise.all([...[mine, theirs, mine].map((book) => bringTogether(book.open(), there.open()))])
  await bringTogether(mine.open(), there.open())
  await bringTogether(theirs.open(), there.open())
  expect(Object.keys(filesOf(mine))).toHaveLength(8)
  expect(filesOf(theirs)).toEqual(filesOf(mine))
  expect(await linesIn(there)).toEqual(filesOf(mine))
  for (const ledger of [mine.open(), theirs.open(), there.open()]) {
    expect((await ledger.verify()).findings).toEqual([])
  }
})

test('puts nothing behind the torn end of a record that it takes more of', async () => {
  const [mine, there] = [testBook(), await team()]
  const run = await startRun(mine)
  await stop(run)
  await bringTogether(mine.open(), there.open())
  const whole = mine.bytes(run.id)
  // As a kill in the middle of what a sync wrote leaves it.
  writeFileSync(mine.path(run.id), Buffer.concat(linesOf(whole).slice(0, 5)))
  appendFileSync(mine.path(run.id), String(linesOf(whole)[5]).slice(0, 40))
  const clone = anotherClone(mine)
  clone.open()
  put(clone.path(run.id), mine.bytes(run.id))
  await bringTogether(clone.open(), there.open())
  expect(clone.bytes(run.id)).toEqual(whole)
})
