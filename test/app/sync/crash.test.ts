import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { writeRecords } from '../../../bench/rebuild-data.ts'
import { openBook } from '../../../src/wire.ts'
import { tempFolder } from '../../support/book.ts'
import { sharedServer, testDatabase } from '../../support/postgres.ts'
import type { SyncErrand } from './mortal.ts'
import { bringTogether } from './sides.ts'

void sharedServer()

const run = promisify(execFile)
const MORTAL = join(import.meta.dirname, 'mortal.ts')
const [SESSIONS, EVENTS] = [6, 40]

function open(root: string) {
  const book = openBook(root, { project_id: 'bench' })
  onTestFinished(() => book.ledger.close())
  return book
}

async function dies(errand: SyncErrand): Promise<void> {
  await expect(run(process.execPath, [MORTAL, JSON.stringify(errand)])).rejects.toMatchObject({ signal: 'SIGKILL' })
}

async function records(root: string): Promise<Record<string, string>> {
  const copy = open(root).copies.copyOf('own')
  const { streams } = await copy.survey()
  return Object.fromEntries(streams.map(({ stream, seq, hash }) => [stream.id, `${seq} ${hash}`]))
}

test.each(['before', 'after', 'amid'] as const)(
  'is whole after the next sync when one was killed %s something was taken in, in either direction',
  async (when) => {
    const { url } = await testDatabase()
    const folder = tempFolder()
    const [mine, theirs] = [join(folder, 'mine'), join(folder, 'theirs')]
    for (const root of [mine, theirs]) mkdirSync(root)
    writeRecords(mine, SESSIONS, EVENTS)
    for (const nth of [1, 4]) await dies({ root: mine, url, nth, when })
    await bringTogether(open(mine).copies, open(mine).openRemote(url))
    const all = await records(mine)
    expect(Object.keys(all)).toHaveLength(SESSIONS)

    open(theirs)
    for (const nth of [1, 4]) await dies({ root: theirs, url, nth, when })
    const remote = open(theirs).openRemote(url)
    await bringTogether(open(theirs).copies, remote)
    expect(await records(theirs)).toEqual(all)
    expect(await bringTogether(open(theirs).copies, remote)).toMatchObject({
      equal: SESSIONS,
      forks: [],
      left_apart: [],
    })
    await remote.close()
    const { findings, events } = await open(theirs).ledger.verify()
    expect([events, findings.filter(({ damage }) => damage)]).toEqual([SESSIONS * EVENTS, []])
    const inDatabase = openBook(theirs, { store: url })
    onTestFinished(() => inDatabase.ledger.close())
    expect((await inDatabase.ledger.verify()).findings).toEqual([])
    const sessions = (book: typeof inDatabase) => book.ledger.read((reader) => reader.sessions({ limit: 100 }))
    expect(await sessions(inDatabase)).toEqual(await sessions(open(mine)))
  },
)
