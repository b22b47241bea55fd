import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type Disk, nodeDisk, type OpenFile } from '../../src/log/disk.ts'
import type { Random } from './random.ts'

/**
 * A disk that remembers only what was synced. Processes read and write the real files, as they would through the system's
 * cache; beside them, in `shadow`, stands what a power cut would leave for certain. What was written and not synced may be
 * there after the cut, or half of it, or nothing: `cutPower` rolls the dice.
 *
 * A name in a folder is durable once the folder was synced, and only then: a file that was synced by one who did not create
 * it may vanish whole. Such a copy is kept as `<name>.unnamed`.
 *
 * It minds the records of every book, and the note about a write in two of them.
 */
export class ForgetfulDisk implements Disk {
  readonly #shadow: string

  constructor(shadow: string) {
    this.#shadow = shadow
  }

  open(path: string, create: boolean): OpenFile | null {
    const file = nodeDisk.open(path, create)
    if (file === null || !isMinded(path)) return file
    return {
      size: file.size,
      ino: file.ino,
      created: file.created,
      read: (offset, length) => file.read(offset, length),
      append: (bytes) => file.append(bytes),
      sync: (alsoName = file.created) => {
        this.#keep(path)
        if (alsoName) this.#keepNames(path)
      },
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    }
  }

  list(folder: string): string[] {
    return nodeDisk.list(folder)
  }

  folderStamp(folder: string) {
    return nodeDisk.folderStamp(folder)
  }

  stat(path: string) {
    return nodeDisk.stat(path)
  }

  makeFolder(folder: string): void {
    nodeDisk.makeFolder(folder)
  }

  /** A removal is not durable either: the file comes back. */
  remove(path: string): void {
    nodeDisk.remove(path)
  }

  replace(path: string, content: string | Uint8Array): void {
    nodeDisk.replace(path, content)
    if (!isMinded(path)) return
    this.#keep(path)
    this.#keepNames(path)
  }

  #keep(path: string): void {
    const folder = shadowOf(this.#shadow, dirname(path))
    mkdirSync(folder, { recursive: true })
    const named = join(folder, basename(path))
    const kept = existsSync(named) ? named : `${named}.unnamed`
    const beside = `${named}.${process.pid}.tmp`
    copyFileSync(path, beside)
    renameSync(beside, kept)
  }

  #keepNames(path: string): void {
    const folder = shadowOf(this.#shadow, dirname(path))
    for (const name of readdirSync(folder)) {
      if (!name.endsWith('.unnamed')) continue
      const kept = join(folder, name)
      renameSync(kept, kept.slice(0, -'.unnamed'.length))
    }
  }
}

const NOTE = 'pending.json'

function isMinded(path: string): boolean {
  return ['sessions', 'memory'].includes(basename(dirname(path))) || basename(path) === NOTE
}

/** Where the durable files of a folder stand. */
function shadowOf(shadow: string, folder: string): string {
  return join(shadow, resolve(folder).replaceAll(/[^\w.-]/g, '!'))
}

/** The files of a folder that the disk minds. */
function mindedIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).filter((name) => isMinded(join(folder, name)))
}

/**
 * Takes from a folder of records, or from the one of the note, what no sync had promised. No process may be at work there. `luck`
 * 0 takes all that may be lost, 1 leaves some of it; it may differ from file to file, since a disk writes in any order it likes.
 */
export function cutPower(
  folder: string,
  shadow: string,
  random: Random,
  luck: (name: string) => number = () => 0.5,
): void {
  const shadowFolder = shadowOf(shadow, folder)
  const kept = existsSync(shadowFolder) ? readdirSync(shadowFolder).filter((name) => /\.jsonl?$/.test(name)) : []
  const names = new Set([...mindedIn(folder), ...kept])
  for (const name of names) {
    const path = join(folder, name)
    const durable = readIfThere(join(shadowFolder, name))
    const cached = readIfThere(path)
    const left = afterCut(durable, cached, random, luck(name))
    if (left === null) rmSync(path, { force: true })
    else writeFileSync(path, left)
  }
  rmSync(shadowFolder, { recursive: true, force: true })
  mkdirSync(shadowFolder, { recursive: true })
  for (const name of mindedIn(folder)) copyFileSync(join(folder, name), join(shadowFolder, name))
}

function afterCut(durable: Buffer | null, cached: Buffer | null, random: Random, luck: number): Buffer | null {
  const isLucky = random.chance(luck)
  if (cached === null) return isLucky ? null : durable
  if (durable === null && !isLucky) return null
  const base = durable ?? Buffer.alloc(0)
  // A file that was cut back and not synced since: either length may be found.
  if (!cached.subarray(0, base.length).equals(base)) return isLucky ? cached : base
  if (!isLucky) return base
  const tail = cached.subarray(base.length)
  const written = tail.subarray(0, random.int(0, tail.length))
  // Some file systems write the new length before the bytes: the rest is then zeros.
  const zeros = random.chance(0.3) ? Buffer.alloc(tail.length - written.length) : Buffer.alloc(0)
  return Buffer.concat([base, written, zeros])
}

function readIfThere(path: string): Buffer | null {
  return existsSync(path) ? readFileSync(path) : null
}
