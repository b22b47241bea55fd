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
