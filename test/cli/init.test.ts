import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { git, rutter, scratchFolder, scratchRepository, startAgent } from '../support/cli.ts'

describe('rutter init', () => {
  it('begins a book in a repository and says what it wrote and how to connect an agent', async () => {
    const cwd = scratchRepository()
    const { status, stdout, stderr } = await rutter(['init'], { cwd })
    expect(status).toBe(0)
    expect(stderr).toBe('')
    expect(stdout).toContain(join(cwd, '.bot', 'rutter.json'))
    expect(stdout).toMatch(/claude mcp add rutter -- .*mcp/)
    expect(stdout).toMatch(/codex mcp add rutter -- .*mcp/)
    expect(stdout).toMatch(/gemini mcp add rutter (?!--).*mcp/)
    const untracked = git(cwd, 'status', '--short', '--untracked-files=all')
    expect(untracked).toContain('.bot/rutter.json')
    expect(untracked).not.toContain('.control')
  })

  it('leaves what is there as it is the second time, and says so', async () => {
    const cwd = scratchRepository()
    await rutter(['init', '--project', 'atlas'], { cwd })
    const settings = readFileSync(join(cwd, '.bot', 'rutter.json'), 'utf8')
    const again = await rutter(['init', '--json'], { cwd })
    expect(again.status).toBe(0)
    expect(again.json()).toMatchObject({ project_id: 'atlas', created: [], is_git: true, linked_worktree: null })
    expect((again.json() as { present: string[] }).present).toHaveLength(3)
    expect(readFileSync(join(cwd, '.bot', 'rutter.json'), 'utf8')).toBe(settings)
  })

  it('works from a folder inside the repository', async () => {
    const cwd = scratchRepository()
    const inside = join(cwd, 'deep', 'er')
    mkdirSync(inside, { recursive: true })
    const { json } = await rutter(['init', '--json'], { cwd: inside })
    expect(json()).toMatchObject({ root: cwd })
  })

  it('works without git and says what is lost', async () => {
    const cwd = scratchFolder()
    const { status, stdout } = await rutter(['init'], { cwd })
    expect(status).toBe(0)
    expect(stdout).toContain('not a git repository')
    expect(existsSync(join(cwd, '.bot', 'rutter.json'))).toBe(true)
  })

  it('says so when git ignores the records', async () => {
    const cwd = scratchRepository()
    writeFileSync(join(cwd, '.gitignore'), '.bot/\n')
    const { stdout } = await rutter(['init'], { cwd })
    expect(stdout).toContain('makes git ignore the records')
    expect(stdout).toContain('.gitignore:1:.bot/')
  })

  it('refuses to give a book another name, and tells where the name stands', async () => {
    const cwd = scratchRepository()
    await rutter(['init', '--project', 'atlas'], { cwd })
    const { status, stderr } = await rutter(['init', '--project', 'pilot'], { cwd })
    expect(status).toBe(1)
    expect(stderr).toContain('"atlas"')
    expect(stderr).toContain('rutter.json')
  })

  it('writes nothing for a project name that it cannot use', async () => {
    const cwd = scratchRepository()
    const { status, stderr } = await rutter(['init', '--project', '../escape'], { cwd })
    expect(status).toBe(2)
    expect(stderr).toContain('rutter init: --project')
    expect(existsSync(join(cwd, '.bot'))).toBe(false)
  })
})

describe('a linked worktree', () => {
  it('uses the book of the main worktree, and init says so', async () => {
    const cwd = scratchRepository('main tree')
    const linked = join(dirname(cwd), 'linked tree')
    git(cwd, 'worktree', 'add', '--quiet', '-b', 'linked', linked)
    const { json } = await rutter(['init', '--json'], { cwd: linked })
    expect(json()).toMatchObject({ book: join(cwd, '.bot'), linked_worktree: linked })
    expect((await rutter(['init'], { cwd: linked })).stdout).toContain('is a linked worktree')
    expect(existsSync(join(linked, '.bot'))).toBe(false)
  })

  it('sees the sessions of the main worktree and shares its slots', async () => {
    const cwd = scratchRepository('main tree')
    const linked = join(dirname(cwd), 'linked tree')
    git(cwd, 'worktree', 'add', '--quiet', '-b', 'linked', linked)
    const agent = await startAgent(cwd)
    const { json } = await rutter(['status', '--json'], { cwd: linked })
    expect(json()).toMatchObject({ slots: [{ session_id: agent.session_id, held: 'held' }] })
    const taken = await rutter(['run', '--', process.execPath, '-e', ''], { cwd: linked })
    expect(taken.status).toBe(1)
    expect(taken.stderr).toContain(agent.session_id)
  })
})
