import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { nodeDisk } from '../../src/log/disk.ts'
import { ensureBook } from '../../src/log/init.ts'
import { bookLayout } from '../../src/log/layout.ts'
import { rutter as commandLine } from '../support/cli.ts'
import { aDecision, aSummary } from '../support/learnings.ts'
import { connect, type Json, type Rutter, repository, tidyUp, whenTidying } from '../support/mcp-client.ts'
import { sharedServer, testDatabase } from '../support/postgres.ts'
import { RawServer } from '../support/raw-server.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

void sharedServer()
afterEach(tidyUp)

const SESAME = 'sesame-open'

/** A team's database behind a proxy, and clones of the project "atlas" that are kept together with it. */
async function team() {
  const { url, name, server } = await testDatabase()
  const proxy = await tcpProxy(server.port)
  // With a password that nobody asks for, and that nobody may show.
  const through = proxy.url(server.url(name, 'tcp')).replace('//admin@', `//admin:${SESAME}@`)
  const clone = () => {
    const root = repository()
    ensureBook(nodeDisk, bookLayout(join(root, '.bot')), 'atlas')
    whenTidying(() => {
      for (const { pid } of processesOf(root)) process.kill(pid, 'SIGKILL')
    })
    return root
  }
  const env = (remote = through) => ({ RUTTER_REMOTE: remote })
  const rows = (text: string) => server.sql(text, name)
  return {
    ...{ proxy, url, through, server, name, clone, env, rows },
    agent: (root: string, remote = through): Promise<Rutter> => connect(root, { env: env(remote) }),
    /** Events of a clone that the database lacks. What is there is there once. */
    async lacking(root: string): Promise<string[]> {
      const [found] = await rows(`SELECT to_regclass('rutter.events') IS NOT NULL AS there`)
      if (found?.['there'] !== true) return eventsOf(root)
      const all = await rows(`SELECT line::jsonb ->> 'id' AS id, count(*)::int AS times FROM rutter.events GROUP BY 1`)
      expect(all.filter(({ times }) => times !== 1)).toEqual([])
      const there = new Set(all.map(({ id }) => id))
      return eventsOf(root).filter((id) => !there.has(id))
    },
  }
}

/** The id of every event in a clone's own records. */
function eventsOf(root: string): string[] {
  const workspace = join(root, '.bot', 'workspace')
  const files = readdirSync(workspace, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.jsonl'))
  return files.flatMap((file) => {
    const lines = readFileSync(join(workspace, file), 'utf8').trimEnd().split('\n')
    return lines.map((line) => (JSON.parse(line) as { id: string }).id)
  })
}

const noteFile = (root: string) => join(root, '.bot', '.control', 'remote.json')

/** What the clone has noted; `null` where that cannot be read. */
function noteOf(root: string): Json {
  try {
    return JSON.parse(readFileSync(noteFile(root), 'utf8'))
  } catch {
    return null
  }
}

async function until(is: () => boolean | Promise<boolean>, what: string, ms = 20_000): Promise<void> {
  const end = performance.now() + ms
  while (!(await is())) {
    if (performance.now() > end) throw new Error(`Not within ${ms} ms: ${what}`)
    await sleep(50)
  }
}

const saving = (agent: Rutter, title: string) => agent.ok('save_decision', { decision: aDecision(title) })

/** Nothing of a clone that is kept together runs on its own any more. */
async function quiet(root: string): Promise<void> {
  await until(() => processesOf(root).length === 0, 'that everything in the background has ended', 30_000)
}

/** Processes that were started in the background for a clone. */
function processesOf(root: string): { pid: number; arguments: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return line.includes('--background') && line.includes(root) ? [{ pid: Number(name), arguments: line }] : []
      } catch {
        return []
      }
    })
}

describe('a clone that is kept together with a team', () => {
  test('has what the team knows soon after its server starts, and sends what is saved without being told to, also at the end', async () => {
    const { agent, clone, env, lacking } = await team()
    const [one, two] = [clone(), clone()]
    const first = new RawServer(one, [], env())
    await first.handshake()
    await until(() => noteOf(one)?.last?.outcome === 'together', 'the first attempt')
    const decision = aDecision('Steer by the pole star')
    expect((await first.call('save_decision', { decision })).structuredContent).toMatchObject({ status: 'saved' })
    first.child.stdin.end()
    const { code, ms } = await first.ending()
    // Its client does not wait for what is still to be sent, and nobody who lists processes sees the password.
    expect([code, ms < 2000]).toEqual([0, true])
    const inBackground = processesOf(one)
    expect(inBackground).toHaveLength(1)
    expect(inBackground[0]?.arguments).not.toContain(SESAME)
    await quiet(one)
    expect(await lacking(one)).toEqual([])
    const second = await agent(two)
    await until(() => noteOf(two)?.last?.outcome === 'together', 'that the second clone is together')
    expect(JSON.stringify(await second.ok('retrieve_context'))).toContain('pole star')
    await saving(second, 'Reef before the squall')
    await until(async () => (await lacking(two)).length === 0, 'that the second save arrived')
    expect([first.stderr, second.stderr, readFileSync(noteFile(one), 'utf8')].join()).not.toContain(SESAME)
  })

  test('works on while the database is away, tells since when and why, and sends all of it once when it is back', async () => {
    const { agent, clone, lacking, proxy, env } = await team()
    const root = clone()
    // Of a process that was killed in mid-write, or of a later version.
    writeFileSync(noteFile(root), '{"v":2,"remo')
    proxy.close()
    const one = await agent(root)
    await one.start()
    expect(await saving(one, 'Reef early')).toMatchObject({ status: 'saved' })
    expect(await one.ok('save_session', { session: aSummary() })).toMatchObject({ status: 'saved' })
    await until(() => noteOf(root)?.last?.outcome === 'away', 'that it is noted as away')
    const { stdout } = await commandLine(['status'], { cwd: root, env: env() })
    expect(stdout).toMatch(/Together with admin@127\.0\.0\.1:\d+\/\S+: never yet[\s\S]*away for .*cannot be reached/)
    expect(stdout).toMatch(/\d+ events of this clone have not arrived there yet/)
    expect(stdout).not.toContain(SESAME)
    const { remote } = (await commandLine(['status', '--json'], { cwd: root })).json() as Json
    expect(remote).toMatchObject({ together_at: null, needs_help: false, lacking: eventsOf(root).length })
    proxy.open()
    await until(async () => (await lacking(root)).length === 0, 'that all of it arrived')
    await until(() => noteOf(root)?.last?.outcome === 'together', 'that this is noted')
    expect(noteOf(root)).toMatchObject({ away_since: null, arrived: eventsOf(root).length })
  })

  test('answers as ever while the database takes connections and never answers, and ends at once', async () => {
    const { agent, clone, proxy } = await team()
    const root = clone()
    proxy.swallow()
    const one = await agent(root)
    const times: number[] = []
    for (let i = 0; i < 20; i++) {
      const began = performance.now()
      expect(await one.ok('save_session', { session: aSummary() })).toMatchObject({ status: 'saved' })
      times.push(performance.now() - began)
    }
    expect(processesOf(root)).toHaveLength(1)
    const began = performance.now()
    await one.close()
    times.push(performance.now() - began)
    // Whoever waited for the database would take the five seconds of a call's patience.
    expect(Math.max(...times)).toBeLessThan(3000)
  })

  test('loses and doubles nothing when servers and what they started are killed, and several servers share one clone', async () => {
    const { agent, clone, lacking, proxy } = await team()
    const root = clone()
    proxy.delay(30)
    const agents = await Promise.all([1, 2, 3].map(() => agent(root)))
    await Promise.all(agents.map((one, i) => saving(one, `${'abc'[i]}${i} ${'xyz'[i]}${i}`)))
    await until(() => processesOf(root).length > 0, 'that something runs in the background')
    for (const { pid } of processesOf(root)) process.kill(pid, 'SIGKILL')
    await Promise.all(agents.map((one) => one.kill()))
    proxy.delay(0)
    const later = await Promise.all([1, 2].map(() => agent(root)))
    await until(async () => (await lacking(root)).length === 0, 'that all of it arrived')
    await Promise.all(later.map((one) => one.close()))
    await quiet(root)
    expect(await lacking(root)).toEqual([])
  })

  test('and is not let in there asks once, says what a person must do, and works on', async () => {
    const { agent, clone, server, name, env } = await team()
    await server.sql(`CREATE ROLE ${name}_locked NOLOGIN`)
    const root = clone()
    const url = server.url(name, 'tcp').replace('//admin@', `//${name}_locked:${SESAME}@`)
    const one = await agent(root, url)
    await until(() => noteOf(root)?.last?.outcome === 'refused', 'that it is noted as refused')
    const { ended_at } = noteOf(root).last
    expect(await saving(one, 'Sound the depth')).toMatchObject({ status: 'saved' })
    const doctor = await commandLine(['doctor', '--json'], { cwd: root, env: env(url) })
    expect(doctor.status).toBe(1)
    expect((doctor.json() as Json).findings).toContainEqual(
      expect.objectContaining({
        ...{ check: 'remote', level: 'wrong', message: expect.stringContaining('not permitted to log in') },
      }),
    )
    expect(doctor.stdout).not.toContain(SESAME)
    expect((await commandLine(['status'], { cwd: root })).stdout).toMatch(/not possible for .*not permitted to log in/)
    expect(noteOf(root).last.ended_at).toBe(ended_at)
  })
})

describe('a server is told at its start', () => {
  const ending = async (args: string[], env: Record<string, string>) => {
    const server = new RawServer(repository(), args, env)
    const { code } = await server.ending()
    return { code, stderr: server.stderr }
  }

  test('that its remote is no address, without showing it', async () => {
    const { code, stderr } = await ending([], { RUTTER_REMOTE: `mysql://me:${SESAME}@db/team` })
    expect([code, stderr]).toEqual([2, expect.stringMatching(/not one of a PostgreSQL database.*\n.*RUTTER_REMOTE/)])
    expect(stderr).not.toContain(SESAME)
  })

  test('that a store and a remote are two different things', async () => {
    const { code, stderr } = await ending(['--remote', 'postgres://db/b'], { RUTTER_STORE: 'postgres://db/a' })
    expect([code, stderr]).toEqual([2, expect.stringContaining('Both a store and a remote were given')])
    expect(stderr).toContain('Give one of the two')
  })
})
