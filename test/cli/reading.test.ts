import { once } from 'node:events'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Out } from '../../src/cli/out.ts'
import { timelineLines } from '../../src/cli/timeline.ts'
import type { RecordedEvent } from '../../src/domain/event.ts'
import { outcome, rutter, scratchBook, start, startAgent, written } from '../support/cli.ts'

/** An agent with a little of everything behind it. */
async function busyAgent(cwd: string) {
  const agent = await startAgent(cwd, { workflow: 'chart' })
  await agent.call('session_update', { current_task_id: 'H-1' })
  const usage = { input_tokens: 1000, output_tokens: 100, cost_usd: 0.25 }
  await agent.call('session_record_turn', { provider: 'anthropic', model: 'claude-sonnet-4-5', ...usage })
  await agent.call('session_increment_completed')
  await agent.call('session_update', { current_task_id: 'H-2' })
  const message = 'broken\u001b[2J\u0007 pipe\nsecond line'
  await agent.call('session_record_failure', { outcome: 'failed', error: { message } })
  await agent.call('steering_heartbeat', {
    session_id: agent.session_id,
    status: 'reading charts',
    next_action: 'sail on',
  })
  return agent
}

describe('rutter status', () => {
  it('says that nothing runs in a book without sessions', async () => {
    const cwd = scratchBook()
    expect((await rutter(['status'], { cwd })).stdout).toContain('No session yet')
    expect((await rutter(['status', '--json'], { cwd })).json()).toMatchObject({ slots: [], last_session: null })
  })

  it('shows who holds a slot, what is done there and what waits', async () => {
    const cwd = scratchBook()
    const agent = await busyAgent(cwd)
    await rutter(['whisper', agent.session_id, 'mind the tide'], { cwd })
    const { status, stdout } = await rutter(['status'], { cwd })
    expect(status).toBe(0)
    for (const part of [
      agent.session_id,
      `process ${agent.pid}`,
      'at task H-2',
      '1 done, 1 failed, 0 skipped',
      'circuit closed',
      'reading charts',
      'next: sail on',
      'mind the tide',
    ]) {
      expect(stdout).toContain(part)
    }
    expect((await rutter(['status', '--json'], { cwd })).json()).toMatchObject({
      slots: [
        { slot: 'default', held: 'held', holder: { pid: agent.pid }, whispers_waiting: [{ priority: 'normal' }] },
      ],
    })
  })

  it('calls a session whose process is gone an orphan', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    await agent.close()
    const { stdout } = await rutter(['status'], { cwd })
    expect(stdout).toContain('orphan')
    expect(stdout).toContain('no longer runs')
    expect((await rutter(['status', '--json'], { cwd })).json()).toMatchObject({ slots: [{ held: 'orphan' }] })
  })

  it('names the last session when none is live', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    await agent.call('session_update', { status: 'stopped' })
    const { stdout } = await rutter(['status'], { cwd })
    expect(stdout).toContain(`rutter show ${agent.session_id}`)
  })
})

describe('a session whose process is gone', () => {
  const WORDS = 'running, but its process is gone'

  it('is told of in the same words by all who tell of it, and keeps its status for programs', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    await startAgent(cwd, { slot: 'other' })
    await agent.close()
    const id = agent.session_id
    for (const args of [['status'], ['show', id], ['stats', id]]) {
      expect((await rutter(args, { cwd })).stdout).toContain(WORDS)
    }
    const lines = (await rutter(['sessions'], { cwd })).stdout.split('\n').filter((line) => line.startsWith('20'))
    expect(lines).toEqual([expect.stringMatching(/ {2}running$/), `${id}  ${WORDS}`])
    const left = { session_id: id, status: 'running', gone: 'process_gone' }
    expect((await rutter(['show', id, '--json'], { cwd })).json()).toMatchObject({ session: left })
    expect((await rutter(['stats', id, '--json'], { cwd })).json()).toMatchObject(left)
    const kept = { status: 'running', gone: null }
    expect((await rutter(['sessions', '--json'], { cwd })).json()).toMatchObject({ sessions: [kept, left] })
  })

  it('is just what it ended as, once it is over', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    await agent.close()
    const stopped = await rutter(['stop', agent.session_id], { cwd })
    expect(stopped.status).toBe(0)
    expect((await rutter(['show'], { cwd })).stdout).toMatch(/status +stopped \(stopped by operator\)$/m)
    expect((await rutter(['stats', '--json'], { cwd })).json()).toMatchObject({ status: 'stopped', gone: null })
  })

  it('is one that nobody has here, where only the record came from elsewhere', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    const there = scratchBook()
    const record = join('.bot', 'workspace', 'sessions', `${agent.session_id}.jsonl`)
    mkdirSync(join(there, '.bot', 'workspace', 'sessions'), { recursive: true })
    copyFileSync(join(cwd, record), join(there, record))
    expect((await rutter(['show'], { cwd: there })).stdout).toContain('running elsewhere, or left behind')
  })
})

describe('the id of a session', () => {
  it('may be given by its beginning, wherever one is named', async () => {
    const cwd = scratchBook()
    const { session_id } = await startAgent(cwd)
    const beginning = session_id.slice(0, -3)
    const named = [['show'], ['stats'], ['pause'], ['resume'], ['stop'], ['tail', '--lines', '1']]
    for (const [command, ...options] of named) {
      const { status, stdout } = await rutter([String(command), beginning, ...options], { cwd })
      expect([command, status]).toEqual([command, 0])
      if (command !== 'tail') expect(stdout).toContain(session_id)
    }
  })

  it('is refused where several begin so, which are listed, and where it is too short to mean one', async () => {
    const cwd = scratchBook()
    const one = await startAgent(cwd)
    const other = await startAgent(cwd, { slot: 'other' })
    for (const args of [
      ['show', '2026'],
      ['stop', '2026'],
      ['whisper', '2026', 'hello'],
    ]) {
      const { status, stderr } = await rutter(
        args.map((arg) => arg.replace('2026', one.session_id.slice(0, 4))),
        { cwd },
      )
      expect(status).toBe(1)
      expect(stderr).toContain(`${one.session_id} (running, slot "default")`)
      expect(stderr).toContain(`${other.session_id} (running, slot "other")`)
    }
    const short = await rutter(['stop', one.session_id.slice(0, 3), '--json'], { cwd })
    expect(short.json()).toMatchObject({ error: { code: 'session_not_found' } })
    expect(short.stderr).toContain('at least 4 characters')
    expect((await rutter(['stop', ''], { cwd })).status).toBe(1)
    expect((await rutter(['sessions', '--status', 'running', '--json'], { cwd })).json()).toMatchObject({
      sessions: [{}, {}],
    })
  })
})

describe('a line of a timeline', () => {
  const out = { paint: (_style: unknown, text: string) => text } as Out
  const event = (message: string) =>
    ({
      at: '2026-11-21T22:23:05.123Z',
      type: 'task.failed',
      data: { task_id: 'H-1', error: { message, kind: null, detail: null }, consecutive_failures: 1 },
    }) as unknown as RecordedEvent

  it('goes on below its first word where it is longer than the terminal is wide', () => {
    const lines = timelineLines(out, event('the database is locked by another process'), '  ', 41)
    expect(lines).toEqual(['  22:23:05  task H-1 failed: the database', '            is locked by another process'])
    expect(timelineLines(out, event('x'.repeat(200)), '', null)).toHaveLength(1)
  })

  it('is as wide as the terminal at most, whatever was said', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme-ascii', maxLength: 300 }),
        fc.integer({ min: 20, max: 120 }),
        (text, width) => {
          for (const line of timelineLines(out, event(text), '  ', width))
            expect(line.length).toBeLessThanOrEqual(width)
        },
      ),
    )
  })
})

describe('rutter sessions', () => {
  it('lists sessions newest first, page by page', async () => {
    const cwd = scratchBook()
    const ids: string[] = []
    for (const slot of ['a', 'b', 'c']) ids.push((await startAgent(cwd, { slot })).session_id)
    const first = (await rutter(['sessions', '--limit', '2', '--json'], { cwd })).json() as Page
    expect(first.sessions.map(({ session_id }) => session_id)).toEqual([ids[2], ids[1]])
    const second = await rutter(['sessions', '--cursor', String(first.next_cursor), '--json'], { cwd })
    expect(second.json()).toMatchObject({ sessions: [{ session_id: ids[0] }], next_cursor: null })
    const text = (await rutter(['sessions', '--limit', '2'], { cwd })).stdout
    expect(text).toContain(`--cursor ${ids[1]}`)
  })

  it('keeps to a status, a slot and a time', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd, { slot: 'a' })
    await agent.call('session_update', { status: 'stopped' })
    await startAgent(cwd, { slot: 'b' })
    const ids = async (...args: string[]) =>
      ((await rutter(['sessions', '--json', ...args], { cwd })).json() as Page).sessions.map(({ slot }) => slot)
    expect(await ids('--status', 'stopped')).toEqual(['a'])
    expect(await ids('--slot', 'b')).toEqual(['b'])
    expect(await ids('--since', '1h')).toEqual(['b', 'a'])
    expect(await ids('--until', '2020-01-01')).toEqual([])
    expect((await rutter(['sessions', '--until', '2020-01-01'], { cwd })).stdout).toBe('No sessions.\n')
  })
})

interface Page {
  sessions: { session_id: string; slot: string }[]
  next_cursor: string | null
}

describe('rutter stats', () => {
  it('gives what session_get_stats gives', async () => {
    const cwd = scratchBook()
    const agent = await busyAgent(cwd)
    const tool = await agent.call('session_get_stats')
    const { json, status } = await rutter(['stats', agent.session_id, '--json'], { cwd })
    expect(status).toBe(0)
    expect(json()).toMatchObject({ by_model: tool['by_model'], completion_rate: 50, cost_usd: 0.25 })
    const { stdout } = await rutter(['stats'], { cwd })
    expect(stdout).toContain('50% completed')
    expect(stdout).toContain('claude-sonnet-4-5')
    expect(stdout).toMatch(/only one of both +H-1/)
  })

  it('refuses an unknown session with the latest ones', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    const { status, stderr } = await rutter(['stats', 'nobody'], { cwd })
    expect(status).toBe(1)
    expect(stderr).toContain('rutter stats: There is no session "nobody"')
    expect(stderr).toContain(agent.session_id)
    expect(stderr).toContain('rutter sessions')
  })
})

describe('rutter show', () => {
  it('tells a run from its beginning, and of record text nothing that a terminal would obey', async () => {
    const cwd = scratchBook()
    const agent = await busyAgent(cwd)
    const { status, stdout } = await rutter(['show'], { cwd })
    expect(status).toBe(0)
    expect(stdout).toContain(`Session ${agent.session_id}`)
    expect(stdout).toContain('workflow chart')
    expect(stdout).toContain('$0.25')
    expect(stdout).toMatch(/task H-2 failed: broken pipe second line$/m)
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  })

  it('keeps control characters out of JSON too', async () => {
    const cwd = scratchBook()
    const agent = await busyAgent(cwd)
    await agent.call('session_update', { current_task_id: 'C1 \u009b31m' })
    const { stdout, json } = await rutter(['show', '--json'], { cwd })
    expect(stdout.trimEnd()).not.toMatch(/\p{Cc}/u)
    expect(json()).toMatchObject({ session: { current_task_id: 'C1 \u009b31m' }, statistics: {}, events: {} })
  })

  it('shows as much of the timeline as is asked for', async () => {
    const cwd = scratchBook()
    const agent = await busyAgent(cwd)
    const { stdout } = await rutter(['show', agent.session_id, '--lines', '2'], { cwd })
    expect(stdout).toMatch(/\d+ earlier lines/)
    expect(stdout).not.toContain('started as')
    expect((await rutter(['show', '--lines', '0'], { cwd })).stdout).not.toContain('Timeline')
  })
})

describe('rutter tail', () => {
  it('prints what happens as it happens, and ends with the session', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    const tail = start(['tail', '--lines', '1'], { cwd })
    const ended = outcome(tail)
    await written(tail, 'lock taken')
    await agent.call('session_update', { current_task_id: 'H-7' })
    await agent.call('session_update', { status: 'stopped' })
    const { status, stdout } = await ended
    expect(status).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(lines.map((line) => line.slice(10))).toEqual([
      expect.stringMatching(/^lock taken/),
      'task H-7 started',
      'ended: stopped by agent',
    ])
  })

  it('gives the last lines of a session that is over, as events where programs read', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    await agent.call('session_update', { status: 'stopped' })
    const { status, stdout } = await rutter(['tail', agent.session_id, '--lines', '2', '--json'], { cwd })
    expect(status).toBe(0)
    const types = stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type)
    expect(types).toEqual(['lease.granted', 'session.ended'])
  })

  it('ends with status 130 on Ctrl-C', async () => {
    const cwd = scratchBook()
    await startAgent(cwd)
    const tail = start(['tail'], { cwd })
    const ended = once(tail, 'close')
    await written(tail, 'lock taken')
    tail.kill('SIGINT')
    expect(await ended).toEqual([130, null])
  })
})

describe('colours', () => {
  it('are not in a pipe', async () => {
    const cwd = scratchBook()
    await busyAgent(cwd)
    for (const args of [['status'], ['sessions'], ['show'], ['stats'], ['verify'], ['doctor'], ['init']]) {
      expect((await rutter(args, { cwd })).stdout).not.toContain('\u001b')
    }
  })

  it('are there when FORCE_COLOR asks for them, and NO_COLOR takes them away on a terminal as in a pipe', async () => {
    const cwd = scratchBook()
    await busyAgent(cwd)
    expect((await rutter(['show'], { cwd, env: { FORCE_COLOR: '1' } })).stdout).toContain('\u001b[1m')
    expect((await rutter(['show'], { cwd, env: { NO_COLOR: '1' } })).stdout).not.toContain('\u001b')
  })
})
