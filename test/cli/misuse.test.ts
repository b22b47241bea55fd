import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { rutter, scratchBook, scratchFolder, scratchRepository } from '../support/cli.ts'

const ID = '2026-11-21T22-23-05Z-0ak3f9'

describe('a command line that is wrong', () => {
  it.each([
    [['whispr'], 'rutter: unknown command'],
    [['sessions', '--limit', '0'], 'rutter sessions:'],
    [['sessions', '--limit', '1e1'], 'rutter sessions:'],
    [['sessions', '--status', 'sleeping'], 'rutter sessions:'],
    [['sessions', '--since', 'yesterday'], 'rutter sessions:'],
    [['sessions', 'extra'], 'rutter sessions:'],
    [['show', '--colour'], 'rutter show:'],
    [['whisper', ID], 'rutter whisper:'],
    [['whisper', ID, '  '], 'rutter whisper: There is nothing to whisper'],
    [['search', ''], 'rutter search: There is nothing to search for'],
    [['search', ' ', ''], 'rutter search: There is nothing to search for'],
    [['approve', ''], 'rutter approve: There is nothing to approve'],
    [['whisper', ID, 'go', '--priority', 'loud'], 'rutter whisper:'],
    [['stop'], 'rutter stop:'],
    [['run'], 'rutter run:'],
    [['status', '--root', '/there/is/no/such/folder'], 'rutter status:'],
    [['mcp', '--colour'], 'rutter mcp:'],
    [['mcp', '--toolsets', 'kitchen'], 'rutter mcp:'],
    [['mcp', 'extra'], 'rutter mcp:'],
  ])('is refused with status 2, by name, and writes nothing: %j', async (args, beginning) => {
    const cwd = scratchRepository()
    const { status, stdout, stderr } = await rutter(args, { cwd })
    expect(status).toBe(2)
    expect(stdout).toBe('')
    expect(stderr.startsWith(beginning)).toBe(true)
    expect(stderr).not.toContain('    at ')
    expect(existsSync(join(cwd, '.bot'))).toBe(false)
  })

  it('is told to programs as JSON', async () => {
    const { status, json } = await rutter(['sessions', '--limit', 'many', '--json'], { cwd: scratchFolder() })
    expect(status).toBe(2)
    expect(json()).toMatchObject({ error: { code: 'invalid_argument', hint: expect.stringContaining('--help') } })
  })

  it('does not take the --json of a command that is to be run for its own', async () => {
    const { stdout, status } = await rutter(['run', '--slott', 'x', '--', 'tool', '--json'], { cwd: scratchFolder() })
    expect(status).toBe(2)
    expect(stdout).toBe('')
  })

  it('shows the help when there is no command at all', async () => {
    const { status, stderr } = await rutter([], { cwd: scratchFolder() })
    expect(status).toBe(2)
    expect(stderr).toContain('Usage: rutter')
  })
})

describe('a place without a book', () => {
  it.each([
    ['status'],
    ['sessions'],
    ['stats'],
    ['show'],
    ['tail'],
    ['verify'],
    ['rebuild'],
    ['doctor'],
    ['doctor', '--fix'],
    ['whisper', ID, 'go'],
    ['pause', ID],
    ['resume', ID],
    ['stop', ID],
  ])('is refused by `rutter %s %s`, with what to do, and stays without one', async (...args) => {
    const cwd = scratchRepository()
    const { status, stdout, stderr } = await rutter(args, { cwd })
    expect(status).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toContain(`rutter ${args[0]}: There is no Rutter book in ${cwd}`)
    expect(stderr).toContain('rutter init')
    expect(existsSync(join(cwd, '.bot'))).toBe(false)
  })
})

describe('help', () => {
  const commands = 'init mcp run status sessions show stats tail whisper pause resume stop verify rebuild doctor'
  it.each(commands.split(' '))('of %s gives an example', async (name) => {
    const { status, stdout } = await rutter([name, '--help'], { cwd: scratchFolder() })
    expect(status).toBe(0)
    expect(stdout).toContain(`Usage: rutter ${name}`)
    expect(stdout).toMatch(/Examples:\n {2}\$ .*\S/)
  })

  it('lists every command and the exit statuses', async () => {
    const { status, stdout } = await rutter(['--help'], { cwd: scratchFolder() })
    expect(status).toBe(0)
    for (const name of commands.split(' ')) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
    expect(stdout).toContain('Exit status')
  })
})

describe('where a command works', () => {
  it('is the folder named by --root, or by RUTTER_ROOT, from anywhere', async () => {
    const root = scratchBook()
    const elsewhere = scratchFolder('elsewhere')
    const named = await rutter(['status', '--json', '--root', root], { cwd: elsewhere })
    expect(named.json()).toMatchObject({ project_id: 'atlas', root })
    const fromEnv = await rutter(['status', '--json'], { cwd: elsewhere, env: { RUTTER_ROOT: root } })
    expect(fromEnv.json()).toMatchObject({ project_id: 'atlas', root })
  })

  it('is told apart from a book whose settings cannot be read', async () => {
    const cwd = scratchBook()
    writeFileSync(join(cwd, '.bot', 'rutter.json'), '{ "project_id": "atlas", "colour": 1 }')
    const { status, stderr } = await rutter(['status'], { cwd })
    expect(status).toBe(1)
    expect(stderr).toContain('rutter.json')
    expect(stderr).toContain('"colour"')
  })
})
