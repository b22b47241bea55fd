import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/**
 * What a worker was told, written before it makes its next call. A mark names the one event that the call must have left in the
 * record; see `marksOf` in the checker for how each is spelt.
 */
export type Answer =
  | { readonly by: string; readonly call: string; readonly marks: readonly string[] }
  | { readonly by: string; readonly call: string; readonly marks: readonly string[]; readonly refused: string }

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
