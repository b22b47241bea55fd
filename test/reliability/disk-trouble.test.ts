import { mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Refusal } from '../../src/domain/refusal.ts'
import { check, VIOLATIONS } from '../torture/checker.ts'
import { cutPower, ForgetfulDisk } from '../torture/forgetful-disk.ts'
import { randomFrom } from '../torture/random.ts'
import { mountSmallDisk } from '../torture/tmpfs.ts'
import { TestBook } from './book.ts'
import { type Faults, faultyDisk } from './faulty-disk.ts'

const CLEAN = Object.fromEntries(VIOLATIONS.map((kind) => [kind, 0]))

let book: TestBook
beforeEach(() => {
  book = new TestBook()
})
afterEach(() => book.remove())

describe('a disk that fails in the middle of a write', () => {
  const faults: [string, Faults][] = [
    ['has no room for the first byte', { append: () => ({ written: 0, code: 'ENOSPC' }) }],
    ['has room for one byte', { append: () => ({ written: 1, code: 'ENOSPC' }) }],
    ['has room for all but the line feed', { append: (bytes) => ({ written: bytes.length - 1, code: 'ENOSPC' }) }],
    ['takes it all and then says no', { append: (bytes) => ({ written: bytes.length, code: 'EIO' }) }],
    ['cannot sync', { sync: () => 'EIO' }],
    ['cannot open the record', { open: () => 'EMFILE' }],
  ]

  for (const [what, fault] of faults) {
    test(`that ${what} refuses the call, and a retry counts once`, async () => {
      const now: Faults = {}
      const agent = book.connect('agent', { disk: faultyDisk(now) })
      const session = await agent.begin()
      await agent.call('session_record_failure', { outcome: 'failed', error: { message: 'before' } })

      Object.assign(now, fault)
      const refusal = await agent.refused('session_record_failure', { outcome: 'failed', error: { message: 'm' } })
      expect(refusal).toMatchObject({ code: 'store_unavailable', message: expect.stringMatching(/ENOSPC|EIO|EMFILE/) })
      for (const key of Object.keys(now)) delete now[key as keyof Faults]

      expect((await agent.call('session_get_state'))['tasks_failed']).toBe(1)
      const retried = await agent.call('session_record_failure', { outcome: 'failed', error: { message: 'm' } })
      expect(retried['tasks_failed']).toBe(2)
      expect(book.events(session).filter(({ type }) => type === 'task.failed')).toHaveLength(2)
      expect((await agent.context.ledger.verify()).findings).toEqual([])
      expect(book.check(['fail:before', 'fail:m']).counts).toEqual(CLEAN)
    })

    test(`that ${what} refuses the first call of a session, and leaves no record of it`, async () => {
      const now: Faults = { ...fault }
      const agent = book.connect('agent', { disk: faultyDisk(now) })
      expect((await agent.refused('session_initialize', { session_type: 'manual' })).code).toBe('store_unavailable')
      for (const key of Object.keys(now)) delete now[key as keyof Faults]
      expect(book.sessions()).toEqual([])
      const session = await agent.begin()
      expect(book.sessions()).toEqual([session])
      expect(book.check().counts).toEqual(CLEAN)
    })
  }
})

describe('a store that cannot commit', () => {
  let fails = false
  const pausePoint = (point: string) => {
    if (fails && point === 'projected') throw Object.assign(new Error('no commit'), { errcode: 13 })
  }
  beforeEach(() => {
    fails = false
  })

  test('follows later where all of the call is in the record', async () => {
    const agent = book.connect('agent', { pausePoint })
    await agent.begin()
    fails = true
    await agent.call('session_update', { current_task_id: 'a' })
    await agent.call('session_update', { current_task_id: 'b' })
    fails = false
    expect(await agent.call('session_get_state')).toMatchObject({ current_task_id: 'b' })
    expect(book.check(['start:a', 'start:b']).counts).toEqual(CLEAN)
    expect((await agent.context.ledger.verify()).findings).toEqual([])
  })

  test('has what was appended taken back where the lock changes too', async () => {
    const agent = book.connect('agent', { pausePoint })
    const session = await agent.begin()
    fails = true
    expect((await agent.refused('session_update', { status: 'stopped' })).code).toBe('store_unavailable')
    expect(book.events(session).map(({ type }) => type)).toEqual(['session.started', 'lease.granted'])
    fails = false
    await agent.call('session_update', { status: 'stopped' })
    expect(book.check([`end:${session}`]).counts).toEqual(CLEAN)
    expect((await agent.context.ledger.verify()).findings).toEqual([])
  })

  test('does not have it brought back by a power cut', async () => {
    const shadow = join(book.root, 'shadow')
    const agent = book.connect('agent', { pausePoint, disk: new ForgetfulDisk(shadow) })
    const session = await agent.begin()
    fails = true
    expect((await agent.refused('session_update', { status: 'stopped' })).code).toBe('store_unavailable')
    cutPower(book.records, shadow, randomFrom(1), () => 0)
    expect(book.events(session).map(({ type }) => type)).toEqual(['session.started', 'lease.granted'])
  })
})

describe('a full disk', () => {
  const folder = join(tmpdir(), `rutter-full-${process.pid}`)
  const small = mountSmallDisk(folder, 4)
  const reason = typeof small === 'string' ? ` (left out: ${small})` : ''
  afterAll(() => {
    if (typeof small === 'string') return
    small.unmount()
    rmSync(folder, { recursive: true, force: true })
  })

  test.skipIf(reason !== '')(`refuses calls until there is room, and the record stays whole${reason}`, async () => {
    if (typeof small === 'string') return
    mkdirSync(small.root)
    const agent = book.connect('agent', { root: small.root })
    await agent.begin()
    const answered: string[] = []
    const codes = new Set<string>()
    small.fill()
    for (let i = 0; i < 40; i++) {
      await agent.call('session_update', { current_task_id: `full${i}` }).then(
        () => answered.push(`start:full${i}`),
        (error: Refusal) => codes.add(error.code),
      )
    }
    expect([...codes]).toEqual(['store_unavailable'])
    expect(answered.length).toBeLessThan(40)
    small.makeRoom()
    await agent.call('session_update', { current_task_id: 'room' })
    expect((await agent.context.ledger.verify()).findings).toEqual([])
    const given = [{ by: 'agent', call: 'session_update', marks: [...answered, 'start:room'] }]
    expect(check(join(small.root, '.bot'), given).counts).toEqual(CLEAN)
  })
})
