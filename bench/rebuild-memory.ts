/** What was learned computed again from the records, by how much that is; and what a decision takes in the store. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { bookLayout } from '../src/log/layout.ts'
import { type Bench, compare, measure, takeTurns } from './harness.ts'
import type { RebuildReport } from './rebuild-run.ts'

const MANY = 50_000
const FEW = 10_000
const ROUNDS = 3
/** Tables and indexes that are named: those that take the most. */
const NAMED = 8

export const bench: Bench = {
  name: 'rebuild-memory',
  title: 'what was learned computed again from the records',
  async run(folder, say) {
    const bookOf = (decisions: number) => {
      const book = join(folder, `book-${decisions}`)
      mkdirSync(book)
      say(`recording ${decisions} decisions`)
      execFileSync(process.execPath, [join(import.meta.dirname, 'memory-fill.ts'), book, String(decisions)])
      return book
    }
    const [many, few] = [bookOf(MANY), bookOf(FEW)]
    const reports: RebuildReport[] = []
    /** In a process of its own each time; milliseconds of processor for one decision. */
    const rebuild = async (book: string, decisions: number) => {
      say(`computing ${decisions} decisions again`)
      const args = [join(import.meta.dirname, 'rebuild-run.ts'), 'rebuild', book]
      const report = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as RebuildReport
      if (decisions === MANY) reports.push(report)
      return [(report.cpu_seconds * 1000) / decisions]
    }
    const taken = await takeTurns(ROUNDS, { many: () => rebuild(many, MANY), few: () => rebuild(few, FEW) })
    const { total, largest } = sizes(bookLayout(join(many, '.bot')).database)
    return {
      comparisons: [
        compare('ms', [`of processor for each of ${MANY} decisions`, taken.many], [`for each of ${FEW}`, taken.few], {
          kind: 'at most',
          ratio: 1.5,
        }),
      ],
      measures: [measure(`rutter rebuild of ${MANY} decisions`, 's', [reports.map(({ seconds }) => seconds)])],
      checks: [{ what: `${MANY} events were read`, ok: reports.every(({ events }) => events === MANY) }],
      notes: [
        `${Math.round(total / MANY)} bytes of store for each decision; the most in ${largest
          .map(({ name, bytes }) => `${name} ${Math.round(bytes / MANY)}`)
          .join(', ')}`,
        `${Math.round(Math.max(...reports.map(({ peak_mb }) => peak_mb)))} MB of memory at most`,
      ],
    }
  },
}

/** Bytes of the whole database, and of what takes the most of them. */
function sizes(path: string): { total: number; largest: { name: string; bytes: number }[] } {
  const db = new DatabaseSync(path, { readOnly: true })
  const rows = db.prepare('SELECT name, sum(pgsize) AS bytes FROM dbstat GROUP BY name ORDER BY bytes DESC').all()
  db.close()
  const all = rows.map((row) => ({ name: String(row['name']), bytes: Number(row['bytes']) }))
  return { total: all.reduce((sum, { bytes }) => sum + bytes, 0), largest: all.slice(0, NAMED) }
}
