import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { LAUNCHER } from './launcher.ts'
import { type Json, serverEnvironment, whenTidying } from './mcp-client.ts'

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly ms: number
}

/** A server without a client library in between: what is written to it is written as it stands, right or wrong. */
export class RawServer {
  readonly child: ChildProcessWithoutNullStreams
  /** Every line that came out of stdout. */
  readonly lines: string[] = []
  stderr = ''
  readonly #waiting = new Map<unknown, (message: Json) => void>()
  readonly #ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  #nextId = 1

  constructor(root: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [LAUNCHER, 'mcp', ...args], { cwd: root, env: serverEnvironment(root, env) })
    this.#ended = once(this.child, 'close').then(([code, signal]) => ({ code, signal }))
    // A server that died took its pipe with it; the test sees that by `ending`.
    this.child.stdin.on('error', () => {})
    this.child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk
    })
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.lines.push(line)
      const message = asJson(line)
      this.#waiting.get(message?.id)?.(message)
    })
    whenTidying(async () => {
      this.child.kill('SIGKILL')
      await this.#ended
    })
  }

  write(text: string): void {
    this.child.stdin.write(text)
  }

  /** Sends a request without waiting for its answer. */
  ask(method: string, params: Json = {}): { id: number; answer: Promise<Json> } {
    const id = this.#nextId++
    const answer = new Promise<Json>((resolve) => this.#waiting.set(id, resolve))
    this.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    return { id, answer }
  }

  async handshake(protocolVersion = '2025-11-25'): Promise<Json> {
    const clientInfo = { name: 'raw-client', version: '1.0.0' }
    const answer = await this.ask('initialize', { protocolVersion, capabilities: {}, clientInfo }).answer
    this.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`)
    return answer.result
  }

  async call(name: string, args: Json = {}): Promise<Json> {
    return (await this.ask('tools/call', { name, arguments: args }).answer).result
  }

  /** How the server ended, and how long after now. */
  async ending(): Promise<Ending> {
    const from = performance.now()
    const { code, signal } = await this.#ended
    return { code, signal, ms: performance.now() - from }
  }
}

function asJson(line: string): Json {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
