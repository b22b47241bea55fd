import { join } from 'node:path'
import { type End, NOTHING } from '../../domain/copies.ts'
import type { StreamRef } from '../../domain/event.ts'
import { streamKey } from '../../domain/stream.ts'
import { bytesOf, chained, pieces, placedLines } from '../../log/copying.ts'
import type { OpenFile } from '../../log/disk.ts'
import { forkOfFile, isStreamId } from '../../log/layout.ts'
import type { ForkEnd, LogCopy, Piece, Survey, TakenIn } from '../../ports/log-copy.ts'
import type { TransactionParts } from './read-transaction.ts'
import type { StoreOptions } from './store.ts'
import type { StoreDoor } from './store-door.ts'

const KINDS: readonly StreamRef['kind'][] = ['session', 'memory']

/** A line of a record, and where the next one stands. */
interface Spot extends End {
  readonly behind: number
}

/** The records as one copy of a log. They are read without the lock, up to a line of which it was known under the lock. */
export class SqliteLogCopy implements LogCopy {
  readonly project_id: string
  readonly where: string
  readonly #options: StoreOptions
  readonly #door: StoreDoor
  /** Lines that were asked for last: what is read of a record next begins there. */
  readonly #spots = new Map<string, Spot>()

  constructor(options: StoreOptions, door: StoreDoor) {
    this.project_id = options.project_id
    this.where = options.layout.bot
    this.#options = options
    this.#door = door
  }

  async survey(): Promise<Survey> {
    this.#spots.clear()
    const streams = await this.#door.locked(async (store) => {
      store.meetOpen()
      return KINDS.flatMap((kind) =>
        [...store.parts.streams.all(kind)].map(([id, { seq, hash }]) => ({ stream: { kind, id }, seq, hash })),
      )
    })
    return { streams: streams.filter(({ seq }) => seq > 0), forks: KINDS.flatMap((kind) => this.#forks(kind)) }
  }

  async hashesAt(asked: readonly { readonly stream: StreamRef; readonly seq: number }[]): Promise<(string | null)[]> {
    return asked.map(({ stream, seq }) => {
      const spot = this.#withRecord(stream, (file) => spotIn(file, seq))
      if (spot === null) return null
      this.#spots.set(streamKey(stream), spot)
      return spot.hash
    })
  }

  async *lines(stream: StreamRef, after: End, upTo: End): AsyncGenerator<Piece> {
    const file = this.#open(stream)
    if (file === null) return
    try {
      const known = this.#spots.get(streamKey(stream))
      const spot = known?.hash === after.hash ? known : spotIn(file, after.seq)
      if (spot?.hash === after.hash) yield* pieces(stream, placedLines(file, spot.behind), after, upTo)
    } finally {
      file.close()
    }
  }

  async takeIn(given: readonly Piece[]): Promise<TakenIn[]> {
    return await this.#door.locked(async ({ parts }) => {
      const outcomes: TakenIn[] = []
      parts.memory.together(() => {
        for (const piece of given) outcomes.push(takeIn(parts, piece))
      })
      return outcomes
    })
  }

  async keepBeside(mark: string, { stream, after, lines }: Piece): Promise<TakenIn> {
    if (!isStreamId(stream.id)) return 'unnameable'
    const { disk, layout } = this.#options
    const path = layout.fork(stream, mark)
    return await this.#door.locked(async () => {
      if (after.seq === 0) {
        disk.replace(path, bytesOf(lines))
        return 'taken'
      }
      const file = disk.open(path, false)
      try {
        if (file === null || endOf(file)?.hash !== after.hash) return 'moved'
        append(file, bytesOf(lines))
        return 'taken'
      } finally {
        file?.close()
      }
    })
  }

  placeOf(stream: StreamRef, mark?: string): string {
    const { layout } = this.#options
    return mark === undefined ? layout.record(stream) : layout.fork(stream, mark)
  }

  /** A folder of records is one project's, whatever its id is. */
  async otherHome(): Promise<null> {
    return null
  }

  #forks(kind: StreamRef['kind']): ForkEnd[] {
    const { disk, layout } = this.#options
    return disk.list(layout.folder(kind)).flatMap((name) => {
      const fork = forkOfFile(kind, name)
      const file = fork === null ? null : disk.open(join(layout.folder(kind), name), false)
      if (fork === null || file === null) return []
      try {
        const { seq, hash } = endOf(file) ?? NOTHING
        return [{ ...fork, seq, hash }]
      } finally {
        file.close()
      }
    })
  }

  /** A stream of which there can be no record here has none. */
  #open(stream: StreamRef): OpenFile | null {
    const { disk, layout } = this.#options
    return isStreamId(stream.id) ? disk.open(layout.record(stream), false) : null
  }

  #withRecord<T>(stream: StreamRef, look: (file: OpenFile) => T): T | null {
    const file = this.#open(stream)
    try {
      return file === null ? null : look(file)
    } finally {
      file?.close()
    }
  }
}

/** Adds to a record as its own writer does; the store follows as it follows whatever git brings. Inside a write transaction. */
function takeIn({ meeting, disk, layout }: TransactionParts, { stream, after, lines, end }: Piece): TakenIn {
  if (!isStreamId(stream.id)) return 'unnameable'
  const { file, row } = meeting.meet(stream)
  try {
    if (row.hash === end.hash) return 'taken'
    if (row.hash !== after.hash) return 'moved'
    if (file === null) disk.replace(layout.record(stream), bytesOf(lines))
    else append(file, bytesOf(lines))
  } finally {
    file?.close()
  }
  meeting.meet(stream).file?.close()
  return 'taken'
}

/** All of it or nothing, as long as the disk allows. */
function append(file: OpenFile, bytes: Buffer): void {
  try {
    file.append(bytes)
    file.sync()
  } catch (error) {
    file.truncate(file.size)
    throw error
  }
}

/** The line with that number in the chain of a record. */
function spotIn(file: OpenFile, seq: number): Spot | null {
  if (seq === 0) return { ...NOTHING, behind: 0 }
  for (const { end, behind } of chained(placedLines(file), NOTHING)) {
    if (end.seq === seq) return { ...end, behind }
  }
  return null
}

function endOf(file: OpenFile): End | null {
  let last: End | null = null
  for (const { end } of chained(placedLines(file), NOTHING)) last = end
  return last
}
