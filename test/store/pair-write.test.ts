import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { requestGlobalWriteApproval } from '../../src/app/operations/request_global_write_approval.ts'
import { saveDecision } from '../../src/app/operations/save_decision.ts'
import { storeSessionWithLearnings } from '../../src/app/operations/store_session_with_learnings.ts'
import { GLOBAL_PROJECT } from '../../src/domain/memory/room.ts'
import { type TestBook, type TestContext, tempFolder, testBook, testContext } from '../support/book.ts'

const said = { owner: 'test', date: '2026-11-22' }
const session = (objective: string) => ({
  objective,
  actions_taken: [],
  decisions_made: [],
  open_items: [],
  next_actions: [],
  save_scope: 'project',
})

/** Saves a summary here and a decision in the global book, as one step. */
async function savePair(context: TestContext, objective: string, title: string) {
  const { token } = await context.call(requestGlobalWriteApproval, { content_preview: title })
  return await context.call(storeSessionWithLearnings, {
    session: session(objective),
    decisions: [{ ...said, title, rationale: `because of ${title}`, scope: 'global' }],
    governance_token: token,
  })
}

/** The note of a write in two books that was never carried out, left in a book as by a process that died. */
async function leaveNote(book: TestBook, objective: string, title: string): Promise<void> {
  const elsewhere = testBook()
  const kept = join(tempFolder(), 'note.json')
  const { pending } = elsewhere.layout
  const ledger = elsewhere.open({
    pausePoint: (point) => {
      if (point === 'prepared' && existsSync(pending)) copyFileSync(pending, kept)
    },
  })
  await savePair(testContext(ledger, elsewhere.clock), objective, title)
  mkdirSync(book.layout.control, { recursive: true })
  copyFileSync(kept, book.layout.pending)
}

async function known(context: TestContext): Promise<string[]> {
  return await context.ledger.readWithGlobal(async (book, global) => {
    const own = await book.memory.artifacts({ project_id: context.ledger.project_id, in_force: true, limit: 100 })
    const shared = await global?.memory.artifacts({ project_id: GLOBAL_PROJECT, in_force: true, limit: 100 })
    return [...own, ...(shared ?? [])]
      .map(({ kind, text }) => (kind === 'summary' ? text?.objective : kind === 'decision' ? text?.title : ''))
      .map(String)
      .sort()
  })
}

test('finishes what another write had announced before it announces its own', async () => {
  const book = testBook()
  const context = testContext(book.open(), book.clock)
  await context.call(saveDecision, { decision: { ...said, title: 'here', rationale: 'here', scope: 'project' } })
  await leaveNote(book, 'the summary before', 'the global one before')
  await savePair(context, 'the summary after', 'another thing altogether')
  expect(await known(context)).toEqual(
    ['here', 'the summary before', 'the global one before', 'the summary after', 'another thing altogether'].sort(),
  )
  expect(existsSync(book.layout.pending)).toBe(false)
})

test('goes on in the project while the global book is locked, and finishes when it is free', async () => {
  const book = testBook()
  const context = testContext(book.open(), book.clock)
  await savePair(context, 'first', 'first global')
  await leaveNote(book, 'the summary before', 'the global one before')
  const holder = new DatabaseSync(join(book.root, 'global', '.control', 'rutter.db'), { timeout: 0 })
  holder.exec('BEGIN IMMEDIATE')
  const decision = { ...said, title: 'meanwhile', rationale: 'meanwhile', scope: 'project' }
  expect(await context.call(saveDecision, { decision })).toMatchObject({ status: 'saved' })
  expect(existsSync(book.layout.pending)).toBe(true)
  expect(context.ledger.repairs().filter(({ where }) => where === book.layout.pending)).toHaveLength(1)
  holder.exec('ROLLBACK')
  holder.close()
  expect(await known(context)).toEqual(
    ['first', 'first global', 'meanwhile', 'the summary before', 'the global one before'].sort(),
  )
})

test('leaves no note and no half of one where the disk is full', async () => {
  const book = testBook()
  const context = testContext(book.open(), book.clock)
  await savePair(context, 'first', 'first global')
  const full = book.open({
    pausePoint: (point) => {
      if (point === 'prepared') throw Object.assign(new Error('ENOSPC: injected'), { code: 'ENOSPC', syscall: 'write' })
    },
  })
  await expect(savePair(testContext(full, book.clock), 'never', 'never global')).rejects.toMatchObject({
    code: 'store_unavailable',
  })
  expect(readdirSync(book.layout.control).filter((name) => name.startsWith('pending'))).toEqual([])
  expect(await known(context)).toEqual(['first', 'first global'])
})

test('reads a record in which the number of a line was changed', async () => {
  const book = testBook()
  const context = testContext(book.open(), book.clock)
  for (const title of ['one apple', 'two pears', 'three plums'])
    await context.call(saveDecision, { decision: { ...said, title, rationale: title, scope: 'project' } })
  await context.ledger.close()
  const folder = book.layout.folder('memory')
  const path = join(folder, String(readdirSync(folder)[0]))
  writeFileSync(path, readFileSync(path, 'utf8').replace('"seq":3', '"seq":2'))
  const again = testContext(book.open(), book.clock)
  expect(await known(again)).toEqual(['one apple', 'three plums', 'two pears'])
  await again.ledger.rebuild()
  expect(await known(again)).toEqual(['one apple', 'three plums', 'two pears'])
  expect((await again.ledger.verify()).findings.map(({ kind }) => kind)).toContain('altered_line')
})
