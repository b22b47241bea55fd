import { spawn } from 'node:child_process'

export interface Errand {
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

/**
 * Starts this very program once more, as a process that outlives this one and has nothing to do with its input, its output or the terminal's
 * signals. `over` is called, if this process still lives then, with what it ended with: its exit status, `null` where it was killed, or
 * why it could not be started. Gives what ends it.
 */
export function startOnItsOwn(
  { args, cwd, env }: Errand,
  over: (how: number | null | Error) => void = () => {},
): () => void {
  const [, program = ''] = process.argv
  // What a debugger is told holds for one process.
  const flags = process.execArgv.filter((flag) => !flag.startsWith('--inspect'))
  const argv = [...flags, program, ...args]
  const child = spawn(process.execPath, argv, { cwd, env, stdio: 'ignore', detached: true, windowsHide: true })
  child.once('error', over)
  child.once('exit', (status) => over(status))
  child.unref()
  return () => void child.kill('SIGKILL')
}
