import { basename, join } from 'node:path'
import type { StreamRef } from '../domain/event.ts'
import type { Finding } from '../ports/ledger.ts'
import type { Observation } from './chain.ts'
import type { Disk, OpenFile } from './disk.ts'
import type { BookLayout } from './layout.ts'
import { lineHash } from './line.ts'
import type { ByteRange, Reading } from './record.ts'

export interface MenderParts {
  readonly disk: Disk
  readonly layout: BookLayout
  readonly now: () => string
  /** Told of everything that was mended or is not as it should be. */
  readonly report: (finding: Finding) => void
}

/** Puts the ends of records right, and tells of it. Only for whoever holds the write lock. */
export class RecordMender {
  readonly #parts: MenderParts

  constructor(parts: MenderParts) {
    this.#parts = parts
  }

  open(stream: StreamRef): OpenFile | null {
    return this.#parts.disk.open(this.#parts.layout.record(stream), false)
  }

  /** Keeps another copy of a record beside it; gives the name of the file. */
  putBeside(stream: StreamRef, copy: string | Uint8Array): string {
    const path = this.#parts.layout.fork(stream, lineHash(copy))
    this.#parts.disk.replace(path, copy)
    return basename(path)
  }

  /** What stands behind the last whole step was never answered: it is put aside. A missing line feed is added. */
  mendTail(stream: StreamRef, file: OpenFile, { head, tail, lines, cut }: Reading): void {
    if (tail === 'clean') return
    if (tail === 'unsealed') {
      file.append(Buffer.from('\n'))
      file.sync()
      const message = 'the last line had lost its line feed; it was added'
      this.tell(stream, { kind: 'torn_tail', message, line: lines, damage: false })
      return
    }
    const { disk, layout, now } = this.#parts
    const rest = Buffer.concat(cut.map(({ from, to }) => file.read(from, to - from)))
    const aside = join(layout.torn, `${stream.id}-${head.end}-${now().replaceAll(':', '-')}.txt`)
    disk.replace(aside, rest)
    if (cut[0]?.from === head.end) {
      file.truncate(head.end)
      file.sync()
    } else {
      disk.replace(layout.record(stream), without(file, cut))
    }
    const kind = tail === 'torn' ? 'torn_tail' : 'incomplete_step'
    const what = tail === 'torn' ? 'the last line was cut short' : 'the last step was cut short'
    const message = `${what}, so it was never answered; its ${rest.length} bytes were moved to ${aside}`
    this.tell(stream, { kind, message, line: lines, damage: false })
  }

  tell(stream: StreamRef, observation: Observation): void {
    this.#parts.report({ stream, where: this.#parts.layout.record(stream), ...observation })
  }
}

/** A file's bytes but for some ranges. */
function without(file: OpenFile, ranges: readonly ByteRange[]): Buffer {
  const kept: Buffer[] = []
  let at = 0
  for (const { from, to } of ranges) {
    kept.push(file.read(at, from - at))
    at = to
  }
  return Buffer.concat([...kept, file.read(at, file.size - at)])
}
