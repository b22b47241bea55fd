import { emitKeypressEvents, type Key } from 'node:readline'

/** Columns of the terminal that standard output is; `null` where it is none, and lines may be as long as they like. */
export function terminalWidth(): number | null {
  return process.stdout.isTTY ? process.stdout.columns || 80 : null
}

/** True where somebody sits who can be asked. */
export function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true
}

const PRINTABLE = /^\P{C}$/u

/** Keys as they are pressed, without waiting for the end of a line. */
export interface Keys {
  /**
   * The next key: its letter, or its name where it is none. A key that was pressed before this was called is none: it was meant
   * for another question. `null` on Ctrl-C, Ctrl-D and the end of the input.
   */
  next(): Promise<string | null>
  close(): void
}

/** Reads keys from the terminal until it is closed, which the terminal must be, or it stays deaf to its owner's line editing. */
export function terminalKeys(stdin: NodeJS.ReadStream = process.stdin): Keys {
  let waiting: ((key: string | null) => void) | null = null
  let isOver = false
  const give = (key: string | null) => {
    const answer = waiting
    waiting = null
    answer?.(key)
  }
  const end = () => {
    isOver = true
    give(null)
  }
  // An arrow key sends letters behind an escape character: taken one by one, cursor left would be a "D".
  const onKey = (text: string | undefined, key: Key) => {
    if (key.ctrl && (key.name === 'c' || key.name === 'd')) end()
    else if (key.ctrl || key.meta) return
    else give(text !== undefined && PRINTABLE.test(text) ? text : (key.name ?? ''))
  }
  emitKeypressEvents(stdin)
  stdin.setRawMode(true)
  stdin.on('keypress', onKey).on('end', end).resume()
  return {
    next: () =>
      isOver
        ? Promise.resolve(null)
        : new Promise((resolve) => {
            waiting = resolve
          }),
    close() {
      stdin.off('keypress', onKey).off('end', end)
      stdin.setRawMode(false)
      stdin.pause()
    },
  }
}
