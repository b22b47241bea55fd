import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** What `git pull` brings from one folder of records into another: of two copies of a record, the longer one, as a file put anew. */
export function pull(to: string, from: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) {
    const [theirs, mine] = [join(from, name), join(to, name)]
    if (existsSync(mine) && statSync(mine).size >= statSync(theirs).size) continue
    rmSync(mine, { force: true })
    copyFileSync(theirs, mine)
  }
}
