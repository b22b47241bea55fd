/** From spawning the program to its answer to `tools/list`: what an agent waits for when it starts. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Bench, compare, takeTurns } from './harness.ts'
import { bundle, ship } from './shipped.ts'

const ROUNDS = 60
const WARM_UP = 3

const AIM = { kind: 'at most', ratio: 1.3 } as const

/** Does for the floor what Rutter's launcher does for Rutter: keeps the compiled code. */
const CACHING_LAUNCHER = `import module from 'node:module'
module.enableCompileCache()
await import('./smallest-server.mjs')
module.flushCompileCache()
`

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'bench', version: '1.0.0' } },
}
const INITIALIZED = { jsonrpc: '2.0', method: 'notifications/initialized' }
const LIST = { jsonrpc: '2.0', id: 2, method: 'tools/list' }

export const bench: Bench = {
  name: 'cold-start',
  title: 'from spawn to an answered tools/list',
  async run(folder, say) {
    say('building')
    const rutter = ship(folder)
    const smallest = await bundle('smallest-server.ts', folder)
    const caching = join(folder, 'caching-launcher.mjs')
    writeFileSync(caching, CACHING_LAUNCHER)
    const project = join(folder, 'project')
    mkdirSync(project)
    // The compile cache of a launcher goes to the temporary folder: an own one begins empty and leaves nothing behind.
    const start = (...command: string[]) => coldStart(command, project, { ...process.env, TMPDIR: folder })

    const contenders = {
      bundle: async () => [await start(rutter.bundle, 'mcp')],
      launcher: async () => [await start(rutter.launcher, 'mcp')],
      smallest: async () => [await start(smallest)],
      smallestCached: async () => [await start(caching)],
    }
    say('warming up')
    await takeTurns(WARM_UP, contenders)
    say('measuring')
    const taken = await takeTurns(ROUNDS, contenders)
    const floor = ['the smallest server of the SDK, bundled the same way', taken.smallest] as const
    const launched = ['bin/rutter.js mcp, with the compile cache that it keeps', taken.launcher] as const
    return {
      comparisons: [
        compare('ms', ['dist/rutter.js mcp', taken.bundle], floor, AIM),
        compare('ms', launched, floor, AIM),
        compare('ms', launched, ['the smallest server, with a compile cache as well', taken.smallestCached]),
      ],
    }
  },
}

/** Starts a server by hand, so that no client's own work is counted. Milliseconds. */
async function coldStart(command: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<number> {
  const before = performance.now()
  const child = spawn(process.execPath, command, { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] })
  const send = (...messages: object[]) =>
    child.stdin.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(''))
  send(INITIALIZE)
  let took: number | null = null
  for await (const line of createInterface({ input: child.stdout })) {
    const answer = JSON.parse(line) as { id?: number; result?: { tools?: unknown[] } }
    if (answer.result === undefined) throw new Error(`${command.join(' ')} answered ${line}`)
    if (answer.id === INITIALIZE.id) send(INITIALIZED, LIST)
    if (answer.id === LIST.id) {
      took = performance.now() - before
      break
    }
  }
  await end(child)
  if (took === null) throw new Error(`${command.join(' ')} ended before it listed its tools.`)
  return took
}

/** A server ends when its input does. */
async function end(child: ChildProcess): Promise<void> {
  const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve()
  child.stdin?.end()
  await exited
}
