import { appendFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { NewEvent } from '../../src/domain/event.ts'
import type { LedgerReader } from '../../src/ports/ledger.ts'
import { testBook } from '../support/book.ts'
import { extended, failed, startRun } from './runs.ts'

const ADDED: NewEvent[] = [
  { type: 'task.added', data: { task_id: 't-9', title: 'Survey' } },
  { type: 'task.marked_done', data: { task_id: 't-9', note: null } },
]

const TURN: NewEvent[] = [
  {
    type: 'turn.recorded',
    data: {
      request_id: 'r-9',
      provider: null,
      model: null,
      tokens: null,
      cost_usd: null,
      cost_is_estimated: false,
      started_at: null,
      ended_at: null,
      stop_reason: null,
    },
  },
]

/** Each question to a book, and what the answer is once the lines of the process that died are taken in. */
const questions: Record<string, [(book: LedgerReader, id: string) => Promise<unknown>, unknown]> = {
  session: [async (book, id) => (await book.session(id))?.tasks_failed, 1],
  sessions: [async (book) => (await book.sessions({ limit: 1 }))[0]?.tasks_failed, 1],
  lastSessionIn: [async (book) => (await book.lastSessionIn('default'))?.tasks_failed, 1],
  turnIsCounted: [(book, id) => book.turnIsCounted(id, 'r-9'), true],
  task: [async (book) => (await book.task('t-9'))?.status, 'done'],
  tasksById: [async (book) => (await book.tasksById(['t-0', 't-9'])).get('t-9')?.status, 'done'],
  tasks: [async (book) => (await book.tasks({ status: 'done', limit: 10 })).total, 1],
  taskIds: [(book) => book.taskIds(), ['t-1', 't-2', 't-9']],
  taskSync: [async (book, id) => (await book.taskSync(id)).tasks_marked_done, 1],
}

test.each(Object.keys(questions))(
  'a write that first asks for %s sees what a process was answered that died before the store could follow',
  async (name) => {
    const [ask, answer] = questions[name] ?? []
    if (ask === undefined) throw new Error(`There is no question ${name}.`)
    const book = testBook()
    const run = await startRun(book)
    const other = book.open()
    await other.read(async () => {})
    const bytes = book.bytes(run.id)
    appendFileSync(book.path(run.id), extended(bytes, ADDED, TURN, failed('boom')).subarray(bytes.length))
    expect(await other.write((b) => ask(b, run.id))).toEqual(answer)
  },
)
