import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { git, rutter, scratchBook, scratchRepository } from '../support/cli.ts'
import { ownGlobalBook } from '../support/learner.ts'
import { sharedServer, testDatabase } from '../support/postgres.ts'
import { agentRole } from '../support/postgres-roles.ts'

void sharedServer()

describe('rutter migrate', () => {
  test('makes the tables, says so, and has nothing to do the second time', async () => {
    const { url, name } = await testDatabase()
    const cwd = scratchRepository()
    const first = await rutter(['migrate', '--store', url], { cwd })
    expect(first).toMatchObject({ status: 0, stderr: '' })
    expect(first.stdout).toMatch(
      new RegExp(`^Made Rutter's tables, version \\d+, at admin@\\S+/${name}, as admin \\(PostgreSQL`),
    )
    const second = await rutter(['migrate', '--store', url, '--json'], { cwd })
    expect(second.json()).toMatchObject({ steps: 0, role: 'admin', row_level_security: false })
    expect((await rutter(['migrate'], { cwd, env: { RUTTER_STORE: url } })).stdout).toMatch(/^Nothing to do: /)
    expect(existsSync(join(cwd, '.bot'))).toBe(false)
  })

  test('switches row-level security on and off, and says what is to be done next', async () => {
    const { url } = await testDatabase()
    const cwd = scratchRepository()
    const on = await rutter(['migrate', '--store', url, '--row-level-security'], { cwd })
    expect(on.stdout).toContain('Row-level security is on now')
    expect(on.stdout).toContain('rutter migrate --print-grants ROLE --projects IDS')
    expect(on.stdout).toContain('ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) LEAKPROOF;')
    expect((await rutter(['migrate', '--store', url], { cwd })).stdout).toContain('Row-level security is on:')
    const off = await rutter(['migrate', '--store', url, '--no-row-level-security'], { cwd })
    expect(off.stdout).toContain('Row-level security is off now')
  })

  test('prints rights as SQL that a database takes, and needs none for it', async () => {
    const cwd = scratchRepository()
    const args = ['migrate', '--print-grants', 'o\'brien "x"', '--projects', 'atlas,*', '--read-projects', 'charts']
    const { status, stdout } = await rutter(args, { cwd })
    expect(status).toBe(0)
    const { name, server, url } = await testDatabase()
    await rutter(['migrate', '--store', url, '--row-level-security'], { cwd })
    await server.sql('CREATE ROLE "o\'brien ""x"""', name)
    await server.sql(stdout, name)
    const given = await server.sql('SELECT * FROM rutter.project_grants ORDER BY project_id', name)
    expect(given).toEqual([
      { project_id: '*', role_name: 'o\'brien "x"', may_write: true },
      { project_id: 'atlas', role_name: 'o\'brien "x"', may_write: true },
      { project_id: 'charts', role_name: 'o\'brien "x"', may_write: false },
    ])
    await server.sql('DROP OWNED BY "o\'brien ""x"""; DROP ROLE "o\'brien ""x"""', name)
  })

  test.each([
    [['migrate'], 'Which database is meant was not said.'],
    [['migrate', '--print-grants', 'a', '--row-level-security'], 'cannot be used with'],
    [['migrate', '--print-grants', ' '], 'the name of the role is empty'],
    [['migrate', '--print-grants', 'a', '--projects', 'no/such'], '--projects: project_id must be letters'],
    [['migrate', '--print-grants', 'a', '--projects', 'x', '--read-projects', 'x'], 'it can be in one'],
    [['migrate', '--projects', 'x'], '--projects and --read-projects say what --print-grants prints.'],
  ])('is called wrongly as %j, and says how it is meant', async (args, message) => {
    const { status, stderr } = await rutter(args, { cwd: scratchRepository(), env: { RUTTER_STORE: '' } })
    expect(status).toBe(2)
    expect(stderr).toContain(message)
  })

  test('is refused by a role that may not, and by an address that is none, without a password in the answer', async () => {
    const database = await testDatabase()
    const { url } = await agentRole(database)
    const cwd = scratchRepository()
    await database.server.sql('DROP SCHEMA rutter CASCADE', database.name)
    const forbidden = await rutter(['migrate', '--store', url.replace('@', ':topsecret@'), '--json'], { cwd })
    expect(forbidden.status).toBe(1)
    expect(forbidden.json()).toMatchObject({ error: { code: 'store_unavailable' } })
    const none = await rutter(['migrate', '--store', 'mysql://a:topsecret@b/c'], { cwd })
    expect(none.status).toBe(1)
    for (const { stdout, stderr } of [forbidden, none]) expect(stdout + stderr).not.toContain('topsecret')
  })
})

describe('with the book in a database', () => {
  test('every command says where that is, and none speaks of files that are not there', async () => {
    const { url, name } = await testDatabase()
    ownGlobalBook()
    const cwd = scratchRepository()
    const env = { RUTTER_STORE: url.replace('admin@', 'admin:topsecret@') }
    const said: string[] = []
    const run = async (...args: string[]) => {
      const ran = await rutter(args, { cwd, env })
      said.push(ran.stdout, ran.stderr)
      return ran
    }
    expect((await run('init', '--project', 'atlas')).stdout).toMatch(
      new RegExp(`^The book of project atlas is at admin@\\S+/${name}\n`),
    )
    expect((await run('status')).stdout).toMatch(new RegExp(`^Project atlas in .* kept at admin@\\S+/${name}\n`))
    await run('run', '--', 'true')
    expect((await run('verify')).stdout).toMatch(new RegExp(`^1 record, 3 events at admin@\\S+/${name}: all whole`))
    expect((await run('rebuild')).stdout).toMatch(new RegExp(`^Computed again at admin@\\S+/${name} from 1 record`))
    const doctor = await run('doctor')
    expect(doctor.stdout).toMatch(
      new RegExp(`^Book at admin@\\S+/${name}, settings in .*rutter.json\nPostgreSQL .*, as role admin, row-level`),
    )
    expect(doctor.stdout).toContain('Nothing is wrong.')
    for (const command of ['show', 'sessions', 'stats', 'search x', 'decisions', 'patterns', 'brief', 'review']) {
      expect(await run(...command.split(' ')), command).toMatchObject({ status: 0 })
    }
    expect(said.join('')).not.toMatch(/topsecret|\.jsonl/)
  })

  test('the doctor looks at no git rules for records, as there are none in files', async () => {
    const { url } = await testDatabase()
    const cwd = scratchBook()
    writeFileSync(join(cwd, '.gitignore'), '*.jsonl\n')
    git(cwd, 'add', '.')
    expect((await rutter(['doctor'], { cwd, env: { RUTTER_STORE: '' } })).status).toBe(1)
    expect(await rutter(['doctor', '--store', url], { cwd })).toMatchObject({ status: 0 })
    const restore = await rutter(['doctor', '--restore', '--store', url], { cwd })
    expect(restore).toMatchObject({ status: 2, stderr: expect.stringContaining('are in its database') })
  })

  test('what was altered there is told with what can be done there', async () => {
    const { url, name, server } = await testDatabase()
    const cwd = scratchBook()
    await rutter(['run', '--store', url, '--', 'true'], { cwd })
    await server.sql("UPDATE rutter.events SET line = replace(line, 'autonomous', 'interactive') WHERE seq = 1", name)
    for (const command of ['verify', 'doctor']) {
      const { status, stdout } = await rutter([command, '--store', url], { cwd })
      expect(status).toBe(1)
      expect(stdout).toMatch(/rutter\.events of project atlas, session \S+:\d/)
      expect(stdout).toContain('from a backup of the database')
      expect(stdout).not.toMatch(/\bgit\b/)
    }
  })

  test('a command that is run there finds the address that its parent was given', async () => {
    const { url } = await testDatabase()
    const cwd = scratchBook()
    const script = 'process.stdout.write(process.env.RUTTER_STORE)'
    const ran = await rutter(['run', '--store', url, '--', process.execPath, '-e', script], { cwd })
    expect(ran).toMatchObject({ status: 0, stdout: url })
  })

  test('a repository that was not said to be a project is not made one by looking', async () => {
    const { url } = await testDatabase()
    const cwd = scratchRepository()
    const { status, stderr } = await rutter(['status', '--store', url], { cwd })
    expect(status).toBe(1)
    expect(stderr).toContain('rutter.json is missing, which says what project')
    expect(existsSync(join(cwd, '.bot'))).toBe(false)
  })

  test('the doctor says so when the database does not answer', async () => {
    const cwd = scratchBook()
    const url = 'postgres://pilot:topsecret@127.0.0.1:1/team'
    const { status, stdout, stderr } = await rutter(['doctor', '--store', url], { cwd })
    expect(status).toBe(1)
    expect(stdout).toContain('pilot@127.0.0.1:1/team')
    expect(stdout + stderr).not.toContain('topsecret')
  })
})
