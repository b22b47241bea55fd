import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { nodeDisk } from '../../src/log/disk.ts'
import { ensureBook } from '../../src/log/init.ts'
import { bookLayout } from '../../src/log/layout.ts'
import { rutter as commandLine } from '../support/cli.ts'
import { aDecision, aPattern, aSummary } from '../support/learnings.ts'
import { type ConnectOptions, connect, type Json, type Rutter, repository, tidyUp } from '../support/mcp-client.ts'
import { sharedServer, testDatabase } from '../support/postgres.ts'
import { RawServer } from '../support/raw-server.ts'

void sharedServer()
afterEach(tidyUp)

/** A team's database, and repositories whose agents and people use it. */
async function team() {
  const { url, name, server } = await testDatabase()
  const env = { RUTTER_STORE: url }
  /** Another clone of one repository: the same project, nothing else in common. */
  const clone = (settings: object = {}) => {
    const root = repository()
    const layout = bookLayout(join(root, '.bot'))
    ensureBook(nodeDisk, layout, 'atlas')
    writeFileSync(layout.settings, JSON.stringify({ project_id: 'atlas', ...settings }))
    return root
  }
  const agent = (root: string, options: ConnectOptions = {}) => connect(root, { ...options, env })
  const person = async (root: string, ...args: string[]) => {
    const { status, stdout, stderr } = await commandLine(args, { cwd: root, env })
    expect(status, `rutter ${args.join(' ')}: ${stderr}`).toBe(0)
    return stdout
  }
  const rows = (text: string) => server.sql(text, name)
  return { clone, agent, person, rows, env }
}

const learnings = {
  session: aSummary(),
  decisions: [aDecision('Use PostgreSQL for the fleet')],
  patterns: [aPattern('the lock is held')],
}

describe('a run on a team database', () => {
  test('is recorded, steered, learned from and read back by a run in another clone', async () => {
    const { clone, agent, person, rows } = await team()
    const [here, there] = [clone(), clone()]
    const one = await agent(here)
    const { session_id, lock } = await one.start({ workflow: 'nightly', model: 'm' })
    expect(lock).toMatchObject({ slot: 'default', token: 1 })

    const two = await agent(there)
    expect(await two.refused('session_initialize', { session_type: 'manual' })).toMatchObject({
      code: 'session_locked',
      locked_by: session_id,
      holder: { pid: one.pid },
    })

    await one.ok('task_add', { tasks: [{ task_id: 't-1', title: 'Measure the commit' }] })
    await one.ok('session_update', { current_task_id: 't-1' })
    await one.ok('session_record_turn', { input_tokens: 10, output_tokens: 5, model: 'm', request_id: 'r-1' })
    await one.ok('session_record_turn', { input_tokens: 10, output_tokens: 5, model: 'm', request_id: 'r-1' })
    await one.ok('session_record_failure', { outcome: 'failed', error: { message: 'the disk is full' } })
    await person(there, 'whisper', session_id, 'Look at the index first')
    const beat = await one.ok('steering_heartbeat', { session_id, status: 'measuring' })
    expect(JSON.stringify(beat.whispers)).toContain('Look at the index first')
    await one.ok('task_mark_done', { task_id: 't-1' })
    const saved = await one.ok('store_session_with_learnings', { ...learnings, idempotency_key: 'run-1' })
    expect(saved).toMatchObject({ overall: 'saved', decisions: [{ status: 'saved' }], patterns: [{ status: 'saved' }] })
    const stats = await one.ok('session_get_stats')
    expect(JSON.stringify(stats)).toContain('"turns":1')
    await one.ok('session_update', { status: 'stopped' })

    const next = await two.start()
    expect(next).toMatchObject({ lock: { token: 2 }, reclaimed: null })
    const brief = await two.ok('retrieve_context')
    for (const text of ['Use PostgreSQL for the fleet', 'the lock is held', 'Move the store to SQLite']) {
      expect(JSON.stringify(brief)).toContain(text)
    }
    const { matches } = await two.ok('memory_surface', { query: 'which store for the fleet' })
    expect(matches[0]).toMatchObject({ id: saved.decisions[0].artifact_id, session_id })
    expect((await two.ok('save_decision', { decision: learnings.decisions[0] })).dedup_outcome).toBe('duplicate_skip')

    expect(await person(there, 'show', session_id)).toContain('Measure the commit')
    expect(JSON.parse(await person(here, 'sessions', '--json')).sessions).toHaveLength(2)
    expect(await person(here, 'verify')).toContain('2 ')
    // All of it is in the database, and nothing of it in either clone.
    for (const root of [here, there]) {
      const folder = join(root, '.bot', 'workspace', 'sessions')
      expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([])
    }
    expect(await rows(`SELECT DISTINCT project_id FROM rutter.events`)).toEqual([{ project_id: 'atlas' }])
  })

  test('goes to exactly one of several processes that ask at the same moment, on an empty database', async () => {
    const { clone, agent } = await team()
    const root = clone()
    const agents = await Promise.all(Array.from({ length: 4 }, () => agent(root)))
    const answers = await Promise.all(agents.map((one) => one.call('session_initialize', { session_type: 'manual' })))
    const won = answers.filter((answer) => answer.isError !== true)
    expect(won).toHaveLength(1)
    const { session_id } = (won[0] as Json).structuredContent
    for (const answer of answers.filter(({ isError }) => isError)) {
      const { error } = answer.structuredContent as Json
      expect(error).toMatchObject({ code: 'session_locked', locked_by: session_id })
    }
  })

  test('counts all that several processes of it count at once', async () => {
    const { clone, agent, person } = await team()
    const root = clone()
    const first = await agent(root)
    const { session_id } = await first.start()
    const agents = [first, await agent(root), await agent(root)]
    const counts = await Promise.all(
      agents.flatMap((one) => Array.from({ length: 10 }, () => one.ok('session_increment_completed', { session_id }))),
    )
    const seen = counts.map(({ tasks_completed }) => tasks_completed).sort((a, b) => a - b)
    expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
    expect(await person(root, 'verify')).not.toContain('damage')
  })
})

test('a server whose client is gone ends by itself, though it has connections that nobody uses', async () => {
  const { clone, env } = await team()
  const server = new RawServer(clone(), [], env)
  await server.handshake()
  const { structuredContent } = await server.call('session_initialize', { session_type: 'manual' })
  expect(structuredContent.lock).toMatchObject({ token: 1 })
  server.child.stdin.end()
  const { code, signal, ms } = await server.ending()
  expect([code, signal]).toEqual([0, null])
  // An idle connection is closed after half a minute, and would keep it so long.
  expect(ms).toBeLessThan(15_000)
})

describe('a server that was killed', () => {
  /** A run whose server is gone, and somebody who wants its slot. */
  async function orphan(settings: object = {}) {
    const at = await team()
    const root = at.clone(settings)
    const first = await at.agent(root)
    const { session_id } = await first.start()
    await first.ok('session_update', { current_task_id: 't-1' })
    await first.kill()
    return { ...at, root, session_id, first, second: await at.agent(root) }
  }

  const begin = (agent: Rutter) => agent.call('session_initialize', { session_type: 'manual' })

  test('is known to be gone on its own machine, and its slot is taken at once', async () => {
    const { second, session_id } = await orphan()
    const next = await second.start()
    expect(next).toMatchObject({ reclaimed: { session_id, reason: 'process_gone' }, lock: { token: 2 } })
    expect(await second.ok('session_get_state', { session_id })).toMatchObject({
      status: 'interrupted',
      end_reason: 'process_gone',
    })
  })

  test('is taken for alive by another machine until its lease is over, by the clock of the database', async () => {
    const { second, session_id, rows, agent, clone } = await orphan({ lease_seconds: 5 })
    // As it stands in the lock of a process on a machine that nobody here can look at.
    await rows(
      `UPDATE rutter.slots SET holder = (holder::jsonb || '{"host": "elsewhere", "boot_id": "another"}')::text`,
    )
    const elsewhere = await agent(clone({ lease_seconds: 5 }))
    const error = await elsewhere.refused('session_initialize', { session_type: 'manual' })
    expect(error).toMatchObject({ code: 'session_locked', locked_by: session_id, holder: { host: 'elsewhere' } })
    const expires = Date.parse(error.expires_at)
    let answer = await begin(elsewhere)
    while (answer.isError === true && Date.now() < expires + 10_000) {
      await sleep(100)
      answer = await begin(elsewhere)
    }
    expect(Date.now()).toBeGreaterThanOrEqual(expires - 50)
    expect(answer.structuredContent).toMatchObject({ reclaimed: { session_id, reason: 'lease_expired' } })
    expect(await second.refused('session_update', { session_id, tasks_failed: 1 })).toMatchObject({
      code: 'lease_lost',
    })
  })

  test('and whose slot was given on finds that out at its next call, before it has written anything', async () => {
    const { agent, clone, rows } = await team()
    const root = clone({ lease_seconds: 5 })
    const first = await agent(root)
    const { session_id } = await first.start()
    // Its machine is cut off: nothing of it has arrived for longer than its lease.
    await rows(`UPDATE rutter.slots SET renewed_at = renewed_at - interval '1 hour',
      holder = (holder::jsonb || '{"host": "elsewhere"}')::text`)
    const second = await agent(root)
    expect((await second.start()).reclaimed).toEqual({ session_id, reason: 'lease_expired' })
    const count = async () => (await rows('SELECT count(*)::int AS count FROM rutter.events'))[0]?.['count']
    const before = await count()
    for (const [name, given] of [
      ['session_increment_completed', {}],
      ['steering_heartbeat', { status: 'still here' }],
      ['task_mark_done', { task_id: 't' }],
    ] as const) {
      const error = await first.refused(name, { session_id, ...given })
      expect(error, name).toMatchObject({ code: 'lease_lost', session_id, slot: 'default', token: 1 })
    }
    expect(await count()).toBe(before)
  })
})
