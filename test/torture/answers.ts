import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** What one thing that a call was to save came to, as the answer had it. */
export interface SavedItem {
  readonly kind: 'summary' | 'decision' | 'pattern'
  /** `project`, `focus:<name>` or `global`. */
  readonly room: string
  /** The text by which it is compared. */
  readonly text: string
  /** Stands in the event, if this call recorded one. */
  readonly mark: string
  readonly status: string
  readonly artifact_id: string | null
  readonly outcome: string | null
}

/** What saving calls are told beside that they were answered. */
export interface SavingAnswer {
  readonly items?: readonly SavedItem[]
  readonly idempotency_key?: string
  readonly token?: string
}

/**
 * What a worker was told, written before it makes its next call. A mark names the one event that the call must have left in the
 * record; see `marksOf` and `marksOfMemory` for how each is spelt.
 */
export type Answer = Heard | (Heard & { readonly refused: string })

interface Heard extends SavingAnswer {
  readonly by: string
  readonly call: string
  readonly marks: readonly string[]
}

/** A worker's own file of answers. One write a line, at the end of the file: a kill leaves whole lines or one half line. */
export class AnswerFile {
  readonly #fd: number

  constructor(path: string) {
    this.#fd = openSync(path, 'a')
  }

  add(answer: Answer): void {
    writeSync(this.#fd, `${JSON.stringify(answer)}\n`)
  }
}

/** Every answer that was given; a half line at the end of a file is a call whose answer never arrived. */
export function readAnswers(folder: string): Answer[] {
  return readdirSync(folder).flatMap((name) => {
    const lines = readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as Answer)
  })
}
