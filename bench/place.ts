/** Where benches put their files: on a disk, since a sync to memory costs nothing and would flatter everybody. */
import { mkdirSync, mkdtempSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..')

/** File systems that live in memory, by the type that statfs(2) gives. */
const IN_MEMORY = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
])

/** A new empty folder on a disk: under RUTTER_BENCH_DIR where that is set, else the system's, else the project's own. */
export function newFolder(name: string): string {
  const chosen = process.env['RUTTER_BENCH_DIR']
  const candidates = chosen === undefined ? [tmpdir(), join(ROOT, 'node_modules', '.cache')] : [chosen]
  for (const candidate of candidates) {
    mkdirSync(candidate, { recursive: true })
    if (!IN_MEMORY.has(statfsSync(candidate).type)) return mkdtempSync(join(candidate, `rutter-bench-${name}-`))
  }
  throw new Error(
    `Benches must write to a disk, and ${candidates.join(' and ')} are in memory. Set RUTTER_BENCH_DIR to a folder on one.`,
  )
}
