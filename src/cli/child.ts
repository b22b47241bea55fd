import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { StringDecoder } from 'node:string_decoder'
import { isatty } from 'node:tty'
import { clean } from './text.ts'

/** Lines of a command's output that are kept in case it fails, and how much of each. */
const TAIL_LINES = 20
const TAIL_COLUMNS = 500

/** How long output may still come after a command has ended: a process that it left behind may hold the pipe for good. */
const LAST_OUTPUT_MS = 500

/** How long a command that was told to end may take. */
const GRACE_MS = 5000

const PASSED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

export interface ChildEnd {
  /** `null` when a signal ended it. */
  readonly exit_code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output_tail: readonly string[]
  /** Why it could not be started, where that was so. */
  readonly problem: string | null
}

/**
 * Runs a command with this process's input, its output passed on as it comes. Signals that this process gets go to the command,
 * which decides what to do with them.
 */
export async function runChild(
  argv: readonly string[],
  options: { env: NodeJS.ProcessEnv; stdout: NodeJS.WritableStream; stop: AbortSignal },
): Promise<ChildEnd> {
  const [file = '', ...args] = argv
  const child = spawn(file, args, { stdio: ['inherit', 'pipe', 'pipe'], env: options.env })
  const tail = new Tail()
  passOn(child.stdout, options.stdout, tail)
  passOn(child.stderr, process.stderr, tail)
  const stopPassing = passSignals(child)
  const stopEnding = endOn(options.stop, child)
  try {
    return await ended(child, file, tail)
  } finally {
    stopPassing()
    stopEnding()
  }
}

/** Asks a command to end when it is told to, and sees to it when it does not. */
function endOn(stop: AbortSignal, child: ChildProcess): () => void {
  let last: NodeJS.Timeout | undefined
  const end = () => {
    child.kill('SIGTERM')
    last = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
  }
  stop.addEventListener('abort', end, { once: true })
  return () => {
    stop.removeEventListener('abort', end)
    clearTimeout(last)
  }
}

function ended(child: ChildProcess, file: string, tail: Tail): Promise<ChildEnd> {
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return
      const [exitCode, why] =
        error.code === 'ENOENT' ? [127, 'command not found'] : [126, 'command could not be started']
      resolve({ exit_code: exitCode, signal: null, output_tail: [], problem: `${why}: ${file} (${error.code})` })
    })
    child.once('exit', (code, signal) => {
      const finish = () => resolve({ exit_code: code, signal, output_tail: tail.lines(), problem: null })
      const patience = setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
        finish()
      }, LAST_OUTPUT_MS)
      child.once('close', () => {
        clearTimeout(patience)
        finish()
      })
    })
  })
}

/** The status with which a shell would end after a command ended so. */
export function exitStatus({ exit_code, signal }: Pick<ChildEnd, 'exit_code' | 'signal'>): number {
  return exit_code ?? 128 + (signal === null ? 0 : constants.signals[signal])
}

function passOn(from: NodeJS.ReadableStream | null, to: NodeJS.WritableStream, tail: Tail): void {
  const decoder = new StringDecoder('utf8')
  from?.on('data', (chunk: Buffer) => tail.take(decoder.write(chunk)))
  // `end: false`: this process's own streams outlive the command.
  from?.pipe(to, { end: false })
}

function passSignals(child: ChildProcess): () => void {
  const listeners = PASSED_SIGNALS.map((name) => {
    const listener = () => {
      // What is typed at a terminal reaches the whole group by itself; twice would be taken for impatience.
      const typed = (name === 'SIGINT' || name === 'SIGQUIT') && isatty(0)
      if (!typed) child.kill(name)
    }
    process.on(name, listener)
    return { name, listener }
  })
  return () => {
    for (const { name, listener } of listeners) process.removeListener(name, listener)
  }
}

/** The last lines of what was written, of both streams in the order in which they came. */
class Tail {
  #lines: string[] = []
  #open = ''

  take(text: string): void {
    const [first = '', ...rest] = text.split(/\r?\n/)
    this.#open = (this.#open + first).slice(-TAIL_COLUMNS * 4)
    for (const line of rest) {
      this.#keep(this.#open)
      this.#open = line
    }
  }

  lines(): string[] {
    if (this.#open !== '') this.#keep(this.#open)
    this.#open = ''
    return this.#lines
  }

  #keep(line: string): void {
    // A progress bar draws itself over and over after a carriage return: only its last state is news.
    const whole = line.trimEnd()
    const shown = clean(whole.slice(whole.lastIndexOf('\r') + 1)).trimEnd()
    if (shown === '') return
    this.#lines.push(shown.slice(0, TAIL_COLUMNS))
    if (this.#lines.length > TAIL_LINES) this.#lines.shift()
  }
}
