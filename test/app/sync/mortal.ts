import { sync } from '../../../src/app/operator/sync.ts'
import { type Disk, nodeDisk, type OpenFile } from '../../../src/log/disk.ts'
import type { LogCopy, TakenIn } from '../../../src/ports/log-copy.ts'
import { openBook } from '../../../src/wire.ts'

/** A sync that dies at the `nth` time that something is taken in: before, after, or half-way through the file that it writes. */
export interface SyncErrand {
  readonly root: string
  readonly url: string
  readonly nth: number
  readonly when: 'before' | 'after' | 'amid'
}

const { root, url, nth, when } = JSON.parse(process.argv[2] ?? '{}') as SyncErrand
let passed = 0

function die(): never {
  process.kill(process.pid, 'SIGKILL')
  throw new Error('dead')
}

/** Dies with half of what is to be written to a record on disk, once it is time to. */
const disk: Disk = {
  ...nodeDisk,
  replace(path, content) {
    if (isTimeToDie() && path.endsWith('.jsonl')) {
      nodeDisk.open(`${path}.${process.pid}.tmp`, true)?.append(Buffer.from(content.slice(0, content.length / 2)))
      die()
    }
    nodeDisk.replace(path, content)
  },
  open(path, create) {
    const file = nodeDisk.open(path, create)
    if (file === null || !path.endsWith('.jsonl')) return file
    return new Proxy(file, {
      get(target, name: keyof OpenFile) {
        if (name === 'append' && isTimeToDie()) {
          return (bytes: Uint8Array) => {
            target.append(bytes.subarray(0, bytes.length / 2))
            die()
          }
        }
        const value = target[name]
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  },
}
const isTimeToDie = () => when === 'amid' && passed === nth

/** So few lines at a time that there is something to be cut off. */
function mortal(copy: LogCopy): LogCopy {
  return {
    project_id: copy.project_id,
    where: copy.where,
    survey: () => copy.survey(),
    hashesAt: (asked) => copy.hashesAt(asked),
    lines: (stream, after, upTo) => copy.lines(stream, after, upTo),
    keepBeside: (mark, piece) => copy.keepBeside(mark, piece),
    placeOf: (stream, mark) => copy.placeOf(stream, mark),
    otherHome: (streams) => copy.otherHome(streams),
    async takeIn(pieces) {
      const outcomes: TakenIn[] = []
      for (const piece of pieces) {
        passed++
        if (passed === nth && when === 'before') die()
        if (passed === nth && when === 'amid') setTimeout(die, 2)
        outcomes.push(...(await copy.takeIn([piece])))
        if (passed === nth && when === 'after') die()
      }
      return outcomes
    },
  }
}

const book = openBook(root, { ledger: { disk } })
const remote = book.openRemote(url)
await sync(mortal(book.copies.copyOf('own')), mortal(remote.copyOf('own')), {
  dry_run: false,
  digest: (text) => book.identity.digest(text),
})
die()
