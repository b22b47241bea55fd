import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { memoryToExport } from '../../src/app/memory/export/export.ts'
import { importMemory } from '../../src/app/memory/import/import.ts'
import { readSource } from '../../src/app/memory/import/read.ts'
import { openBook } from '../../src/wire.ts'
import { AGENT, tempFolder } from '../support/book.ts'
import type { ImportErrand } from './import-worker.ts'

const run = promisify(execFile)
const WORKER = join(import.meta.dirname, 'import-worker.ts')

function place() {
  const folder = tempFolder('rutter-import-crash-')
  const root = join(folder, 'project')
  mkdirSync(root)
  const data = join(folder, 'data')
  vi.stubEnv('XDG_DATA_HOME', data)
  return {
    connect: () => openBook(root).connect(AGENT, 'default'),
    /** Imports in a process that dies at a point. */
    async dieAt(text: string, dies: ImportErrand['dies']): Promise<void> {
      const errand: ImportErrand = { root, text, dies }
      const env = { ...process.env, XDG_DATA_HOME: data }
      const died = run(process.execPath, [WORKER, JSON.stringify(errand)], { env })
      await expect(died).rejects.toMatchObject({ signal: 'SIGKILL' })
    },
  }
}

/** Decisions of different days, each said by itself. */
function graphOf(count: number, scopeOf: (i: number) => string): string {
  const nodes = Array.from({ length: count }, (_, i) => {
    const date = `2026-10-${String((i % 28) + 1).padStart(2, '0')}`
    const said = { title: `word${i}`, rationale: `reason${i}`, owner: 'kai', date, created_at: `${date}T08:00:00.000Z` }
    return { id: String(i), labels: ['Decision'], properties: { ...said, scope: scopeOf(i) } }
  })
  return JSON.stringify({ nodes, relationships: [] })
}

async function* linesOf(text: string): AsyncGenerator<string> {
  yield* text.split('\n')
}

type Agent = ReturnType<ReturnType<typeof place>['connect']>

async function importAgain(agent: Agent, text: string) {
  const source = await readSource(agent, linesOf(text), null)
  return await importMemory(agent, source, { project_id: null, global: 'take', dry_run: false })
}

async function known(agent: Agent) {
  const { artifacts } = await memoryToExport(agent, { project_id: null, all_projects: true })
  return artifacts
}

async function expectAllOrNothing(agent: Agent, text: string, count: number, isThere: boolean): Promise<void> {
  const left = await known(agent)
  expect(left).toHaveLength(isThere ? count : 0)
  // What was finished by somebody else was still said when it was said.
  for (const { saved_at, text: said } of left)
    expect(saved_at).toContain(said !== null && 'date' in said ? said.date : '')
  const { outcomes } = await importAgain(agent, text)
  expect(outcomes).toMatchObject(isThere ? { known: count, saved: 0 } : { known: 0, saved: count })
  expect(await known(agent)).toHaveLength(count)
  expect((await agent.ledger.verify()).findings.filter(({ damage }) => damage)).toEqual([])
  await agent.ledger.close()
}

const fates: [point: string, isThere: boolean][] = [
  ['locked', false],
  ['decided', false],
  ['mid-write', false],
  ['appended', true],
  ['synced', true],
  ['projected', true],
  ['committed', true],
]

test.each(fates)('an import that is killed is there as a whole or not at all: %s', async (point, isThere) => {
  const { connect, dieAt } = place()
  const text = graphOf(60, () => 'project')
  await dieAt(text, { point, nth: 1 })
  await expectAllOrNothing(connect(), text, 60, isThere)
})

// The points of a record come by twice: for the global book, then for the own one.
const pairFates: [point: string, nth: number, isThere: boolean][] = [
  ['decided', 1, false],
  ['prepared', 1, true],
  ['mid-write', 1, true],
  ['synced', 1, true],
  ['mid-write', 2, true],
  ['synced', 2, true],
  ['projected', 1, true],
  ['projected', 2, true],
]

test.each(pairFates)('and so it is in two books: %s, %d', async (point, nth, isThere) => {
  const { connect, dieAt } = place()
  const text = graphOf(60, (i) => (i % 3 === 0 ? 'global' : 'project'))
  await dieAt(text, { point, nth })
  await expectAllOrNothing(connect(), text, 60, isThere)
})

test('an import whose write was announced is finished with its times, also where somebody saved here before', async () => {
  const { connect, dieAt } = place()
  const before = connect()
  const lines = JSON.stringify({ type: 'entity', name: 'Olga', entityType: 'person', observations: ['speaks Welsh'] })
  await importAgain(before, lines)
  const text = graphOf(30, (i) => (i % 3 === 0 ? 'global' : 'project'))
  await dieAt(text, { point: 'prepared', nth: 1 })
  const decisions = (await known(before)).filter(({ kind }) => kind === 'decision')
  expect(decisions).toHaveLength(30)
  for (const { saved_at, text: said } of decisions) {
    expect(saved_at).toBe(`${said !== null && 'date' in said ? said.date : ''}T08:00:00.000Z`)
  }
  expect((await before.ledger.verify()).findings.filter(({ damage }) => damage)).toEqual([])
  await before.ledger.close()
})
