import { readFileSync, renameSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { sessionIncrementCompleted } from '../../../src/app/operations/session_increment_completed.ts'
import { sessionStream } from '../../../src/domain/session/projection.ts'
import { extended, failed, put, startRun, stateOf, stop } from '../../store/runs.ts'
import type { TestBook } from '../../support/book.ts'
import { testBook } from '../../support/book.ts'
import { sharedServer } from '../../support/postgres.ts'
import { anotherClone, bringTogether, filesOf, linesIn, type Team, team } from './sides.ts'

void sharedServer()

interface Parted {
  readonly mine: TestBook
  readonly there: Team
  readonly id: string
  /** Lets the copy in the database go on. */
  readonly theirs: TestBook
}

/** A session's record to which two clones have each added something; the database has that of the other clone. */
async function parted(isLive = false): Promise<Parted & { run: Awaited<ReturnType<typeof startRun>> }> {
  const [mine, there] = [testBook(), await team()]
  const run = await startRun(mine)
  if (!isLive) await stop(run)
  await bringTogether(mine.open(), there.open())
  const theirs = anotherClone(mine)
  await bringTogether(theirs.open(), there.open())
  put(theirs.path(run.id), extended(theirs.bytes(run.id), failed('theirs')))
  await bringTogether(theirs.open(), there.open())
  if (isLive) await run.context.call(sessionIncrementCompleted)
  else put(mine.path(run.id), extended(mine.bytes(run.id), failed('mine'), failed('mine too')))
  await run.ledger.read(async () => {})
  return { mine, there, theirs, id: run.id, run }
}

test('keeps both copies of a record that forked on both sides, and says where', async () => {
  const { mine, there, theirs, id } = await parted()
  const [ours, other] = [String(mine.bytes(id)), String(theirs.bytes(id))]
  const { forks, sent, received } = await bringTogether(mine.open(), there.open())
  expect([sent.events, received.events]).toEqual([0, 0])
  const [fork] = forks
  expect(forks).toHaveLength(1)
  expect(fork).toMatchObject({ stream: sessionStream(id), common: 7, here: { in_place: mine.path(id) } })
  expect(readFileSync(fork?.here.in_place ?? '', 'utf8')).toBe(ours)
  expect(readFileSync(fork?.here.beside ?? '', 'utf8')).toBe(other)
  const kept = await linesIn(there)
  expect(kept[`${id}.jsonl`]).toBe(other)
  const beside = Object.keys(kept).find((name) => name.includes('.fork-')) ?? ''
  expect(kept[beside]).toBe(ours)
  expect(fork?.there.beside).toContain(beside.replace('.jsonl', ''))
})

test('computes nothing from the copy that is kept beside, in the database no more than in files', async () => {
  const { mine, there, id } = await parted()
  const far = there.open()
  const before = await stateOf(far, id)
  await bringTogether(mine.open(), far)
  await far.rebuild()
  expect(await stateOf(far, id)).toEqual(before)
  expect(await far.read((book) => book.sessions({ limit: 10 }))).toHaveLength(1)
  const { findings } = await far.verify()
  expect(findings).toMatchObject([{ kind: 'forked', damage: false }])
  // To another clone it is no record of its own.
  const third = anotherClone(mine)
  await bringTogether(third.open(), far)
  expect(Object.keys(filesOf(third))).toEqual([`${id}.jsonl`])
})

test('says the same the second time and piles up no copies, also when a copy has grown', async () => {
  const { mine, there, theirs, id } = await parted()
  const first = await bringTogether(mine.open(), there.open())
  const [files, lines] = [filesOf(mine), await linesIn(there)]
  const second = await bringTogether(mine.open(), there.open())
  expect(second.forks).toEqual(first.forks)
  expect([filesOf(mine), await linesIn(there)]).toEqual([files, lines])

  put(theirs.path(id), extended(theirs.bytes(id), failed('theirs again')))
  await bringTogether(theirs.open(), there.open())
  put(mine.path(id), extended(mine.bytes(id), failed('mine again')))
  expect((await bringTogether(mine.open(), there.open())).forks).toEqual(first.forks)
  expect(Object.keys(filesOf(mine)).sort()).toEqual(Object.keys(files).sort())
  const kept = await linesIn(there)
  expect(Object.keys(kept)).toEqual(Object.keys(lines))
  expect(kept[Object.keys(kept).find((name) => name.includes('.fork-')) ?? '']).toBe(String(mine.bytes(id)))
  expect(readFileSync(first.forks[0]?.here.beside ?? '', 'utf8')).toBe(String(theirs.bytes(id)))
})

test('lets a running session go on in its own copy', async () => {
  const { mine, there, theirs, id, run } = await parted(true)
  const { forks } = await bringTogether(mine.open(), there.open())
  expect(forks).toHaveLength(1)
  await run.context.call(sessionIncrementCompleted)
  await stop(run)
  expect(await stateOf(run.ledger, id)).toMatchObject({ status: 'stopped' })
  expect(readFileSync(forks[0]?.here.beside ?? '', 'utf8')).toBe(String(theirs.bytes(id)))
})

test('finds the copies alike again once a person has chosen one of them', async () => {
  const { mine, there, id } = await parted()
  const { forks } = await bringTogether(mine.open(), there.open())
  rmSync(mine.path(id))
  renameSync(forks[0]?.here.beside ?? '', mine.path(id))
  expect(await bringTogether(mine.open(), there.open())).toMatchObject({ equal: 1, forks: [], left_apart: [] })
})

test('writes none of it when it is only asked what it would do', async () => {
  const { mine, there } = await parted()
  const [files, lines] = [filesOf(mine), await linesIn(there)]
  const dry = await bringTogether(mine.open(), there.open(), true)
  expect(dry.forks).toHaveLength(1)
  expect([filesOf(mine), await linesIn(there)]).toEqual([files, lines])
  expect((await bringTogether(mine.open(), there.open())).forks).toEqual(dry.forks)
})
