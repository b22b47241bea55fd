import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { isSessionEvent, sessionEventSchemas } from '../../src/domain/session/events.ts'
import { project } from '../../src/domain/session/projection.ts'
import type { SessionState } from '../../src/domain/session/state.ts'
import { EMPTY_HEAD } from '../../src/log/chain.ts'
import { walkRecord } from '../../src/log/record.ts'
import { testBook } from '../support/book.ts'
import { memoryFile, verify, walk } from './records.ts'

/** Records as version 1 wrote them. They are never written anew: whatever comes later must read them as this one did. */
const FOLDER = join(import.meta.dirname, '..', 'fixtures', 'log-v1')
const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.jsonl'))
  .map((name) => basename(name, '.jsonl'))

interface Expected {
  events: number
  tail: string
  head: { seq: number; hash: string; end: number }
  findings: { kind: string; line: number | null; damage: boolean }[]
  changes: unknown[]
  state: SessionState
}

const bytesOf = (name: string): Buffer => readFileSync(join(FOLDER, `${name}.jsonl`))
const expectedOf = (name: string): Expected =>
  JSON.parse(readFileSync(join(FOLDER, `${name}.expected.json`), 'utf8')) as Expected

test('the golden records hold every type of event', () => {
  const types = new Set(names.flatMap((name) => walk(bytesOf(name)).events.map(({ type }) => type)))
  for (const type of Object.keys(sessionEventSchemas)) expect(types).toContain(type)
  expect(names.length).toBeGreaterThanOrEqual(5)
})

test.each(names)('the golden record "%s" replays to the state and the rows that it had', (name) => {
  const expected = expectedOf(name)
  let state: SessionState | undefined
  const changes: unknown[] = []
  const { head, events, tail } = walkRecord(memoryFile(bytesOf(name)), EMPTY_HEAD, (links) => {
    const known = links.flatMap(({ event, understood }) => (understood && isSessionEvent(event) ? [event] : []))
    const projection = project(state, known)
    state = projection.state
    changes.push(...projection.changes)
  })
  const { seq, hash, end } = head
  expect({ events, tail, head: { seq, hash, end } }).toEqual({
    events: expected.events,
    tail: expected.tail,
    head: expected.head,
  })
  expect(state).toEqual(expected.state)
  expect(changes).toEqual(expected.changes)
})

test.each(names)('the golden record "%s" is found to have what it had', (name) => {
  const found = verify(bytesOf(name)).map(({ kind, line, damage }) => ({ kind, line, damage }))
  expect(found).toEqual(expectedOf(name).findings)
})

test.each(names)('the golden record "%s" is taken in by a ledger, and nothing whole in it is changed', async (name) => {
  const book = testBook()
  const path = book.path(name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytesOf(name))
  const ledger = book.open()
  const { state, head, tail } = expectedOf(name)
  expect(await ledger.read((b) => b.session(name))).toEqual(state)
  expect(book.bytes(name).equals(bytesOf(name).subarray(0, head.end))).toBe(true)
  expect(ledger.repairs().some(({ kind }) => kind === 'torn_tail' || kind === 'incomplete_step')).toBe(tail !== 'clean')
  await ledger.rebuild()
  expect(await ledger.read((b) => b.session(name))).toEqual(state)
  expect(await ledger.read((b) => b.leases())).toEqual([])
})
