import type { RemoteNote } from '../domain/remote.ts'

/** Where a clone notes how it stands to its team's database, for all processes that work in it. */
export interface RemoteNotes {
  /** `null` where there is none, or none that this version understands. */
  read(): RemoteNote | null
  write(note: RemoteNote): void
  /** Whether somebody is at it now who can be seen to live. */
  isRunning(note: RemoteNote): boolean
  /**
   * The turn to bring the books together, which one process has at a time, and which ends with it however it ends. `null` where
   * somebody else has had it for longer than `patienceMs`.
   */
  turn(patienceMs: number): Promise<Turn | null>
}

export interface Turn {
  end(): void
}
