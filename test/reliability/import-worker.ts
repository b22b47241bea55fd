import { flushCompileCache } from 'node:module'
import { importMemory } from '../../src/app/memory/import/import.ts'
import { readSource } from '../../src/app/memory/import/read.ts'
import { type Disk, nodeDisk } from '../../src/log/disk.ts'
import { openBook } from '../../src/wire.ts'

/** An import, at whose `nth` passage of a point the process dies; without an end where `dies` is left out. */
export interface ImportErrand {
  readonly root: string
  readonly text: string
  readonly dies: { readonly point: string; readonly nth: number }
}

const { root, text, dies } = JSON.parse(process.argv[2] ?? '{}') as ImportErrand
let passed = 0

function pass(point: string): void {
  if (point !== dies.point || ++passed !== dies.nth) return
  // Who is killed leaves no compiled code behind, and the next one would start from the sources.
  flushCompileCache()
  process.kill(process.pid, 'SIGKILL')
}

/** Dies with half of a record beside the place that it is for. */
const disk: Disk = {
  ...nodeDisk,
  replace(path, content) {
    if (path.endsWith('.jsonl')) {
      const half = content.slice(0, Math.ceil(content.length / 2))
      nodeDisk.open(`${path}.${process.pid}.tmp`, true)?.append(Buffer.from(half))
      pass('mid-write')
    }
    nodeDisk.replace(path, content)
  },
}

async function* linesOf(whole: string): AsyncGenerator<string> {
  yield* whole.split('\n')
}

const context = openBook(root, { ledger: { disk, pausePoint: pass } }).connect(
  { kind: 'operator', name: 'mortal' },
  'default',
)
const source = await readSource(context, linesOf(text), null)
await importMemory(context, source, { project_id: null, global: 'take', dry_run: false })
await context.ledger.close()
