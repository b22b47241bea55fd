import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

/**
 * The few things a log asks of a file system, so that tests can put one in its place that fails, fills up or forgets.
 * Everything is synchronous: an append is 0.1 ms, and a hop through the thread pool costs more than the write.
 */
export interface Disk {
  /** `null` when there is no such file. */
  open(path: string, create: boolean): OpenFile | null
  /** Names of the files in a folder; empty when there is no such folder. */
  list(folder: string): string[]
  /** Changes whenever a file is added to, removed from or replaced in a folder; 0 when there is no such folder. */
  folderStamp(folder: string): number
  /** Size and identity of a file without opening it; `null` when there is none. */
  stat(path: string): { size: number; ino: number } | null
  makeFolder(folder: string): void
  remove(path: string): void
  /** Puts a whole file in place: either the old or the new content is there after a crash. */
  replace(path: string, content: string | Uint8Array): void
}

export interface OpenFile {
  readonly size: number
  readonly ino: number
  readonly created: boolean
  read(offset: number, length: number): Buffer
  append(bytes: Uint8Array): void
  /** Returns once the file's bytes and length are on disk, and its name too when it was created or that is asked for. */
  sync(alsoName?: boolean): void
  truncate(size: number): void
  close(): void
}

export const nodeDisk: Disk = {
  open(path, create) {
    const opened = openForAppend(path, create)
    return opened === null ? null : new NodeFile(path, opened.fd, opened.created)
  },
  list(folder) {
    const entries = whenPresent(() => readdirSync(folder, { withFileTypes: true })) ?? []
    return entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name)
  },
  folderStamp(folder) {
    return statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0
  },
  stat(path) {
    const found = statSync(path, { throwIfNoEntry: false })
    return found === undefined ? null : { size: found.size, ino: found.ino }
  },
  makeFolder(folder) {
    mkdirSync(folder, { recursive: true })
  },
  remove(path) {
    rmSync(path, { force: true })
  },
  replace(path, content) {
    mkdirSync(dirname(path), { recursive: true })
    const beside = `${path}.${process.pid}.tmp`
    try {
      writeFileSync(beside, content, { flush: true })
      renameSync(beside, path)
    } catch (error) {
      rmSync(beside, { force: true })
      throw error
    }
    syncFolder(dirname(path))
  },
}

class NodeFile implements OpenFile {
  readonly #path: string
  readonly #fd: number
  readonly size: number
  readonly ino: number
  readonly created: boolean

  constructor(path: string, fd: number, created: boolean) {
    const { size, ino } = fstatSync(fd)
    this.#path = path
    this.#fd = fd
    this.size = size
    this.ino = ino
    this.created = created
  }

  read(offset: number, length: number): Buffer {
    const buffer = Buffer.allocUnsafe(length)
    let filled = 0
    while (filled < length) {
      const got = readSync(this.#fd, buffer, filled, length - filled, offset + filled)
      if (got === 0) break
      filled += got
    }
    return buffer.subarray(0, filled)
  }

  append(bytes: Uint8Array): void {
    let written = 0
    while (written < bytes.length) written += writeSync(this.#fd, bytes, written)
  }

  sync(alsoName = this.created): void {
    fdatasyncSync(this.#fd)
    if (alsoName) syncFolder(dirname(this.#path))
  }

  truncate(size: number): void {
    ftruncateSync(this.#fd, size)
  }

  close(): void {
    closeSync(this.#fd)
  }
}

function openForAppend(path: string, create: boolean): { fd: number; created: boolean } | null {
  const flags = constants.O_RDWR | constants.O_APPEND
  const fd = whenPresent(() => openSync(path, flags))
  if (fd !== null) return { fd, created: false }
  if (!create) return null
  mkdirSync(dirname(path), { recursive: true })
  return { fd: openSync(path, flags | constants.O_CREAT, 0o644), created: true }
}

/** A new file's name is on disk only once its folder is. Windows cannot sync a folder, and does not need to. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const fd = openSync(folder, constants.O_RDONLY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function whenPresent<T>(look: () => T): T | null {
  try {
    return look()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
