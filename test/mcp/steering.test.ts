import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { connect, everyByte, type Json, type Rutter, recorded, recordText, repository } from '../support/mcp-client.ts'
import { whisper } from '../support/operator.ts'
import { id, rutter } from '../support/session.ts'

const beat = (by: Rutter = rutter) => by.ok('steering_heartbeat', { session_id: id, status: 'working' })
const whisperEvents = () => recorded(rutter.root, id).filter(({ type }) => type.startsWith('whisper.'))

describe('a heartbeat', () => {
  it('has nothing to hand over when nobody whispered', async () => {
    const answer = await beat()
    expect(answer).toMatchObject({ success: true, session_id: id, whispers: [], whisper_count: 0, control: 'continue' })
  })

  it('renews the lease, at the latest when a tenth of its lifetime is over', async () => {
    const root = repository()
    mkdirSync(join(root, '.bot'))
    writeFileSync(join(root, '.bot', 'rutter.json'), '{ "project_id": "p", "lease_seconds": 5 }')
    const brief = await connect(root)
    const { session_id, lock } = await brief.start()
    await new Promise((resolve) => setTimeout(resolve, 600))
    const { lease_expires_at } = await brief.ok('steering_heartbeat', { session_id, status: 'working' })
    expect(Date.parse(lease_expires_at) - Date.parse(lock.expires_at)).toBeGreaterThan(500)
  })

  it('is live state and not history: the record stays byte for byte the same', async () => {
    const before = recordText(rutter.root, id)
    await rutter.ok('steering_heartbeat', { session_id: id, status: 'x', next_action: 'the tests', process_id: '77' })
    expect(recordText(rutter.root, id)).toBe(before)
    const { next_action, last_heartbeat_at } = await rutter.ok('session_get_state')
    expect(next_action).toBe('the tests')
    expect(last_heartbeat_at).toMatch(/Z$/)
  })

  it('says pause while the session is paused', async () => {
    await rutter.ok('session_update', { status: 'paused' })
    expect((await beat()).control).toBe('pause')
    await rutter.ok('session_update', { status: 'running' })
    expect((await beat()).control).toBe('continue')
  })

  it('is refused for want of a session or a status', async () => {
    expect((await rutter.refused('steering_heartbeat', { status: 'x' })).message).toContain('session_id')
    expect((await rutter.refused('steering_heartbeat', { session_id: id })).message).toContain('status')
    const error = await rutter.refused('steering_heartbeat', { session_id: 'foreign', status: 'x' })
    expect(error).toMatchObject({ code: 'session_not_found', session_id: 'foreign' })
    await rutter.ok('session_update', { status: 'stopped' })
    const before = everyByte(rutter.root)
    const late = await rutter.refused('steering_heartbeat', { session_id: id, status: 'x' })
    expect(late.code).toBe('session_stopped')
    expect(everyByte(rutter.root)).toEqual(before)
  })
})

describe('whispers', () => {
  it('are handed over once, abort first and otherwise as they were sent', async () => {
    const sent: string[] = []
    for (const [text, priority] of [
      ['one', 'normal'],
      ['two', 'urgent'],
      ['stop', 'abort'],
      ['three', 'normal'],
      ['stop, really', 'abort'],
    ] as const)
      sent.push(await whisper(rutter.root, id, text, priority))
    const answer = await beat()
    expect(answer.whispers.map((w: Json) => w.instruction)).toEqual(['stop', 'stop, really', 'one', 'two', 'three'])
    expect(answer.whispers.map((w: Json) => w.id).sort()).toEqual([...sent].sort())
    expect(answer).toMatchObject({ whisper_count: 5, control: 'abort' })
    expect(answer.whispers[0]).toMatchObject({ priority: 'abort', timestamp: expect.stringMatching(/Z$/) })
    expect(await beat()).toMatchObject({ whispers: [], whisper_count: 0, control: 'continue' })
  })

  it('are delivered in the record before the answer leaves, and acknowledged by the next call only', async () => {
    const whisper_id = await whisper(rutter.root, id, 'look at the logs', 'urgent')
    expect(whisperEvents().map(({ type, actor }) => [type, actor.kind])).toEqual([['whisper.sent', 'operator']])
    await beat()
    expect(whisperEvents().map(({ type, data }) => [type, data.whisper_ids ?? data.whisper_id])).toEqual([
      ['whisper.sent', whisper_id],
      ['whisper.delivered', [whisper_id]],
    ])
    await rutter.ok('session_get_state')
    expect(whisperEvents().at(-1)?.type).toBe('whisper.delivered')
    await rutter.ok('session_increment_completed')
    expect(whisperEvents().at(-1)).toMatchObject({ type: 'whisper.acknowledged', data: { whisper_ids: [whisper_id] } })
    await beat()
    expect(whisperEvents()).toHaveLength(3)
  })

  it('are acknowledged by the next heartbeat too, which hands over what came since', async () => {
    const first = await whisper(rutter.root, id, 'first')
    await beat()
    const second = await whisper(rutter.root, id, 'second')
    expect((await beat()).whispers.map((w: Json) => w.id)).toEqual([second])
    expect(whisperEvents().map(({ type, data }) => [type, data.whisper_ids ?? [data.whisper_id]])).toEqual([
      ['whisper.sent', [first]],
      ['whisper.delivered', [first]],
      ['whisper.sent', [second]],
      ['whisper.acknowledged', [first]],
      ['whisper.delivered', [second]],
    ])
  })

  it('wait through a restart, and an abort that was handed over never comes back', async () => {
    await whisper(rutter.root, id, 'stop', 'abort')
    expect((await beat()).control).toBe('abort')
    await whisper(rutter.root, id, 'still waiting')
    await rutter.kill()
    const next = await connect(rutter.root)
    const answer = await beat(next)
    expect(answer).toMatchObject({ whisper_count: 1, control: 'continue' })
    expect(answer.whispers[0].instruction).toBe('still waiting')
    expect((await beat(next)).whispers).toEqual([])
  })

  it('go to exactly one of several processes that ask at once', async () => {
    const others = [await connect(rutter.root), await connect(rutter.root)]
    for (let i = 0; i < 10; i++) await whisper(rutter.root, id, `w-${i}`)
    const answers = await Promise.all([rutter, ...others, rutter].map((client) => beat(client)))
    const got = answers.flatMap(({ whispers }) => whispers.map((w: Json) => w.instruction))
    expect(got).toEqual(Array.from({ length: 10 }, (_, i) => `w-${i}`))
  })

  it('are not lost by a heartbeat that is refused', async () => {
    await whisper(rutter.root, id, 'keep me')
    await rutter.refused('steering_heartbeat', { session_id: id, status: 'x', mood: 'good' })
    expect((await beat()).whispers).toHaveLength(1)
  })

  it('are not handed to another session', async () => {
    const other = await connect(rutter.root)
    const { session_id } = await other.start({ slot: 'review' })
    await whisper(rutter.root, id, 'for the first only', 'abort')
    expect(await other.ok('steering_heartbeat', { session_id, status: 'x' })).toMatchObject({
      whispers: [],
      control: 'continue',
    })
    expect((await beat()).whispers).toHaveLength(1)
  })

  it('do not renew anybody: an operator who speaks takes no lock', async () => {
    const holder = () => recorded(rutter.root, id).filter(({ type }) => type === 'lease.granted').length
    await rutter.kill()
    await whisper(rutter.root, id, 'are you there?')
    expect(holder()).toBe(1)
    expect((await (await connect(rutter.root)).start()).reclaimed).toMatchObject({ session_id: id })
  })
})
