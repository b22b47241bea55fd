import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** A small file system of its own, to be filled up. */
export interface SmallDisk {
  readonly root: string
  /** Writes until nothing more fits but about `leaving` bytes. */
  fill(leaving?: number): void
  makeRoom(): void
  unmount(): void
}

/** Mounts a tmpfs; gives the reason where that cannot be done (no root, no mount, a container that forbids it). */
export function mountSmallDisk(folder: string, megabytes: number): SmallDisk | string {
  if (process.platform !== 'linux') return `no tmpfs on ${process.platform}`
  if (process.getuid?.() !== 0) return 'mounting a tmpfs needs root'
  mkdirSync(folder, { recursive: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], { stdio: 'pipe' })
  } catch (error) {
    return `mount failed: ${(error as Error).message.trim()}`
  }
  const ballast = join(folder, 'ballast')
  return {
    root: join(folder, 'book'),
    fill(leaving = 0) {
      const block = Buffer.alloc(4096)
      const file = openSync(ballast, 'a')
      try {
        // A write that no longer fits throws; that is the sign to stop.
        for (;;) writeSync(file, block)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      } finally {
        closeSync(file)
      }
      if (leaving > 0) execFileSync('truncate', ['-s', `-${leaving}`, ballast])
    },
    makeRoom() {
      rmSync(ballast, { force: true })
    },
    unmount() {
      if (existsSync(folder)) execFileSync('umount', ['-l', folder], { stdio: 'pipe' })
    },
  }
}
