/** Four processes that record into one book at once, each in its own session: nothing refused, nothing lost, nobody starved. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bookLayout } from '../src/log/layout.ts'
import { openBook } from '../src/wire.ts'
import type { WriterReport } from './four-writers-writer.ts'
import { type Bench, compare, type Measure, measure } from './harness.ts'

const WRITERS = 4
const SECONDS = 10

export const bench: Bench = {
  name: 'four-writers',
  title: `${WRITERS} processes record into one book for ${SECONDS} s`,
  async run(folder, say) {
    const book = join(folder, 'book')
    mkdirSync(book)
    say('starting the writers')
    const writers = Array.from({ length: WRITERS }, (_, i) =>
      fork(join(import.meta.dirname, 'four-writers-writer.ts'), [book, `slot-${i}`, String(SECONDS)]),
    )
    const exits = writers.map((writer) => once(writer, 'exit'))
    await Promise.all(writers.map((writer) => once(writer, 'message')))
    say('measuring')
    const reported = writers.map((writer) => once(writer, 'message'))
    for (const writer of writers) writer.send('go')
    const reports = (await Promise.all(reported)).map(([report]) => report as WriterReport)
    await Promise.all(exits)

    const missing = reports.map((report) => report.tasks - tasksOnRecord(book, report))
    const { ledger } = openBook(book)
    const { findings } = await ledger.verify()
    await ledger.close()
    const refusals = reports.flatMap(({ refused }) => refused)
    const rates = reports.map((report) => report.tasks / SECONDS).sort((a, b) => a - b)
    const rate = (what: string, value: number): Measure => measure(what, 'calls/s', [[value]])
    return {
      comparisons: [
        compare(
          'calls/s',
          ['the slowest process', [[rates[0] as number]]],
          ['the fastest process', [[rates.at(-1) as number]]],
          { kind: 'at least', ratio: 0.5 },
        ),
      ],
      measures: [
        rate(
          'all four together',
          rates.reduce((sum, one) => sum + one, 0),
        ),
        ...reports.map(({ slot, milliseconds }) => measure(`a call of ${slot}`, 'ms', [[...milliseconds]])),
      ],
      checks: [
        { what: `no call was refused${refusals.length > 0 ? `: ${refusals[0]}` : ''}`, ok: refusals.length === 0 },
        {
          what: `every answered call is in its record, once and in order (${missing.reduce((a, b) => a + b, 0)} missing)`,
          ok: missing.every((count) => count === 0),
        },
        {
          what: `every record verifies${findings.length > 0 ? `: ${findings[0]?.message}` : ''}`,
          ok: findings.length === 0,
        },
      ],
    }
  },
}

/** How many of a writer's tasks stand in its record: as many as were answered, when they are the same ones in order. */
function tasksOnRecord(book: string, { session_id }: WriterReport): number {
  const { record } = bookLayout(join(book, '.bot'))
  const lines = readFileSync(record({ kind: 'session', id: session_id }), 'utf8')
    .trimEnd()
    .split('\n')
  const started = lines
    .map((line) => JSON.parse(line) as { type: string; data: { task_id?: string } })
    .filter(({ type }) => type === 'task.started')
    .map(({ data }) => data.task_id)
  return started.every((id, i) => id === `task-${i}`) ? started.length : -1
}
