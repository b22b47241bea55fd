import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import {
  type CallToolResult,
  Client,
  type ClientOptions,
  type JsonSchemaType,
  type JsonSchemaValidator,
  type Tool,
} from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/client/validators/ajv'
import { expect } from 'vitest'
import type { RecordedEvent } from '../../src/domain/event.ts'
import { LAUNCHER } from './launcher.ts'

/** An answer's JSON, as loosely as a client sees it. */
// biome-ignore lint/suspicious/noExplicitAny: a test names the fields that it looks at, and fails where they are not.
export type Json = any

export interface ConnectOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly name?: string
  /** Default is the `initialize` handshake that today's clients open with. */
  readonly negotiation?: ClientOptions['versionNegotiation']
}

const leftovers = new Set<() => Promise<void> | void>()

/** Ends every server and removes every folder that tests opened here; for `afterEach` or `afterAll`. */
export async function tidyUp(): Promise<void> {
  for (const tidy of [...leftovers].reverse()) await tidy()
  leftovers.clear()
}

export function whenTidying(tidy: () => Promise<void> | void): void {
  leftovers.add(tidy)
}

/** A fresh git repository with nothing in it. */
export function repository(): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'rutter-mcp-')))
  whenTidying(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))
  execFileSync('git', ['init', '-q', '--template='], { cwd: root })
  return root
}

/** The environment of a server: nothing of the machine that runs the test but where its programs are. */
export function serverEnvironment(root: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env
  return { PATH, HOME: join(root, '.git'), NODE_COMPILE_CACHE, ...more }
}

/** Every client compiles the schemas of every tool, and they are the same from each server: a third of a second, once. */
class CompiledOnce extends AjvJsonSchemaValidator {
  readonly #compiled = new Map<string, JsonSchemaValidator<unknown>>()

  override getValidator<T>(schema: JsonSchemaType): JsonSchemaValidator<T> {
    const text = JSON.stringify(schema)
    const known = this.#compiled.get(text) ?? super.getValidator<unknown>(schema)
    this.#compiled.set(text, known)
    return known as JsonSchemaValidator<T>
  }
}

const validator = new CompiledOnce()

/** A client connected to a server of its own, which runs in `root`. */
export async function connect(root: string, options: ConnectOptions = {}): Promise<Rutter> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [LAUNCHER, 'mcp', ...(options.args ?? [])],
    cwd: root,
    env: serverEnvironment(root, options.env),
    stderr: 'pipe',
  })
  const client = new Client(
    { name: options.name ?? 'test-client', version: '1.0.0' },
    {
      jsonSchemaValidator: validator,
      ...(options.negotiation === undefined ? {} : { versionNegotiation: options.negotiation }),
    },
  )
  const rutter = new Rutter(root, client, transport)
  whenTidying(() => rutter.close())
  await client.connect(transport)
  return rutter
}

/** One client with its server. Every answer that passes through it is checked against what every answer promises. */
export class Rutter {
  readonly root: string
  readonly client: Client
  readonly #transport: StdioClientTransport
  #tools: Promise<Map<string, Tool>> | undefined
  stderr = ''

  constructor(root: string, client: Client, transport: StdioClientTransport) {
    this.root = root
    this.client = client
    this.#transport = transport
    transport.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk
    })
  }

  get pid(): number {
    const { pid } = this.#transport
    if (pid === null) throw new Error('The server does not run.')
    return pid
  }

  /** Asked for once, however many calls begin at the same moment. */
  tools(): Promise<Map<string, Tool>> {
    this.#tools ??= this.client.listTools().then(({ tools }) => new Map(tools.map((tool) => [tool.name, tool])))
    return this.#tools
  }

  /** Calls a tool and checks the form of the answer: two equal copies of a JSON object that its schema describes. */
  async call(name: string, args: Record<string, unknown> = {}): Promise<CallToolResult> {
    const tool = (await this.tools()).get(name)
    const result = await this.client.callTool({ name, arguments: args })
    expect(result.content).toHaveLength(1)
    const [block] = result.content
    expect(block?.type).toBe('text')
    expect(JSON.parse(block?.type === 'text' ? block.text : '')).toEqual(result.structuredContent)
    if (tool?.outputSchema === undefined) throw new Error(`${name} publishes no output schema.`)
    const verdict = validator.getValidator(tool.outputSchema as JsonSchemaType)(result.structuredContent)
    expect(verdict.errorMessage, `${name} answered ${JSON.stringify(result.structuredContent)}`).toBeUndefined()
    return result
  }

  /** The answer to a call that must succeed. */
  async ok(name: string, args: Record<string, unknown> = {}): Promise<Json> {
    const result = await this.call(name, args)
    expect(result.isError, JSON.stringify(result.structuredContent)).toBeUndefined()
    expect(result.structuredContent).not.toHaveProperty('error')
    return result.structuredContent
  }

  /** The error in the answer to a call that must be refused. */
  async refused(name: string, args: Record<string, unknown> = {}): Promise<Json> {
    const result = await this.call(name, args)
    expect(result.isError, JSON.stringify(result.structuredContent)).toBe(true)
    expect(Object.keys(result.structuredContent ?? {})).toEqual(['error'])
    const { error } = result.structuredContent as Json
    expect(typeof error.message).toBe('string')
    expect(typeof error.hint).toBe('string')
    expect(JSON.stringify(error)).not.toMatch(/\.[jt]s:\d+|node:internal|\\n\s+at /)
    return error
  }

  async start(args: Record<string, unknown> = {}): Promise<Json> {
    return await this.ok('session_initialize', { session_type: 'autonomous', ...args })
  }

  /** Ends the server the hard way and waits until it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { pid } = this
    process.kill(pid, signal)
    await isGone(pid)
  }

  async close(): Promise<void> {
    const { pid } = this.#transport
    await this.client.close()
    if (pid !== null) await isGone(pid)
  }
}

/** Waits until no process has this id, up to `ms`. */
async function isGone(pid: number, ms = 10_000): Promise<void> {
  const until = Date.now() + ms
  while (isThere(pid)) {
    if (Date.now() > until) throw new Error(`Process ${pid} still runs after ${ms} ms.`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** A record's lines as they stand in the file. */
export function recordText(root: string, sessionId: string): string {
  return readFileSync(join(root, '.bot', 'workspace', 'sessions', `${sessionId}.jsonl`), 'utf8')
}

/** A record's events. Throws where a line is not JSON, so that a torn record fails the test that reads it. */
export function recorded(root: string, sessionId: string): RecordedEvent<string, Json>[] {
  const text = recordText(root, sessionId)
  expect(text.endsWith('\n')).toBe(true)
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RecordedEvent<string, Json>)
}

export function typesRecorded(root: string, sessionId: string): string[] {
  return recorded(root, sessionId).map(({ type }) => type)
}

/** Every file that git would see, with its bytes: two of these are equal when nothing was recorded between. */
export function everyByte(root: string): Record<string, string> {
  const files: Record<string, string> = {}
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = relative(root, path)
    // The store may follow the record after the answer has left, and says nothing that the record does not.
    if (!entry.isFile() || name.startsWith('.git/') || name.startsWith(join('.bot', '.control'))) continue
    files[name] = readFileSync(path, 'latin1')
  }
  return files
}

export function sessionFiles(root: string): string[] {
  return readdirSync(join(root, '.bot', 'workspace', 'sessions')).sort()
}
