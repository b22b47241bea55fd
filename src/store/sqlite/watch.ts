import type { StreamRef } from '../../domain/event.ts'
import type { Disk } from '../../log/disk.ts'
import { watchFolder } from '../../log/folder-watch.ts'
import { type BookLayout, isStreamId } from '../../log/layout.ts'
import type { Marks, Seen } from '../../log/watches.ts'

/** Milliseconds between two looks where the system tells of changes by itself, and where it does not. A look asks for a file's size. */
const REST_MS = { watched: 2000, deaf: 250 }

export interface FileMarksOptions {
  readonly disk: Disk
  readonly layout: BookLayout
  readonly watchFolder?: typeof watchFolder
}

/** A stream went on when its file has another size, or another file stands in its place. */
export class FileMarks implements Marks {
  readonly #disk: Disk
  readonly #layout: BookLayout
  readonly #watchFolder: typeof watchFolder
  readonly #nudge: () => void
  /** By path: which folder it was that is watched, and what ends that; `null` where it cannot be watched. */
  readonly #folders = new Map<string, { readonly ino: number | null; readonly end: (() => void) | null }>()
  #isStirred = false
  /** A network's file system lets itself be watched, and says nothing of what other machines write. */
  #isDeaf = false

  constructor(options: FileMarksOptions, nudge: () => void) {
    this.#disk = options.disk
    this.#layout = options.layout
    this.#watchFolder = options.watchFolder ?? watchFolder
    this.#nudge = nudge
  }

  async look(streams: readonly StreamRef[]): Promise<readonly string[]> {
    for (const folder of new Set(streams.map(({ kind }) => this.#layout.folder(kind)))) this.#keepWatching(folder)
    return streams.map((stream) => {
      const found = isStreamId(stream.id) ? this.#disk.stat(this.#layout.record(stream)) : null
      return found === null ? '' : `${found.ino} ${found.size}`
    })
  }

  rest(seen: Seen): number {
    if (seen === 'a change') this.#isDeaf = !this.#isStirred
    this.#isStirred = false
    const isWatched = [...this.#folders.values()].every(({ end }) => end !== null)
    return isWatched && !this.#isDeaf ? REST_MS.watched : REST_MS.deaf
  }

  close(): void {
    for (const { end } of this.#folders.values()) end?.()
    this.#folders.clear()
    this.#isDeaf = false
  }

  /** A folder that git took away and brought back is another one, and the old watch hears no more of it. */
  #keepWatching(folder: string): void {
    const ino = this.#disk.stat(folder)?.ino ?? null
    const known = this.#folders.get(folder)
    if (known?.ino === ino) return
    known?.end?.()
    const stir = () => {
      this.#isStirred = true
      this.#nudge()
    }
    this.#folders.set(folder, { ino, end: ino === null ? null : this.#watchFolder(folder, stir) })
  }
}
