import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RemoteNote, remoteNoteSchema } from '../../domain/remote.ts'
import type { Disk } from '../../log/disk.ts'
import type { BookLayout } from '../../log/layout.ts'
import { asUnavailable } from '../../log/unavailable.ts'
import type { Processes } from '../../ports/processes.ts'
import type { RemoteNotes, Turn } from '../../ports/remote-notes.ts'
import { isBusy } from './busy.ts'

/** Between two looks whether the turn is free. */
const LOOK_MS = 50

export interface RemoteNotesParts {
  readonly disk: Disk
  readonly layout: BookLayout
  readonly processes: Processes
}

/** The notes in the clone's own folder for live state, which git ignores. */
export class FileRemoteNotes implements RemoteNotes {
  readonly #parts: RemoteNotesParts

  constructor(parts: RemoteNotesParts) {
    this.#parts = parts
  }

  /** Torn, of another version or changed by hand: whatever cannot be understood is written anew by the next attempt. */
  read(): RemoteNote | null {
    try {
      return remoteNoteSchema.parse(JSON.parse(readFileSync(this.#parts.layout.remote, 'utf8')))
    } catch {
      return null
    }
  }

  write(note: RemoteNote): void {
    this.#parts.disk.replace(this.#parts.layout.remote, `${JSON.stringify(note)}\n`)
  }

  isRunning({ running }: RemoteNote): boolean {
    return running !== null && this.#parts.processes.liveness(running.by) === 'alive'
  }

  /** The lock of an empty database: the system gives it back when its holder dies, which no file with a name in it can promise. */
  async turn(patienceMs: number): Promise<Turn | null> {
    const { disk, layout } = this.#parts
    try {
      disk.makeFolder(layout.control)
      return await locked(layout.remoteTurn, patienceMs)
    } catch (error) {
      throw asUnavailable(error, layout)
    }
  }
}

async function locked(path: string, patienceMs: number): Promise<Turn | null> {
  const deadline = performance.now() + patienceMs
  const database = new DatabaseSync(path, { timeout: 0 })
  for (;;) {
    try {
      database.exec('BEGIN EXCLUSIVE')
      return { end: () => database.close() }
    } catch (error) {
      const isTaken = isBusy(error)
      if (isTaken && performance.now() < deadline) {
        await sleep(LOOK_MS)
        continue
      }
      database.close()
      if (isTaken) return null
      throw error
    }
  }
}
