import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { memoryEventSchemas } from '../../src/domain/memory/events.ts'
import { memoryStream } from '../../src/domain/memory/projection.ts'
import { testBook } from '../support/book.ts'
import { verify, walk } from './records.ts'

/** Memory streams as version 1 wrote them. They are never written anew: whatever comes later must read them as this one did. */
const FOLDER = join(import.meta.dirname, '..', 'fixtures', 'log-v1', 'memory')
const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.jsonl'))
  .map((name) => basename(name, '.jsonl'))
const bytesOf = (name: string) => readFileSync(join(FOLDER, `${name}.jsonl`))

test('the golden memory streams hold every type of event', () => {
  const types = new Set(names.flatMap((name) => walk(bytesOf(name)).events.map(({ type }) => type)))
  for (const type of Object.keys(memoryEventSchemas)) expect(types).toContain(type)
})

test.each(names)('nothing is found to be wrong with the golden memory stream "%s"', (name) => {
  expect(verify(bytesOf(name))).toEqual([])
})

test.each(names)('the golden memory stream "%s" gives the artifacts and reviews that it gave', async (name) => {
  const book = testBook({ project_id: 'harbour' })
  const path = book.layout.record(memoryStream(name))
  mkdirSync(dirname(path), { recursive: true })
  cpSync(join(FOLDER, `${name}.jsonl`), path)
  const found = await book.open().read(async ({ memory }) => {
    const projects = await memory.projects()
    const of = async (project_id: string) => ({
      artifacts: await memory.artifacts({ project_id, in_force: false, limit: 100 }),
      reviews: await memory.reviews({ project_id, limit: 100 }),
      focuses: await memory.focuses(project_id),
    })
    return Object.fromEntries(await Promise.all(projects.map(async (id) => [id, await of(id)] as const)))
  })
  const expected = join(FOLDER, `${name}.expected.json`)
  expect(found).toEqual(JSON.parse(readFileSync(expected, 'utf8')))
  expect(readFileSync(path).equals(bytesOf(name))).toBe(true)
})
