import { writeSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { asRefusal, perform } from '../../src/app/operation.ts'
import { operations } from '../../src/app/operations/index.ts'
import { nodeDisk } from '../../src/log/disk.ts'
import { openBook } from '../../src/wire.ts'
import { diskWith } from '../torture/disk.ts'

/** What a process is to do: some calls, and in the last of them to die at the `nth` time that it comes by a point. */
export interface Errand {
  readonly root: string
  readonly calls: readonly (readonly [operation: string, args: object])[]
  readonly dies?: { readonly point: string; readonly nth: number }
}

const { root, calls, dies } = JSON.parse(process.argv[2] ?? '{}') as Errand
let isLast = false
let passed = 0

function pass(point: string): void {
  if (!isLast || point !== dies?.point || ++passed !== dies.nth) return
  // Who is killed leaves no compiled code behind, and the next one would start from the sources.
  flushCompileCache()
  process.kill(process.pid, 'SIGKILL')
}

const disk = diskWith(nodeDisk, (file) => ({
  append(bytes) {
    const half = Math.ceil(bytes.length / 2)
    file.append(bytes.subarray(0, half))
    pass('mid-append')
    file.append(bytes.subarray(half))
  },
}))
const context = openBook(root, { ledger: { disk, pausePoint: pass } }).connect(
  { kind: 'agent', name: 'mortal' },
  'default',
)
const answers: unknown[] = []
for (const [index, [name, args]] of calls.entries()) {
  isLast = index === calls.length - 1
  const operation = operations.find((one) => one.name === name)
  if (operation === undefined) throw new Error(`There is no operation ${name}.`)
  answers.push(await perform(operation, context, args).catch((error: unknown) => ({ refused: asRefusal(error).body })))
}
writeSync(1, JSON.stringify(answers))
await context.ledger.close()
