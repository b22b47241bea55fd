/** The client that every bench over stdio uses, and the fair way to call with it. */
import { mkdirSync } from 'node:fs'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'

export interface Connected {
  readonly client: Client
  /** Calls a tool and gives its answer; throws what the tool refused. */
  call(name: string, given: Record<string, unknown>): Promise<Record<string, unknown>>
}

/** Starts a server under this very Node and connects to it. Its tools are listed, so the client checks every answer. */
export async function connect(command: readonly string[], cwd: string): Promise<Connected> {
  mkdirSync(cwd, { recursive: true })
  const client = new Client({ name: 'bench', version: '1.0.0' })
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [...command], cwd, stderr: 'inherit' }),
  )
  await client.listTools()
  return {
    client,
    async call(name, given) {
      const result = await client.callTool({ name, arguments: given })
      const answer = result.structuredContent as Record<string, unknown> | undefined
      if (result.isError || answer === undefined) throw new Error(`${name} failed: ${JSON.stringify(result.content)}`)
      return answer
    },
  }
}
