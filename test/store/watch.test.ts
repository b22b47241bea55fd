import { renameSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { NewEvent } from '../../src/domain/event.ts'
import { memoryStream } from '../../src/domain/memory/projection.ts'
import { sessionStream } from '../../src/domain/session/projection.ts'
import { nodeDisk } from '../../src/log/disk.ts'
import { watchFolder } from '../../src/log/folder-watch.ts'
import { Watches } from '../../src/log/watches.ts'
import type { Ledger } from '../../src/ports/ledger.ts'
import { FileMarks, type FileMarksOptions } from '../../src/store/sqlite/watch.ts'
import { AGENT, testBook } from '../support/book.ts'

const BY = { actor: AGENT, at: '2026-11-21T22:00:00.000Z' }
const NOTE: NewEvent = { type: 'moon.rose', data: {} }
const STREAM = sessionStream('s-1')

const add = (ledger: Ledger, stream = STREAM) => ledger.write((book) => book.append(stream, [NOTE], BY))

async function setUp(over: Partial<FileMarksOptions> = {}) {
  const book = testBook()
  const writer = book.open()
  await add(writer)
  const open: string[] = []
  const counted: typeof watchFolder = (folder, stir) => {
    const end = watchFolder(folder, stir)
    if (end === null) return null
    open.push(folder)
    return () => {
      open.splice(open.indexOf(folder), 1)
      end()
    }
  }
  const options = { disk: nodeDisk, layout: book.layout, watchFolder: counted, ...over }
  const watches = new Watches((nudge) => new FileMarks(options, nudge))
  onTestFinished(() => watches.close())
  const watch = (stream = STREAM) => {
    const all = watches.watch([stream], { signal: new AbortController().signal, at_most_ms: 60_000 })
    return { next: async () => (await all.next()).value, end: () => all.return(undefined) }
  }
  return { book, writer, watch, watches, open, options }
}

test('the system tells of what another process writes in a folder, until the watch ends', async () => {
  const { writer, book } = await setUp()
  let stirs = 0
  const end = watchFolder(book.layout.folder('session'), () => stirs++)
  await add(writer)
  while (stirs === 0) await sleep(2)
  end?.()
  stirs = 0
  await add(writer)
  await sleep(20)
  expect(stirs).toBe(0)
  expect(watchFolder(`${book.root}/none`, () => {})).toBeNull()
})

test('any number of followers share one watch of a folder, which ends with the last of them', async () => {
  const { writer, watch, open, book } = await setUp()
  const all = Array.from({ length: 20 }, () => watch())
  await Promise.all(all.map(({ next }) => next()))
  expect(open).toEqual([book.layout.folder('session')])
  const woken = all.map(({ next }) => next())
  await add(writer)
  expect(new Set(await Promise.all(woken))).toEqual(new Set(['stirred']))
  for (const { end } of all.slice(1)) await end()
  expect(open).toHaveLength(1)
  await all[0]?.end()
  expect(open).toEqual([])
})

test('a folder that cannot be watched is looked at instead', async () => {
  const { writer, watch } = await setUp({ watchFolder: () => null })
  const { next } = watch()
  await next()
  for (let i = 0; i < 2; i++) {
    const woken = next()
    await add(writer)
    expect(await woken).toBe('stirred')
  }
})

test('a folder that is not there yet is watched once it is', async () => {
  const { writer, watch, open, book } = await setUp()
  const stream = memoryStream('m-1')
  rmSync(book.layout.folder('memory'), { recursive: true, force: true })
  const { next } = watch(stream)
  await next()
  expect(open).toEqual([])
  const woken = next()
  await add(writer, stream)
  expect(await woken).toBe('stirred')
  expect(open).toEqual([book.layout.folder('memory')])
})

test('a folder that was taken away and put back, as git does it, is watched again', async () => {
  const { writer, watch, open, book } = await setUp()
  const folder = book.layout.folder('session')
  const { next } = watch()
  await next()
  const woken = next()
  renameSync(folder, `${folder}-aside`)
  expect(await woken).toBe('stirred')
  const again = next()
  renameSync(`${folder}-aside`, folder)
  expect(await again).toBe('stirred')
  expect(open).toEqual([folder])
  const more = next()
  await add(writer)
  expect(await more).toBe('stirred')
})

test('a watch that says nothing of what was written is not relied upon, until it does', async () => {
  const { writer, options } = await setUp()
  let isMute = true
  let hears = () => {}
  const mute: typeof watchFolder = (_folder, stir) => {
    hears = stir
    return () => {}
  }
  let nudges = 0
  const marks = new FileMarks({ ...options, watchFolder: mute }, () => nudges++)
  const look = async () => {
    await add(writer)
    if (!isMute) hears()
    await marks.look([STREAM])
    return marks.rest('a change')
  }
  await marks.look([STREAM])
  const trusting = marks.rest('a newcomer')
  const wary = await look()
  expect(wary).toBeLessThan(trusting)
  expect(marks.rest('nothing')).toBe(wary)
  isMute = false
  expect(await look()).toBe(trusting)
  expect(nudges).toBe(1)
})

test('nothing is left that keeps a process when a ledger is closed', async () => {
  const { book } = await setUp()
  const timers = () => process.getActiveResourcesInfo().filter((name) => /Timeout|FSEvent/.test(name)).length
  const before = timers()
  const ledger = book.open()
  const watch = ledger.watch([STREAM], { signal: new AbortController().signal, at_most_ms: 60_000 })
  await watch.next()
  const woken = watch.next()
  await sleep(5)
  expect(timers()).toBeGreaterThan(before)
  await ledger.close()
  expect((await woken).done).toBe(true)
  expect(timers()).toBeLessThanOrEqual(before)
})
