import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { git, type Ran, rutter, scratchBook, scratchFolder, startAgent } from '../support/cli.ts'
import { sharedServer, testDatabase } from '../support/postgres.ts'

void sharedServer()

const TEXT = { owner: 'olga', date: '2026-11-21', scope: 'project' }

interface Clone {
  readonly cwd: string
  readonly env: Record<string, string>
}

/** A clone of the project "atlas", with a folder of its own for what is global. */
function clone(url: string): Clone {
  return { cwd: scratchBook(), env: { XDG_DATA_HOME: scratchFolder('data'), RUTTER_REMOTE: url } }
}

/** Lets an agent work in a clone; gives the id of its session, which is over then. */
async function work({ cwd }: Clone, title: string): Promise<string> {
  const agent = await startAgent(cwd)
  await agent.call('save_decision', { decision: { ...TEXT, title, rationale: `Because of ${title}.` } })
  await agent.call('session_update', { status: 'stopped' })
  await agent.close()
  return agent.session_id
}

const synced = async (at: Clone, ...args: string[]): Promise<Ran> => await rutter(['sync', ...args], at)

test('brings the records of two clones together by way of a database, and tells how many went where', async () => {
  const { url } = await testDatabase()
  const [one, two] = [clone(url), clone(url)]
  const [first, second] = [await work(one, 'Keep one clock'), await work(two, 'Write lines of JSON')]
  const sent = await synced(one)
  expect([sent.status, sent.stderr]).toEqual([0, ''])
  expect(sent.stdout).toMatch(/^Project atlas and .*: 1 record \(\d+ events\) sent, nothing received, 0 alike\.\n$/)
  expect(sent.stdout).not.toContain('postgres://')
  expect((await synced(two)).stdout).toMatch(/1 record \(\d+ events\) sent, 1 record \(\d+ events\) received, 0 alike/)
  expect((await synced(one)).stdout).toMatch(/nothing sent, 1 record \(\d+ events\) received, 1 alike/)
  for (const at of [one, two]) {
    expect((await rutter(['sessions'], at)).stdout).toContain(first)
    expect((await rutter(['search', 'JSON'], at)).stdout).toContain('Write lines of JSON')
    expect((await rutter(['verify'], at)).status).toBe(0)
    expect((await rutter(['search', 'clock', '--store', url], at)).stdout).toContain('Keep one clock')
  }
  const shown = await rutter(['show', second, '--store', url, '--json'], one)
  expect(shown.json()).toEqual((await rutter(['show', second, '--json'], two)).json())
  // As git sees them: records like those that were written here.
  expect(git(one.cwd, 'status', '--porcelain', '-uall')).toContain(`.bot/workspace/sessions/${second}.jsonl`)
})

test('gives its result as JSON, and writes nothing in a dry run', async () => {
  const { url } = await testDatabase()
  const at = clone(url)
  await work(at, 'Keep one clock')
  const dry = await synced(at, '--dry-run', '--json')
  expect(dry.json()).toMatchObject({
    dry_run: true,
    project_id: 'atlas',
    sent: { streams: 1 },
    forks: [],
    left_apart: [],
  })
  expect((await synced(at, '--dry-run')).stdout).toContain('would be sent')
  expect((await synced(at, '--json')).json()).toMatchObject({ dry_run: false, sent: { streams: 1 } })
  expect((await synced(at, '--json')).json()).toMatchObject({ equal: 1, sent: { streams: 0, events: 0 } })
})

test('names where both copies of a fork are, and ends with status 1', async () => {
  const { url } = await testDatabase()
  const at = clone(url)
  const id = await work(at, 'Keep one clock')
  await synced(at)
  const file = join(at.cwd, '.bot/workspace/sessions', `${id}.jsonl`)
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  const last = JSON.parse(lines.at(-1) ?? '')
  writeFileSync(file, `${[...lines.slice(0, -1), JSON.stringify({ ...last, id: 'another' })].join('\n')}\n`)
  const forked = await synced(at)
  expect(forked.status).toBe(1)
  expect(forked.stdout).toContain(`Forked: session ${id} parted behind event ${lines.length - 1}`)
  const copies = readdirSync(join(at.cwd, '.bot/workspace/sessions')).filter((name) => name.includes('.fork-'))
  expect(copies).toHaveLength(1)
  expect(forked.stdout).toContain(copies[0])
  const again = await synced(at)
  expect([again.status, again.stdout]).toEqual([1, forked.stdout])
  expect((await rutter(['doctor'], at)).stdout).toContain('other copy of a record that forked')
})

test('takes what all projects share along only when it is told to', async () => {
  const { url } = await testDatabase()
  const [one, two] = [clone(url), clone(url)]
  const trigger = 'everywhere'
  const node = { trigger, repeatable_steps: ['look'], last_validated_at: '2026-11-20T08:00:00Z', scope: 'global' }
  const input = JSON.stringify({ nodes: [{ id: '1', labels: ['Pattern'], properties: node }], relationships: [] })
  await rutter(['import', '-', '--global'], { ...one, input })
  await synced(one)
  await synced(two)
  expect((await rutter(['search', trigger], two)).stdout).toContain('Nothing was found')
  const both = await synced(one, '--global')
  expect(both.stdout).toMatch(/Project atlas and .*\nGlobal book and .*: 1 record \(1 event\) sent/)
  expect((await synced(two, '--global', '--json')).json()).toMatchObject({ global: { received: { streams: 1 } } })
  expect((await rutter(['search', trigger], two)).stdout).not.toContain('Nothing was found')
})

test('says what is missing or wrong, and never shows a password', async () => {
  const { url } = await testDatabase()
  const at = clone('')
  const nowhere = await synced(at)
  expect(nowhere.status).toBe(2)
  expect(nowhere.stderr).toContain('--remote')
  const down = await synced(at, '--remote', 'postgres://me:sesame@127.0.0.1:1/team')
  expect(down.status).toBe(1)
  expect(down.stderr).toContain('cannot be reached')
  expect(down.stderr).not.toContain('sesame')
  expect((await synced(at, '--remote', 'mysql://me:sesame@host/team')).stderr).not.toContain('sesame')
  const bare = { ...at, cwd: scratchFolder() }
  const none = await synced(bare, '--remote', url)
  expect([none.status, readdirSync(bare.cwd)]).toEqual([1, []])
  expect(none.stderr).toContain('rutter init')
})

test('a command that is run as a session is brought to the database by itself, and finds where that is', async () => {
  const { url, name, server } = await testDatabase()
  const at = clone(url)
  const script = 'process.stdout.write(process.env.RUTTER_REMOTE)'
  const ran = await rutter(['run', '--', process.execPath, '-e', script], at)
  expect([ran.status, ran.stdout]).toEqual([0, url])
  const ended = `SELECT count(*)::int AS n FROM rutter.events WHERE line LIKE '%"type":"session.ended"%'`
  await vi.waitFor(async () => expect(await server.sql(ended, name)).toEqual([{ n: 1 }]), {
    timeout: 20_000,
    interval: 100,
  })
  const both = await rutter(['run', '--store', url, '--', 'true'], at)
  expect([both.status, both.stderr]).toEqual([2, expect.stringContaining('Both a store and a remote were given')])
})

test('in the background says nothing, notes what it did for rutter status, and takes no option that wants an answer', async () => {
  const { url } = await testDatabase()
  const at = clone(url)
  await work(at, 'Keep one clock')
  const ran = await synced(at, '--background')
  expect([ran.status, ran.stdout, ran.stderr]).toEqual([0, '', ''])
  const status = await rutter(['status'], { cwd: at.cwd })
  expect(status.stdout).toMatch(/^Project atlas in .*\nTogether with admin@\S+: .* ago\n/)
  expect((await synced(at, '--background', '--json')).status).toBe(2)
  const down = await synced(at, '--background', '--remote', 'postgres://me:sesame@127.0.0.1:1/team')
  expect([down.status, down.stderr]).toEqual([1, expect.stringContaining('cannot be reached')])
  const doctor = await rutter(['doctor'], { cwd: at.cwd })
  expect(doctor.stdout).toMatch(/note {2}me@127\.0\.0\.1:1\/team\n {2}not brought together with this clone since/)
  expect(doctor.stdout).not.toContain('sesame')
})

/** The id of what was saved about heliotrope. */
async function found(at: Clone): Promise<string> {
  const { matches } = (await rutter(['search', 'heliotrope', '--json'], at)).json() as { matches: { id: string }[] }
  return matches[0]?.id ?? ''
}

test('refuses to bring a database together with itself', async () => {
  const { url } = await testDatabase()
  const at = clone(url)
  await synced(at)
  const both = await rutter(['sync'], { cwd: at.cwd, env: { ...at.env, RUTTER_STORE: url } })
  expect(both.status).toBe(2)
  expect(both.stderr).toContain('RUTTER_STORE')
})

test('purges a text in the clone and in the database at once, and no sync brings it back', async () => {
  const { url } = await testDatabase()
  const [one, two] = [clone(url), clone(url)]
  await work(one, 'Keep tokens in heliotrope')
  await synced(one)
  const purged = await rutter(['forget', await found(one), '--purge', '--yes'], one)
  expect([purged.status, purged.stderr]).toEqual([0, ''])
  expect(purged.stdout).toMatch(/was written anew.*In the database:.*was written anew/s)
  expect((await synced(one)).status).toBe(0)
  expect((await synced(two)).status).toBe(0)
  for (const at of [one, two]) {
    const files = readdirSync(join(at.cwd, '.bot'), { recursive: true, withFileTypes: true })
    const texts = files.filter((file) => file.isFile()).map((file) => readFileSync(join(file.parentPath, file.name)))
    expect(texts.filter((text) => text.includes('heliotrope'))).toEqual([])
  }
})

test('purges nothing where the database that has the text as well is away', async () => {
  const { url } = await testDatabase()
  const at = clone(url)
  await work(at, 'Keep tokens in heliotrope')
  const env = { ...at.env, RUTTER_REMOTE: 'postgres://nobody@127.0.0.1:1/nowhere' }
  const refused = await rutter(['forget', await found(at), '--purge', '--yes'], { cwd: at.cwd, env })
  expect(refused.status).toBe(1)
  expect(refused.stderr).toMatch(/would come back.*Nothing was forgotten/s)
  expect((await rutter(['search', 'heliotrope'], at)).stdout).toContain('Keep tokens in heliotrope')
})
