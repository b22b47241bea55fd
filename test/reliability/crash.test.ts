import { copyFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { initialize, startTask, startTaskFatally } from '../torture/calls.ts'
import { cutPower } from '../torture/forgetful-disk.ts'
import { Site } from '../torture/harness.ts'
import { randomFrom } from '../torture/random.ts'
import { mountSmallDisk } from '../torture/tmpfs.ts'
import type { Fate } from '../torture/worker.ts'
import { bundle, CLEAN, site, TTL_MS } from './site.ts'

const diesAt = (point: Fate['point'], nth: number): Fate => ({ point, nth, what: 'SIGKILL' })
const stopsAt = (point: Fate['point'], nth: number): Fate => ({ point, nth, what: 'SIGSTOP' })

for (const point of ['locked', 'decided', 'mid-append', 'appended', 'synced', 'projected', 'committed'] as const) {
  test(`a process killed at "${point}" loses nothing that it answered, and the next call goes on`, async () => {
    const mortal = await site.ready({ fate: diesAt(point, 3) })
    const session = await initialize(mortal)
    await startTask(mortal, session, 'a1')
    await startTaskFatally(mortal, session, 'a2')
    await mortal.gone
    const heir = await site.ready()
    expect(await startTask(heir, session, 'b1')).toHaveProperty('result')
    const verdict = await site.verdict()
    expect(verdict.counts).toEqual(CLEAN)
    expect(verdict.findings).toEqual([])
    expect(verdict.adoptions).toBe(1)
  })
}

test('a repeated turn that was told it is counted survives a power cut, whoever wrote it', async () => {
  const { shadow } = site
  const turn = { output_tokens: 1, request_id: 'r' }
  const mortal = await site.ready({ shadow, fate: diesAt('appended', 2) })
  const session_id = await initialize(mortal)
  expect(await mortal.call('session_record_turn', { session_id, ...turn })).toMatchObject({ fate: 'SIGKILL' })
  await mortal.gone
  // An operator's retry needs no lease of its own, so it has nothing to write, and nothing that it would sync.
  const retry = await site.ready({ shadow, actor: 'operator' })
  const answer = await retry.call('session_record_turn', { session_id, ...turn }, ['turn:r'])
  expect(answer).toMatchObject({ result: { counted: false } })
  await site.killAll()
  cutPower(site.records, shadow, randomFrom(1), () => 0)
  rmSync(site.control, { recursive: true })
  expect((await site.verdict({ shadow, boot_id: 'boot-2' })).counts).toEqual(CLEAN)
})

test('a session that was adopted before its file was synced survives a power cut', async () => {
  const { shadow } = site
  const mortal = await site.ready({ shadow, fate: diesAt('appended', 1) })
  await mortal.call('session_initialize', { session_type: 'manual' })
  await mortal.gone
  const [session] = site.sessions()
  const heir = await site.ready({ shadow })
  expect(await startTask(heir, session!, 'b1')).toHaveProperty('result')
  await site.killAll()
  cutPower(site.records, shadow, randomFrom(1), () => 0)
  rmSync(site.control, { recursive: true })
  expect((await site.verdict({ shadow, boot_id: 'boot-2' })).counts).toEqual(CLEAN)
})

test('a power cut never leaves a new session in a slot without the end of the one before it', async () => {
  const { shadow } = site
  const gone = await site.ready({ shadow })
  const first = await initialize(gone)
  await gone.kill()
  const mortal = await site.ready({ shadow, fate: diesAt('appended', 1) })
  await mortal.call('session_initialize', { session_type: 'manual' })
  await mortal.gone
  // The disk wrote the newer file first.
  cutPower(site.records, shadow, { ...randomFrom(1), int: (_, to) => to }, (name) => (name.startsWith(first) ? 0 : 1))
  rmSync(site.control, { recursive: true })
  expect((await site.verdict({ shadow, boot_id: 'boot-2' })).counts).toEqual(CLEAN)
})

test('who slept past its lease is turned away by an adoption that reached the record and never the store', async () => {
  const asleep = await site.ready({ pid_space: 'space-a', ttl_ms: TTL_MS })
  const session = await initialize(asleep)
  asleep.signal('SIGSTOP')
  await sleep(TTL_MS + 50)
  const mortal = await site.ready({ pid_space: 'space-b', ttl_ms: TTL_MS, fate: diesAt('synced', 1) })
  await startTaskFatally(mortal, session, 'b1')
  await mortal.gone
  asleep.signal('SIGCONT')
  expect(await startTask(asleep, session, 'a1')).toMatchObject({ refused: { code: 'lease_lost' } })
  expect((await site.verdict()).counts).toEqual(CLEAN)
})

test('a store that a power cut threw back to an older state still ends the session that held the slot', async () => {
  const database = join(site.control, 'rutter.db')
  const older = join(site.folder, 'older.db')
  const early = await site.ready()
  const session_id = await initialize(early, 's1')
  await early.call('session_update', { session_id, status: 'stopped' }, [`end:${session_id}`])
  await early.kill()
  new DatabaseSync(database).prepare('VACUUM INTO ?').run(older)
  const late = await site.ready()
  const second = await initialize(late, 's2')
  await late.kill()
  for (const suffix of ['', '-wal', '-shm']) rmSync(database + suffix, { force: true })
  copyFileSync(older, database)
  const next = await site.ready({ boot_id: 'boot-2' })
  const answer = await next.call('session_initialize', { session_type: 'manual' })
  expect(answer).toMatchObject({ result: { reclaimed: { session_id: second } } })
  expect((await site.verdict({ boot_id: 'boot-2' })).counts).toEqual(CLEAN)
})

test('a store that is deleted in the middle of a write costs no answered call', async () => {
  const slow = await site.ready({ fate: stopsAt('decided', 2) })
  const session = await initialize(slow)
  await startTaskFatally(slow, session, 'a1')
  rmSync(site.control, { recursive: true })
  const quick = await site.ready()
  await startTask(quick, session, 'b1')
  slow.signal('SIGCONT')
  await slow.next()
  expect((await site.verdict()).counts).toEqual(CLEAN)
})

{
  const small = mountSmallDisk(join(tmpdir(), `rutter-race-${process.pid}`), 4)
  const reason = typeof small === 'string' ? ` (left out: ${small})` : ''
  afterAll(() => {
    if (typeof small === 'string') return
    small.unmount()
    rmSync(join(tmpdir(), `rutter-race-${process.pid}`), { recursive: true })
  })
  test.skipIf(reason !== '')(
    `a commit that fails on a full disk takes back its own lines, not those of a later call${reason}`,
    async () => {
      if (typeof small === 'string') return
      const cramped = new Site(bundle, { root: small.root })
      try {
        const gone = await cramped.ready()
        const session = await initialize(gone)
        await gone.kill()
        const first = await cramped.ready({ fate: stopsAt('truncate', 1) })
        small.fill()
        // The record's last page still has room for an adoption and a task; the store's log has not.
        await startTaskFatally(first, session, 'a1')
        small.makeRoom()
        const second = await cramped.ready()
        const answered = startTask(second, session, 'b1')
        await Promise.race([answered, sleep(300)])
        first.signal('SIGCONT')
        await Promise.all([answered, first.next()])
        expect((await cramped.verdict()).counts).toEqual(CLEAN)
      } finally {
        await cramped.remove()
      }
    },
  )
}
