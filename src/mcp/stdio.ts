import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { type Context, slotName } from '../app/context.ts'
import { keepLeases } from '../app/lease-keeper.ts'
import { toolsetsNamed } from '../app/toolsets.ts'
import type { Actor } from '../domain/event.ts'
import { mcpServer } from './server.ts'

export interface StdioOptions {
  readonly slot: string
  /** The session as which a wrapper runs this agent, where one does. */
  readonly runsAs: string | null
  readonly toolsets: string | undefined
  readonly version: string
  readonly open: () => Promise<{ connect(actor: Actor, slot: string, runsAs: string | null): Context }>
}

/**
 * Serves MCP over this process's stdin and stdout until the client closes its end. The session that it holds stays an orphan
 * then, for whoever continues it: a client that reconnects is no end of a run.
 */
export function serveMcp(options: StdioOptions): void {
  const toolsets = toolsetsNamed(options.toolsets)
  const slot = slotName(options.slot)
  const complain = (error: unknown) =>
    process.stderr.write(`rutter mcp: ${error instanceof Error ? error.message : error}\n`)
  const context = async (clientName: string) => {
    const opened = (await options.open()).connect({ kind: 'agent', name: clientName }, slot, options.runsAs)
    keepLeases(opened.ledger, opened.settings.lease_seconds, complain)
    return opened
  }
  const handle = serveStdio(() => mcpServer({ toolsets, version: options.version, context }), { onerror: complain })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.once(signal, () => {
      void handle.close().finally(() => process.exit(0))
    })
  }
}
