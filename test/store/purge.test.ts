import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { forget } from '../../src/app/memory/forgetting.ts'
import { sessionInitialize } from '../../src/app/operations/session_initialize.ts'
import { sessionUpdate } from '../../src/app/operations/session_update.ts'
import { steeringHeartbeat } from '../../src/app/operations/steering_heartbeat.ts'
import { whisper } from '../../src/app/operator/whisper.ts'
import { isInForce } from '../../src/domain/memory/artifact.ts'
import { type Disk, nodeDisk } from '../../src/log/disk.ts'
import { lineHash } from '../../src/log/line.ts'
import { rewritten } from '../../src/log/rewrite.ts'
import { type Learner, learner } from '../app/memory/learned.ts'
import { damage, linesOf, plainSteps, verify, walk, write } from '../log/records.ts'
import { refusalOf, type TestBook, tempFolder, testBook, testContext } from '../support/book.ts'
import { git } from '../support/git.ts'
import { put } from './runs.ts'

/** Words that nothing else has; a store may keep any of them, in its indexes too. */
const WORDS = ['heliotrope', 'zanzibarian', 'quokka4711']
const TITLE = 'Keep the Heliotrope key'
const RATIONALE = 'The zanzibarian vault opens with quokka4711 and a friendly smile.'
const PURGE = { purge: true }
const wanted = (id: string) => ({ id, project_id: null })

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** Every file under a folder that has one of the words, in whatever case. */
function filesWithText(folder: string): string[] {
  return filesIn(folder).filter((path) => {
    const text = readFileSync(path, 'latin1').toLowerCase()
    return WORDS.some((word) => text.includes(word))
  })
}

const records = ({ layout }: TestBook) => [...filesIn(layout.folder('memory')), ...filesIn(layout.folder('session'))]
const findings = async ({ context }: Learner<TestBook>) => (await context.ledger.verify()).findings

async function inForce({ context, book }: Learner<TestBook>): Promise<string[]> {
  const filter = { project_id: book.project_id, in_force: true, limit: 100 }
  const artifacts = await context.ledger.read(({ memory }) => memory.artifacts(filter))
  return artifacts.filter(isInForce).map(({ id }) => id)
}

/** A session that decides something and is over. */
async function endedSession(me: Learner<TestBook>): Promise<{ session: string; decision: string }> {
  const { session_id } = await me.context.call(sessionInitialize, { session_type: 'manual' })
  const decision = await me.decide(TITLE, RATIONALE)
  await me.summary('A session of which all stays', { next_actions: ['rest'] })
  await me.context.call(sessionUpdate, { status: 'stopped' })
  return { session: session_id, decision }
}

test('leaves no word of the text in any file of the book, and all else as it was', async () => {
  const me = learner(testBook())
  const before = await me.decide('Build with esbuild', 'One file starts faster than many.')
  const id = await me.decide(TITLE, RATIONALE)
  const after = await me.decide('Log in lines', 'Each line can be read by itself.', { supersedes: before })
  expect(filesWithText(me.book.layout.bot)).not.toEqual([])

  const result = await forget(me.context, wanted(id), PURGE)
  expect(result).toMatchObject({ was_forgotten: false, purged: { lines: 1, records: 1, is_scrubbed: true } })
  expect(filesWithText(me.book.layout.bot)).toEqual([])
  expect(await findings(me)).toEqual([])
  expect(await inForce(me)).toEqual([after])
  const purged = await me.context.ledger.read(({ memory }) => memory.artifact(me.book.project_id, id))
  expect(purged).toMatchObject({ forgotten: true, text: null })
})

test('goes on in another record, and finds nothing to do the second time', async () => {
  const me = learner(testBook())
  const id = await me.decide(TITLE, RATIONALE)
  await forget(me.context, wanted(id), PURGE)
  const bytes = records(me.book).map((path) => readFileSync(path, 'utf8'))
  expect(await forget(me.context, wanted(id), PURGE)).toMatchObject({ was_forgotten: true, purged: { lines: 0 } })
  expect(records(me.book).map((path) => readFileSync(path, 'utf8'))).toEqual(bytes)
  const later = await me.decide('Log in lines', 'Each line can be read by itself.')
  await me.context.ledger.rebuild()
  expect(records(me.book)).toHaveLength(2)
  expect(await inForce(me)).toEqual([later])
  expect(await findings(me)).toEqual([])
})

test('purges what was only forgotten before, and records that', async () => {
  const me = learner(testBook())
  const id = await me.decide(TITLE, RATIONALE)
  await forget(me.context, wanted(id), { purge: false })
  expect(filesWithText(me.book.layout.bot)).not.toEqual([])
  await forget(me.context, wanted(id), PURGE)
  expect(filesWithText(me.book.layout.bot)).toEqual([])
  const lines = records(me.book).flatMap((path) => readFileSync(path, 'utf8').trimEnd().split('\n'))
  const told = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'artifact.forgotten')
  expect(told.map(({ data }) => [data.artifact_id, data.purged]).sort()).toEqual([
    [id, false],
    [id, true],
  ])
})

test('takes the text out of a session record, and leaves the session as it was', async () => {
  const me = learner(testBook())
  const { session, decision } = await endedSession(me)
  const stateBefore = await me.context.ledger.read((book) => book.session(session))
  await forget(me.context, wanted(decision), PURGE)
  expect(filesWithText(me.book.layout.bot)).toEqual([])
  expect(await me.context.ledger.read((book) => book.session(session))).toEqual(stateBefore)
  expect(await findings(me)).toEqual([])
})

test('refuses while a session runs whose record has the text, and changes nothing', async () => {
  const me = learner(testBook())
  const { session_id } = await me.context.call(sessionInitialize, { session_type: 'manual' })
  const id = await me.decide(TITLE, RATIONALE)
  const bytes = me.book.bytes(session_id)
  const refusal = await refusalOf(forget(me.context, wanted(id), PURGE))
  expect(refusal).toMatchObject({ code: 'session_locked', message: expect.stringContaining(session_id) })
  expect(me.book.bytes(session_id)).toEqual(bytes)
  expect(await inForce(me)).toEqual([id])

  await me.context.call(sessionUpdate, { status: 'stopped' })
  await forget(me.context, wanted(id), PURGE)
  expect(filesWithText(me.book.layout.bot)).toEqual([])
})

/** A session that decides something, and whose process is gone. */
async function orphan(book = testBook()) {
  const processes = book.machine.process()
  const left = learner(book, { processes })
  const { session_id } = await left.context.call(sessionInitialize, { session_type: 'autonomous' })
  await left.context.call(sessionUpdate, { current_task_id: 'H-1' })
  const decision = await left.decide(TITLE, RATIONALE)
  await left.summary('What stays', { next_actions: ['rest'] })
  await left.context.ledger.close()
  book.machine.say(processes.self(), 'dead')
  return { book, session_id, decision, processes }
}

test('takes the text out of the record of a session whose process is gone, which can be gone on with', async () => {
  const { book, session_id, decision } = await orphan()
  const me = learner(book)
  expect(await forget(me.context, wanted(decision), PURGE)).toMatchObject({ purged: { lines: 1, is_scrubbed: true } })
  expect(filesWithText(book.layout.bot)).toEqual([])
  expect(await findings(me)).toEqual([])

  const next = learner(book)
  const went = await next.context.call(sessionUpdate, { session_id, current_task_id: 'H-2' })
  expect(went).toMatchObject({ session_id, status: 'running', active: true, current_task_id: 'H-2' })
  const after = await next.decide('Keep no key at all', 'Whoever needs one asks for it.')
  await next.context.call(sessionUpdate, { session_id, status: 'stopped' })
  expect(await inForce(next)).toContain(after)
  await next.context.ledger.rebuild()
  expect(filesWithText(book.layout.bot)).toEqual([])
  expect(await findings(next)).toEqual([])
  expect(readdirSync(book.layout.folder('session'))).toHaveLength(1)
})

test('keeps copies of the lines of such a session as they are now, which save it from git', async () => {
  const { book, session_id, decision } = await orphan()
  const me = learner(book)
  await forget(me.context, wanted(decision), PURGE)
  const bytes = book.bytes(session_id)
  put(book.path(session_id), linesOf(bytes)[0] as Buffer)
  await me.context.ledger.read(async () => {})
  expect(book.bytes(session_id)).toEqual(bytes)
  expect(filesWithText(book.layout.bot)).toEqual([])
})

test.each(['before', 'after'] as const)(
  'finishes what a crash %s the replacement of such a record left undone, whispers or not',
  async (dies) => {
    const { book, session_id, decision } = await orphan()
    const dying = learner(book, { disk: dyingDisk(dies, 1) })
    await expect(forget(dying.context, wanted(decision), PURGE)).rejects.toThrow('killed')
    await dying.context.ledger.close()
    const operator = testContext(book.open(), book.clock, { actor: { kind: 'operator', name: 'olga' } })
    await operator.call(whisper, { session_id, instruction: 'Mind the tide' })
    const me = learner(book)
    await forget(me.context, wanted(decision), PURGE)
    expect(filesWithText(book.layout.bot)).toEqual([])
    expect(damage(await findings(me))).toEqual([])
    expect(readdirSync(book.layout.folder('session'))).toHaveLength(1)
    const beat = { session_id, status: 'working' }
    expect(await me.context.call(steeringHeartbeat, beat)).toMatchObject({
      whispers: [{ instruction: 'Mind the tide' }],
    })
  },
)

test('refuses a record that somebody goes on with between the look at it and its replacement', async () => {
  const { book, session_id, decision } = await orphan()
  const me = learner(book)
  const next = learner(book)
  let adopted: Promise<unknown> | undefined
  const { ledger } = me.context
  const write = ledger.write.bind(ledger)
  // What was forgotten is recorded after the look, and before anything is replaced.
  ledger.write = async (work) => {
    const result = await write(work)
    adopted ??= next.context.call(sessionUpdate, { session_id, current_task_id: 'H-3' })
    await adopted
    return result
  }
  expect(await refusalOf(forget(me.context, wanted(decision), PURGE))).toMatchObject({
    code: 'session_locked',
    hint: expect.stringContaining(`rutter stop ${session_id}`),
  })
  const bytes = book.bytes(session_id)
  expect(bytes.toString()).toContain('zanzibarian')
  // What saves a running session's record from git is still there.
  put(book.path(session_id), linesOf(bytes)[0] as Buffer)
  await next.context.ledger.read(async () => {})
  expect(book.bytes(session_id)).toEqual(bytes)
  await next.context.call(sessionUpdate, { session_id, status: 'stopped' })
  await forget(me.context, wanted(decision), PURGE)
  expect(filesWithText(book.layout.bot)).toEqual([])
  expect(await findings(me)).toEqual([])
})

test('does not mind a session that runs and only names the artifact', async () => {
  const me = learner(testBook())
  const id = await me.decide(TITLE, RATIONALE)
  await me.context.call(sessionInitialize, { session_type: 'manual' })
  const after = await me.decide('Keep no key at all', 'Whoever needs one asks for it.', { supersedes: id })
  await forget(me.context, wanted(id), PURGE)
  expect(filesWithText(me.book.layout.bot)).toEqual([])
  await me.summary('It goes on')
  expect(await inForce(me)).toContain(after)
  expect(await findings(me)).toEqual([])
})

test('takes the text out of the reviews that it waited in', async () => {
  const me = learner(testBook())
  await me.decide('Keep the office key', 'The small vault opens with a code and a friendly smile.')
  const review = await me.decide('Keep the Heliotrope key', 'The zanzibarian vault opens with quokka4711 and a smile.')
  await me.resolve(review, 'keep_both')
  const [id] = await inForce(me)
  await forget(me.context, wanted(String(id)), PURGE)
  expect(filesWithText(me.book.layout.bot)).toEqual([])
  expect(await findings(me)).toEqual([])
})

test('purges what is global out of the global book', async () => {
  const me = learner(testBook())
  const id = await me.decide(TITLE, RATIONALE, { scope: 'global' })
  expect(filesWithText(me.book.root)).not.toEqual([])
  expect(await forget(me.context, wanted(id), PURGE)).toMatchObject({ project_id: null, purged: { lines: 1 } })
  expect(filesWithText(me.book.root)).toEqual([])
})

/** A disk whose process dies at the n-th whole file that is put in place, before or after it is there. */
function dyingDisk(dies: 'before' | 'after', at: number): Disk {
  let replaced = 0
  return {
    ...nodeDisk,
    replace(path, content) {
      const isNow = path.endsWith('.jsonl') && ++replaced === at
      if (isNow && dies === 'before') throw new Error('killed')
      nodeDisk.replace(path, content)
      if (isNow) throw new Error('killed')
    },
  }
}

test.each([
  ['before', 1],
  ['after', 1],
  ['before', 2],
  ['after', 2],
] as const)('finishes what a crash %s the replacement of record %i left undone', async (dies, at) => {
  const book = testBook()
  const one = learner(book)
  const { decision } = await endedSession(one)
  // Another clone saved the very same, so that two records have it.
  const [record] = filesIn(book.layout.folder('session'))
  const other = readFileSync(record as string, 'utf8')
  const line = JSON.parse(other.split('\n').find((text) => text.includes('decision.saved')) ?? '{}')
  const { events, bytes } = write([[{ type: line.type, data: line.data }]])
  expect(events).toHaveLength(1)
  put(book.layout.record({ kind: 'memory', id: 'another-clone' }), bytes)
  await one.context.ledger.read(async () => {})

  const dying = learner(book, { disk: dyingDisk(dies, at) })
  await expect(forget(dying.context, wanted(decision), PURGE)).rejects.toThrow('killed')
  await dying.context.ledger.close()
  const me = learner(book)
  expect(await inForce(me)).not.toContain(decision)
  await forget(me.context, wanted(decision), PURGE)
  expect(filesWithText(book.layout.bot)).toEqual([])
  expect(await findings(me)).toEqual([])
  expect(readdirSync(book.layout.folder('session'))).toHaveLength(1)
})

test('rewrites a copy that stands beside a record, or removes it where it says nothing else any more', async () => {
  const me = learner(testBook())
  const id = await me.decide(TITLE, RATIONALE)
  await me.decide('Log in lines', 'Each line can be read by itself.')
  const [record] = filesIn(me.book.layout.folder('memory')) as [string]
  const beginning = linesOf(readFileSync(record))[0] as Buffer
  const parted = Buffer.concat([beginning, write(plainSteps(1), walk(beginning).reading.head).bytes])
  const fork = (bytes: Buffer) => record.replace('.jsonl', `.fork-${lineHash(bytes).slice(0, 8)}.jsonl`)
  writeFileSync(fork(beginning), beginning)
  writeFileSync(fork(parted), parted)
  await forget(me.context, wanted(id), PURGE)
  expect(filesWithText(me.book.layout.bot)).toEqual([])
  const [other, ...more] = filesIn(me.book.layout.folder('memory')).filter((path) => path.includes('.fork-'))
  expect(more).toEqual([])
  const bytes = readFileSync(String(other))
  expect(String(other)).toBe(fork(bytes))
  expect(damage(verify(bytes))).toEqual([])
})

test('removes what was put aside and has the text', async () => {
  const me = learner(testBook())
  const id = await me.decide(TITLE, RATIONALE)
  await me.context.ledger.read(async () => {})
  const [record] = filesIn(me.book.layout.folder('memory')) as [string]
  mkdirSync(me.book.layout.torn, { recursive: true })
  writeFileSync(join(me.book.layout.torn, 'torn.txt'), readFileSync(record).subarray(0, -20))
  copyFileSync(me.book.layout.database, join(me.book.layout.torn, 'rutter.db.old'))
  copyFileSync(`${me.book.layout.database}-wal`, join(me.book.layout.torn, 'rutter.db.old-wal'))
  writeFileSync(join(me.book.layout.torn, 'other.txt'), 'something else')
  const { purged } = await forget(me.context, wanted(id), PURGE)
  expect(purged?.copies).toBe(3)
  expect(filesWithText(me.book.layout.bot)).toEqual([])
  expect(readdirSync(me.book.layout.torn)).toEqual(['other.txt'])
})

test('drops its own copy of a record that the working tree lacks', async () => {
  const me = learner(testBook())
  const { session, decision } = await endedSession(me)
  const again = learner(me.book)
  const id = await again.decide(TITLE, RATIONALE, { supersedes: decision })
  expect(id).toBe(decision)
  put(me.book.path(session), linesOf(me.book.bytes(session))[0] as Buffer)
  // The decision is gone with its record; a merge brings the record back later.
  const now = await again.decide(TITLE, RATIONALE)
  await forget(again.context, wanted(now), PURGE)
  expect(filesWithText(me.book.layout.bot)).toEqual([])
})

test('meets a clone with the old chain as a fork, keeps both, and purging there leaves one', async () => {
  const me = learner(testBook())
  const { book } = me
  const id = await me.decide(TITLE, RATIONALE)
  await me.decide('Log in lines', 'Each line can be read by itself.')
  git(book.root, 'init', '-q', '-b', 'main')
  const commit = (folder: string) => {
    git(folder, 'add', '-A')
    git(folder, 'commit', '-q', '-m', 'x')
  }
  commit(book.root)
  const clone = join(tempFolder(), 'clone')
  git(book.root, 'clone', '-q', book.root, clone)
  const there = learner(testBook({ root: clone, clock: book.clock }))
  const [record] = filesIn(book.layout.folder('memory')) as [string]
  // The clone has the old chain, and goes on in it: that it does so in the same file is the worst that can happen.
  const theirs = there.book.layout.record({ kind: 'memory', id: record.split('/').at(-1)?.slice(0, -6) ?? '' })
  const old = readFileSync(theirs)
  put(theirs, Buffer.concat([old, write(plainSteps(1), walk(old).reading.head).bytes]))
  commit(clone)

  await forget(me.context, wanted(id), PURGE)
  commit(book.root)
  git(clone, 'pull', '-q', '--no-rebase', '--no-edit', book.root, 'main')
  const told = await findings(there)
  expect(told.map(({ kind }) => kind)).toContain('forked')
  expect(readFileSync(theirs, 'utf8')).toContain('zanzibarian')
  expect(await inForce(there)).toHaveLength(1)

  await forget(there.context, wanted(id), PURGE)
  expect(filesWithText(there.book.layout.bot)).toEqual([])
  expect(damage(await findings(there))).toEqual([])
  expect(await inForce(there)).toHaveLength(1)
})

test('leaves no line out of a chain, whichever lines are changed, and does nothing the second time', () => {
  const events = fc.array(fc.record({ task_id: fc.string(), secret: fc.boolean() }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(fc.array(events, { minLength: 1, maxLength: 6 }), (steps) => {
      const { bytes } = write(steps.map((step) => step.map((data) => ({ type: 'task.started', data }))))
      const change = ({ data }: { data: unknown }) =>
        (data as { secret: boolean }).secret ? { task_id: 'gone', secret: false } : null
      const result = rewritten(bytes, change)
      const secrets = steps.flat().filter(({ secret }) => secret).length
      expect(result.changed).toBe(secrets)
      expect(verify(result.bytes).filter(({ kind }) => kind !== 'unknown_event')).toEqual([])
      const [was, is] = [walk(bytes), walk(result.bytes)]
      expect(is.steps.map((step) => step.length)).toEqual(was.steps.map((step) => step.length))
      expect(is.events.map(({ id, seq }) => [id, seq])).toEqual(was.events.map(({ id, seq }) => [id, seq]))
      const first = steps.flat().findIndex(({ secret }) => secret)
      const untouched = first === -1 ? was.events.length : first
      expect(linesOf(result.bytes).slice(0, untouched)).toEqual(linesOf(bytes).slice(0, untouched))
      expect(rewritten(result.bytes, change)).toMatchObject({ bytes: result.bytes, changed: 0 })
    }),
  )
})

test('leaves what is not of the chain where it stands, and damage as it was', () => {
  const { bytes } = write(plainSteps(4, 'secret'))
  const lines = linesOf(bytes).map(String)
  const spoilt = [lines[0], '<<<<<<< HEAD\n', lines[1], lines[3]].join('')
  const change = ({ data }: { data: unknown }) =>
    (data as { task_id: string }).task_id === 'secret-2' ? { task_id: 'gone' } : null
  const result = rewritten(Buffer.from(spoilt), change).bytes
  expect(result.toString()).toContain('<<<<<<< HEAD\n')
  const kinds = (record: Buffer) => damage(verify(record)).map(({ kind, line }) => [kind, line])
  expect(kinds(result)).toEqual(kinds(Buffer.from(spoilt)))
})

test('leaves the copy of a running session that only names the artifact, which saves it from git', async () => {
  const me = learner(testBook())
  const id = await me.decide(TITLE, RATIONALE)
  const { session_id } = await me.context.call(sessionInitialize, { session_type: 'manual' })
  await me.decide('Keep no key at all', 'Whoever needs one asks for it.', { supersedes: id })
  const bytes = me.book.bytes(session_id)
  await forget(me.context, wanted(id), PURGE)
  put(me.book.path(session_id), linesOf(bytes)[0] as Buffer)
  await me.context.ledger.read(async () => {})
  expect(me.book.bytes(session_id)).toEqual(bytes)
})

test('says so while somebody reads from the store, whose log then still has the text', async () => {
  const me = learner(testBook())
  const id = await me.decide(TITLE, RATIONALE)
  const reader = new DatabaseSync(me.book.layout.database)
  onTestFinished(() => reader.close())
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM artifacts').get()
  const { purged } = await forget(me.context, wanted(id), PURGE)
  expect(purged).toMatchObject({ lines: 1, is_scrubbed: false })
  expect(filesWithText(me.book.layout.folder('memory'))).toEqual([])
  reader.exec('COMMIT')
  expect((await forget(me.context, wanted(id), PURGE)).purged).toMatchObject({ lines: 0, is_scrubbed: true })
  expect(filesWithText(me.book.layout.bot)).toEqual([])
})
