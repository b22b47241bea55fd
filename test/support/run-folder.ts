import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Names the folder that all files of one run of the tests share; there is none where a file is used by something else. */
export const RUN_FOLDER = 'RUTTER_TEST_RUN_FOLDER'

let folder: string

/** Before the first test of a run. */
export function setup(): void {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'rutter-run-')))
  // PostgreSQL runs as somebody else where this is root.
  chmodSync(folder, 0o755)
  process.env[RUN_FOLDER] = folder
}

/** Behind the last one. */
export function teardown(): void {
  rmSync(folder, { recursive: true, force: true })
}
