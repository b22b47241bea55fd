import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rutter, scratchBook, scratchFolder, startAgent } from '../support/cli.ts'

const TEXT = { owner: 'olga', date: '2026-11-21', scope: 'project' }

/** A book with a decision and a pattern in it, and a folder of its own for what is global. */
async function bookWithMemory() {
  const cwd = scratchBook()
  const agent = await startAgent(cwd)
  await agent.call('save_decision', {
    decision: { ...TEXT, title: 'Keep "tokens" in C:\\users', rationale: "It's <safe> & ]]> sound." },
  })
  await agent.call('save_pattern', {
    pattern: {
      trigger: 'it rains',
      repeatable_steps: ['close it'],
      scope: 'project',
      last_validated_at: '2026-11-21T08:00:00Z',
    },
  })
  await agent.close()
  return { cwd, env: { XDG_DATA_HOME: scratchFolder('data') } }
}

const emptyBook = () => ({ cwd: scratchBook(), env: { XDG_DATA_HOME: scratchFolder('data') } })

test('carries a memory from one book to another, through a pipe or a file, once', async () => {
  const [from, to] = [await bookWithMemory(), emptyBook()]
  const piped = await rutter(['export'], from)
  expect([piped.status, piped.stderr]).toEqual([0, ''])
  expect(piped.stdout.trimEnd().split('\n')).toHaveLength(3)
  const imported = await rutter(['import', '-'], { ...to, input: piped.stdout })
  expect(imported.stdout).toBe(
    '2 items of a Rutter export: 2 new, 0 in the place of others, 0 known already, 0 kept for review.\n',
  )
  const file = join(from.cwd, 'memory.jsonl')
  const written = await rutter(['export', '-o', file, '--json'], from)
  expect(written.json()).toEqual({ file, format: 'jsonl', artifacts: 2, reviews: 0 })
  const again = await rutter(['import', file, '--json'], to)
  expect(again.json()).toMatchObject({ format: 'rutter', outcomes: { saved: 0, known: 2 } })
  expect((await rutter(['verify'], to)).status).toBe(0)
})

test.each(['json-graph', 'graphml', 'cypher'])('writes %s to a file, whole or not at all', async (format) => {
  const book = await bookWithMemory()
  const folder = join(book.cwd, 'out')
  mkdirSync(folder)
  const { status, stdout } = await rutter(['export', '--format', format, '-o', join(folder, 'memory')], book)
  expect(status).toBe(0)
  expect(stdout).toContain('2 artifacts and 0 reviews are in')
  expect(readFileSync(join(folder, 'memory'), 'utf8')).toContain('it rains')
  expect(readdirSync(folder)).toEqual(['memory'])
  const nowhere = await rutter(['export', '--format', format, '-o', join(folder, 'none', 'memory')], book)
  expect(nowhere.status).toBe(2)
  expect(existsSync(join(folder, 'none'))).toBe(false)
})

test('judges and counts in a dry run, and writes nothing', async () => {
  const book = emptyBook()
  const file = join(book.cwd, 'memory.json')
  writeFileSync(file, '{"type":"entity","name":"Olga","entityType":"person","observations":["speaks Welsh"]}\n')
  const dry = await rutter(['import', file, '--dry-run'], book)
  expect(dry.stdout).toContain('1 would be new')
  expect(dry.stdout).toContain('Nothing was written.')
  expect((await rutter(['export'], book)).stdout.trimEnd().split('\n')).toHaveLength(1)
  expect((await rutter(['import', file], book)).stdout).toContain('1 new')
  expect((await rutter(['search', 'Welsh'], book)).stdout).toContain('Welsh')
})

test('names the line of a broken file, and what is wrong with it', async () => {
  const book = emptyBook()
  const file = join(book.cwd, 'memory.json')
  writeFileSync(
    file,
    '{"type":"entity","name":"Olga","entityType":"person","observations":["a"]}\n{"type":"relation"}\n',
  )
  const broken = await rutter(['import', file], book)
  expect(broken.status).toBe(1)
  expect(broken.stderr).toContain('line 2: from must be a string; it was not given')
  const missing = await rutter(['import', join(book.cwd, 'nothing')], book)
  expect(missing.status).toBe(2)
  expect(missing.stderr).toContain('cannot be read')
})

test('says which export is the one to import, when it is given another', async () => {
  const from = await bookWithMemory()
  for (const [format, name] of [
    ['json-graph', 'a JSON graph'],
    ['graphml', 'GraphML or other XML'],
    ['cypher', 'Cypher statements'],
  ] as const) {
    const graph = await rutter(['export', '--format', format], from)
    const { status, stderr } = await rutter(['import', '-'], { ...from, input: graph.stdout })
    expect(status, format).toBe(1)
    expect(stderr).toContain(`it is ${name}, which can be exported but not imported. Nothing was imported.`)
    expect(stderr).toContain('rutter export --format jsonl')
  }
})

test('refuses to export a project of which nothing is known, and tells that an own empty one is empty', async () => {
  const book = emptyBook()
  const unknown = await rutter(['export', '--project', 'nix'], book)
  expect([unknown.status, unknown.stdout]).toEqual([1, ''])
  expect(unknown.stderr).toContain('Nothing is known of project "nix"')
  expect(unknown.stderr).toContain('Known are: "atlas"')
  const empty = await rutter(['export'], book)
  expect([empty.status, empty.stderr]).toEqual([0, 'Nothing has been saved there yet, so the export is empty.\n'])
})

test('takes in what is global only when it is told to, and leaves it out when it is told so', async () => {
  const book = emptyBook()
  const entity = { trigger: 'everywhere', repeatable_steps: ['look'], last_validated_at: '2026-11-20T08:00:00Z' }
  const nodes = ['global', 'project'].map((scope, i) => ({
    id: String(i),
    labels: ['Pattern'],
    properties: { ...entity, scope },
  }))
  const input = JSON.stringify({ nodes, relationships: [] })
  for (const args of [[], ['--dry-run']]) {
    const refused = await rutter(['import', '-', ...args], { ...book, input })
    expect(refused.status).toBe(1)
    expect(refused.stderr).toContain('1 item of the file is of global scope')
    expect(refused.stderr).toContain('--global')
  }
  const without = await rutter(['import', '-', '--no-global'], { ...book, input })
  expect(without.stdout).toContain('1 item of a graphbase-memories graph: 1 new')
  expect(without.stdout).toContain('Not taken over: of global scope (1).')
  expect((await rutter(['import', '-', '--global', '--json'], { ...book, input })).json()).toMatchObject({
    outcomes: { saved: 1, known: 1 },
    projects: { '*': 1, atlas: 1 },
  })
})

test('names the form of a date that it cannot read', async () => {
  const book = emptyBook()
  const said = { title: 'a', rationale: 'b', owner: 'o', date: '21.11.2026', scope: 'project' }
  const input = JSON.stringify({ nodes: [{ id: '1', labels: ['Decision'], properties: said }], relationships: [] })
  const { status, stderr } = await rutter(['import', '-'], { ...book, input })
  expect(status).toBe(1)
  expect(stderr).toMatch(/nodes\[0\]: date must be .*2026-11-21.*given was "21\.11\.20/)
})

test('refuses what does not go together', async () => {
  const book = emptyBook()
  for (const args of [
    ['export', '--project', 'a', '--all-projects'],
    ['export', '--json'],
    ['export', '--format', 'xml'],
    ['import', 'file', '--format', 'csv'],
  ]) {
    expect((await rutter(args, book)).status, args.join(' ')).toBe(2)
  }
})
