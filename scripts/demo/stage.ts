/** What the demonstration plays on: a scratch repository, real MCP clients, the real command line. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'rutter.js')
const scratch = mkdtempSync(join(tmpdir(), 'rutter-demo-'))
export const project = join(scratch, 'harbour')

/** The show has a place of its own: neither where this user's Rutter looks, nor what it has saved for all projects, is part of it. */
function environment(): Record<string, string> {
  const { RUTTER_ROOT: _root, RUTTER_SLOT: _slot, ...env } = process.env as Record<string, string>
  return { ...env, XDG_DATA_HOME: join(scratch, 'data') }
}

export type Answer = Record<string, unknown> & { error?: { code: string; message: string } }
export type Agent = { call(tool: string, input?: Record<string, unknown>): Promise<Answer>; close(): Promise<void> }

/** An MCP client with a server process of its own, as any coding agent has. */
export async function connectAgent(name: string): Promise<Agent> {
  const client = new Client({ name, version: '1' })
  const server = {
    command: process.execPath,
    args: [launcher, 'mcp'],
    cwd: project,
    env: environment(),
    stderr: 'inherit' as const,
  }
  await client.connect(new StdioClientTransport(server))
  return {
    async call(tool, input = {}) {
      const { structuredContent } = await client.callTool({ name: tool, arguments: input })
      return structuredContent as Answer
    },
    close: () => client.close(),
  }
}

/** Runs the real command line in the scratch repository; ends the demo where that fails. */
export function rutter(...args: string[]): string {
  const colour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined ? { FORCE_COLOR: '1' } : {}
  const run = spawnSync(process.execPath, [launcher, ...args], {
    cwd: project,
    encoding: 'utf8',
    env: { ...environment(), ...colour },
  })
  if (run.status !== 0) throw new Error(`rutter ${args.join(' ')} ended with ${run.status}: ${run.stderr}`)
  return run.stdout.trimEnd()
}

export function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' })
}

export function title(text: string): void {
  console.log(`\n${styleText('bold', text)}`)
}

export function say(who: 'agent' | 'second' | 'operator', text: string): void {
  const colours = { agent: 'green', second: 'yellow', operator: 'cyan' } as const
  console.log(`${styleText(colours[who], who.padEnd(9))} ${text}`)
}

export function oneLine(text: string): string {
  return text.replaceAll('\n', ' ')
}
