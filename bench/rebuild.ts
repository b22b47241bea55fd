/** The store computed again from the records, against reading the same lines and inserting the same rows with nothing else. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, compare, type Rounds, takeTurns } from './harness.ts'
import { writeRecords } from './rebuild-data.ts'
import type { RebuildReport } from './rebuild-run.ts'

const SESSIONS = 200
const EVENTS_EACH = 5000
const ROUNDS = 3

type How = 'lost' | 'rebuild' | 'floor'

export const bench: Bench = {
  name: 'rebuild',
  title: `the store computed again from ${SESSIONS} sessions of ${EVENTS_EACH} events`,
  async run(folder, say) {
    const { bavail, bsize } = statfsSync(folder)
    if (bavail * bsize < 2 ** 31)
      throw new Error(`The records take half a gigabyte, the stores as much; ${folder} has less.`)
    const book = join(folder, 'book')
    mkdirSync(book)
    say('writing the records')
    writeRecords(book, SESSIONS, EVENTS_EACH)

    const reports = new Map<string, RebuildReport>()
    const cpu: Record<How, Rounds> = { lost: [], rebuild: [], floor: [] }
    const run = async (how: How) => {
      say(how)
      // In a process of its own each time, so that nobody inherits a warm engine or a full heap.
      const args = [join(import.meta.dirname, 'rebuild-run.ts'), how, book]
      const report = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as RebuildReport
      reports.set(how, report)
      cpu[how].push([report.cpu_seconds])
      return [report.seconds]
    }
    // The lost store goes first: what it leaves is there to be rebuilt.
    const taken = await takeTurns(ROUNDS, {
      lost: () => run('lost'),
      rebuild: () => run('rebuild'),
      floor: () => run('floor'),
    })

    const [ours, floor] = [reports.get('rebuild'), reports.get('floor')]
    const least = ['the lines parsed, the rows inserted', taken.floor] as const
    const leastCpu = ['the lines parsed, the rows inserted: processor time', cpu.floor] as const
    return {
      comparisons: [
        compare('s', ['rutter rebuild', taken.rebuild], least, { kind: 'at most', ratio: 3 }),
        compare('s', ['rutter rebuild: processor time', cpu.rebuild], leastCpu),
        compare('s', ['the first read after the store was lost', taken.lost], least),
        compare('s', ['the first read after the store was lost: processor time', cpu.lost], leastCpu),
      ],
      checks: [
        { what: `${ours?.events} events were read`, ok: ours?.events === SESSIONS * EVENTS_EACH },
        {
          what: `both wrote as many rows: ${JSON.stringify(ours?.rows)}`,
          ok: JSON.stringify(ours?.rows) === JSON.stringify(floor?.rows),
        },
      ],
      notes: [
        `${Math.round(ours?.peak_mb ?? 0)} MB of memory at most; the floor ${Math.round(floor?.peak_mb ?? 0)} MB`,
      ],
    }
  },
}
