import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { remoteComplaints, remoteStatus } from '../../../src/app/operator/remote-status.ts'
import { syncByHand, syncInBackground, type Together, within } from '../../../src/app/operator/together.ts'
import { begun } from '../../../src/domain/remote.ts'
import { nodeDisk } from '../../../src/log/disk.ts'
import { systemIdentity } from '../../../src/machine/identity.ts'
import type { Copyable, LogCopy } from '../../../src/ports/log-copy.ts'
import { retryWhileBusy } from '../../../src/store/sqlite/busy.ts'
import { FileRemoteNotes } from '../../../src/store/sqlite/remote-notes.ts'
import { extended, failed, put, startRun, stop } from '../../store/runs.ts'
import { refusalOf, type TestBook, testBook } from '../../support/book.ts'
import { saver } from '../../support/memory-makers.ts'
import { sharedServer } from '../../support/postgres.ts'
import { IMPATIENT } from '../../support/trouble.ts'
import { anotherClone, linesIn, team } from './sides.ts'

void sharedServer()

const { digest } = systemIdentity(() => '')
const HOW = { dry_run: false, digest }

/** A clone's own book and a database, as one process of the clone has them. */
function sides(book: TestBook, there: Copyable): Together {
  const processes = book.machine.process()
  const notes = new FileRemoteNotes({ disk: nodeDisk, layout: book.layout, processes })
  return { here: book.open().copyOf('own'), there: there.copyOf('own'), notes, clock: book.clock, processes }
}

const statusIn = async (book: TestBook, { here, there, notes }: Together) => ({
  own: await remoteStatus(notes, there.where, here),
  unasked: await remoteStatus(notes, null, here),
  other: await remoteStatus(notes, 'db/another', here),
  bytes: readFileSync(book.layout.remote, 'utf8'),
})

describe('a clone that was brought together with its team', () => {
  test('has it noted for all of its processes, also for those that were told of no database', async () => {
    const [book, at] = [testBook(), await team()]
    await saver(book).decide('Steer by the pole star')
    const parts = sides(book, at.open())
    expect(await syncInBackground(parts, HOW)).toMatchObject({ sent: { streams: 1 }, received: { streams: 0 } })
    const { own, unasked, other } = await statusIn(book, parts)
    expect(own).toMatchObject({
      together_at: book.clock.now(),
      lacking: 0,
      away_since: null,
      error: null,
      is_at_it: false,
    })
    expect(unasked).toEqual(own)
    expect(other).toMatchObject({ remote: 'db/another', together_at: null, lacking: 1, error: null })
    expect(own === null ? [] : remoteComplaints(own)).toEqual([])
  })

  test('is not asked for twice where another process began to do so meanwhile', async () => {
    const [book, at] = [testBook(), await team()]
    const [one, two] = [sides(book, at.open()), sides(book, at.open())]
    const turn = await one.notes.turn(0)
    expect(await two.notes.turn(0)).toBeNull()
    const waiting = syncInBackground(two, HOW)
    book.clock.advance(1000)
    // By hand nobody is kept waiting for long; here not at all.
    const hasty = Object.assign(Object.create(one.notes) as Together['notes'], {
      turn: async () => null,
      read: () => one.notes.read(),
      write: one.notes.write.bind(one.notes),
    })
    await syncByHand({ ...one, notes: hasty }, HOW)
    const before = one.notes.read()
    turn?.end()
    expect(await waiting).toBeNull()
    expect(one.notes.read()).toEqual(before)
  })

  test('is not held up by notes of another database, or of before the clock was set back', async () => {
    const [book, at] = [testBook(), await team()]
    const parts = sides(book, at.open())
    await syncInBackground(parts, HOW)
    const note = parts.notes.read()
    if (note === null) throw new Error('Nothing was noted.')
    parts.notes.write({ ...note, remote: 'db/another' })
    expect(await syncInBackground(parts, HOW)).not.toBeNull()
    book.clock.advance(-3_600_000)
    expect(await syncInBackground(parts, HOW)).not.toBeNull()
    expect(parts.notes.read()?.last?.ended_at).toBe(book.clock.now())
  })

  test('tells which of its records have forked, and where their copies are', async () => {
    const [book, at] = [testBook(), await team()]
    const run = await startRun(book)
    await stop(run)
    await syncByHand(sides(book, at.open()), HOW)
    const theirs = anotherClone(book)
    await syncByHand(sides(theirs, at.open()), HOW)
    put(theirs.path(run.id), extended(theirs.bytes(run.id), failed('theirs')))
    await syncByHand(sides(theirs, at.open()), HOW)
    put(book.path(run.id), extended(book.bytes(run.id), failed('mine')))
    const parts = sides(book, at.open())
    for (let i = 0; i < 2; i++) {
      book.clock.advance(1000)
      expect((await syncInBackground(parts, HOW))?.forks).toHaveLength(1)
    }
    const { own } = await statusIn(book, parts)
    expect(own).toMatchObject({
      lacking: 0,
      forks: [{ stream: { id: run.id }, here: { in_place: book.path(run.id) } }],
    })
    expect(own === null ? [] : remoteComplaints(own)).toMatchObject([
      {
        check: 'remote',
        level: 'note',
        where: book.path(run.id),
        message: expect.stringContaining('parted behind event'),
      },
    ])
    // Its own lines, theirs, and mine beside them: two files, and nothing twice.
    expect(Object.keys(await linesIn(at))).toHaveLength(2)
  })
})

test('an attempt that was killed is told as such, and not as one that goes on', async () => {
  const [book, at] = [testBook(), await team()]
  const parts = sides(book, at.open())
  const killed = book.machine.process()
  parts.notes.write(begun(null, parts.there.where, { by: killed.self(), began_at: book.clock.now() }))
  const seen = async () => (await statusIn(book, parts)).own
  expect(await seen()).toMatchObject({ is_at_it: true, cut_off_at: null })
  book.machine.say(killed.self(), 'dead')
  expect(await seen()).toMatchObject({ is_at_it: false, cut_off_at: book.clock.now() })
})

describe('a clone whose team is away', () => {
  test('tells since when, why, and how much has not arrived', async () => {
    const [book, at] = [testBook(), await team()]
    const agent = saver(book)
    const down = at.open({ ...IMPATIENT, patience_ms: 50, url: 'postgres://me:sesame@127.0.0.1:1/team' })
    const parts = sides(book, down)
    await agent.decide('Steer by the pole star')
    const since = book.clock.now()
    for (let failures = 1; failures <= 2; failures++) {
      expect((await refusalOf(() => syncInBackground(parts, HOW))).passing).toBe('nothing')
      const { own, bytes } = await statusIn(book, parts)
      expect(own).toMatchObject({
        together_at: null,
        away_since: since,
        lacking: failures,
        needs_help: false,
        forks: [],
      })
      expect(own === null ? [] : remoteComplaints(own)).toMatchObject([
        {
          level: 'note',
          message: expect.stringMatching(/since .*cannot be reached.* not arrived there yet/),
        },
      ])
      expect(bytes).not.toContain('sesame')
      await agent.decide('Reef before the squall')
      book.clock.advance(60_000)
    }
  })

  test('is let in by nobody, and that wants a person', async () => {
    const [book, at] = [testBook(), await team()]
    const parts = sides(book, at.open({ ...IMPATIENT, url: at.url.replace('//admin@', '//nobody_here:sesame@') }))
    expect((await refusalOf(() => syncInBackground(parts, HOW))).passing).toBeNull()
    const { own } = await statusIn(book, parts)
    expect(own).toMatchObject({ needs_help: true, error: { message: expect.stringContaining('nobody_here') } })
    expect(own === null ? [] : remoteComplaints(own)).toMatchObject([{ level: 'wrong', mend: expect.any(String) }])
  })
})

test('a book of this clone that is busy for long is no refusal of the database', async () => {
  const [book, at] = [testBook(), await team()]
  await saver(book).decide('Steer by the pole star')
  const parts = sides(book, at.open())
  const busy = async () =>
    await retryWhileBusy(() => {
      throw Object.assign(new Error('database is locked'), { errcode: 5 })
    }, 0)
  const here: LogCopy = Object.assign(Object.create(parts.here), { survey: busy })
  await refusalOf(syncInBackground({ ...parts, here }, HOW))
  expect(parts.notes.read()?.last).toMatchObject({ outcome: 'away' })
  expect((await statusIn(book, parts)).own).toMatchObject({ needs_help: false })
})

test('notes that are torn, or of another version, say nothing and are written anew', async () => {
  const [book, at] = [testBook(), await team()]
  const parts = sides(book, at.open())
  mkdirSync(book.layout.control, { recursive: true })
  for (const text of ['', '{"v":1,"rem', '{"v":2}', 'null', '[]']) {
    writeFileSync(book.layout.remote, text)
    expect(parts.notes.read()).toBeNull()
    expect(await remoteStatus(parts.notes, null, parts.here)).toBeNull()
  }
  await syncByHand(parts, HOW)
  expect(parts.notes.read()).toMatchObject({ v: 1, last: { outcome: 'together' } })
})

test('who hears nothing in the background gives up, who hears something goes on, and nobody goes on for ever', async () => {
  const bounds = { silence_ms: 60, longest_ms: 10_000, where: 'db' }
  const silence = await refusalOf(() => within(bounds, () => new Promise(() => {})))
  expect([silence.passing, silence.message]).toEqual(['unknown', expect.stringContaining('does not answer')])
  const talking = (onProgress: () => void) => {
    const timer = setInterval(onProgress, 5)
    return new Promise<string>((resolve) => setTimeout(() => resolve('done'), 150)).finally(() => clearInterval(timer))
  }
  expect(await within(bounds, talking)).toBe('done')
  const late = await refusalOf(() => within({ ...bounds, silence_ms: 10_000, longest_ms: 40 }, talking))
  expect(late.message).toContain('slower than the background waits for')
})
