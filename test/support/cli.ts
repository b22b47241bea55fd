import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { onTestFinished } from 'vitest'
import { nodeDisk } from '../../src/log/disk.ts'
import { ensureBook } from '../../src/log/init.ts'
import { bookLayout } from '../../src/log/layout.ts'
import { LAUNCHER } from './launcher.ts'

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  /** Standard output as one JSON value. */
  readonly json: () => unknown
}

export interface RunOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

/** What a user's shell hands on, without what would make the outcome depend on this machine. */
function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env }
  const varying = ['RUTTER_ROOT', 'RUTTER_SLOT', 'RUTTER_SESSION_ID', 'NO_COLOR', 'FORCE_COLOR', 'GIT_DIR']
  for (const name of varying) delete env[name]
  return { ...env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', ...more }
}

/** Starts the program as a process of its own; killed with the test where it still runs. */
export function start(args: readonly string[], { cwd, env }: RunOptions): ChildProcess {
  const child = spawn(process.execPath, [LAUNCHER, ...args], { cwd, env: environment(env), stdio: 'pipe' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

/** What a process wrote and how it ended. */
export function outcome(child: ChildProcess): Promise<Ran & { signal: NodeJS.Signals | null }> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) =>
      resolve({ status, signal, stdout, stderr, json: () => JSON.parse(stdout) as unknown }),
    )
  })
}

/** Runs one command line to its end. */
export async function rutter(args: readonly string[], options: RunOptions): Promise<Ran> {
  const child = start(args, options)
  child.stdin?.end(options.input ?? '')
  return await outcome(child)
}

/** Waits until a process has written something. */
export async function written(child: ChildProcess, text: string, from: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
  let seen = ''
  await new Promise<void>((resolve, reject) => {
    child[from]?.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
      if (seen.includes(text)) resolve()
    })
    child.once('close', () => reject(new Error(`ended before it wrote "${text}"; it wrote "${seen}"`)))
  })
}

export function git(cwd: string, ...args: string[]): string {
  const who = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'core.autocrlf=false']
  return execFileSync('git', [...who, ...args], { cwd, encoding: 'utf8', env: environment() })
}

/** A folder of its own, gone with the test; its path holds spaces and letters that are not Latin. */
export function scratchFolder(name = 'лоция 航海 日誌'): string {
  const parent = realpathSync(mkdtempSync(join(tmpdir(), 'rutter-cli-')))
  onTestFinished(() => rmSync(parent, { recursive: true, force: true, maxRetries: 5 }))
  const folder = join(parent, name)
  mkdirSync(folder)
  return folder
}

/** A git repository with one commit. */
export function scratchRepository(name?: string): string {
  const folder = scratchFolder(name)
  git(folder, 'init', '--quiet', '--initial-branch', 'main')
  git(folder, 'commit', '--quiet', '--allow-empty', '-m', 'Begin')
  return folder
}

/** A repository with a book in it, as `rutter init --project atlas` leaves it. */
export function scratchBook(name?: string, project = 'atlas'): string {
  const folder = scratchRepository(name)
  ensureBook(nodeDisk, bookLayout(join(folder, '.bot')), project)
  return folder
}

export interface CliAgent {
  readonly session_id: string
  readonly pid: number
  call(tool: string, input?: Record<string, unknown>): Promise<Record<string, unknown>>
  /** Ends its server, as a client that quits does. */
  close(): Promise<void>
}

/** An agent that has begun a session: an MCP client with a server process of its own. */
export async function startAgent(
  cwd: string,
  input: Record<string, unknown> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<CliAgent> {
  const client = new Client({ name: 'test-agent', version: '1' })
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [LAUNCHER, 'mcp'],
    cwd,
    env: { ...env },
    stderr: 'ignore',
  })
  await client.connect(transport)
  onTestFinished(() => client.close())
  const call = async (tool: string, given: Record<string, unknown> = {}) =>
    (await client.callTool({ name: tool, arguments: given })).structuredContent as Record<string, unknown>
  const { session_id } = await call('session_initialize', { session_type: 'autonomous', ...input })
  return { session_id: String(session_id), pid: transport.pid ?? 0, call, close: () => client.close() }
}
