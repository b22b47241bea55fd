import { watch } from 'node:fs'

/**
 * Calls `stir` when the system says that something in a folder changed; gives what ends that. `null` where the folder cannot be watched:
 * it is not there, the system has no watches left (ENOSPC, EMFILE), or its file system knows of none.
 */
export function watchFolder(folder: string, stir: () => void): (() => void) | null {
  try {
    // Whoever waits has a timer that keeps the process.
    const watcher = watch(folder, { persistent: false }, stir)
    watcher.on('error', () => watcher.close())
    return () => watcher.close()
  } catch {
    return null
  }
}
