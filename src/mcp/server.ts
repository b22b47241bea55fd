import {
  type CallToolResult,
  CLIENT_INFO_META_KEY,
  ProtocolError,
  ProtocolErrorCode,
  type RequestMetaEnvelope,
  Server,
} from '@modelcontextprotocol/server'
import type { Context } from '../app/context.ts'
import { type Operation, perform } from '../app/operation.ts'
import { instructionsFor } from './instructions.ts'
import { getPrompt, listPrompts } from './prompts.ts'
import { listResources, listResourceTemplates, readResource } from './resources.ts'
import { refusalResult, resultOf, toolOf } from './tools.ts'

export interface McpServerOptions {
  readonly operations: readonly Operation[]
  readonly version: string
  /** Gives the connection's context; called with the first call, so that a start costs nothing that is not needed. */
  readonly context: (clientName: string) => Promise<Context>
}

/** The MCP face: tools, resources, prompts and their errors, derived from the operations. */
export function mcpServer(options: McpServerOptions): Server {
  const byName = new Map(options.operations.map((operation) => [operation.name, operation]))
  const server = new Server(
    { name: 'rutter', title: 'Rutter', version: options.version },
    { capabilities: { tools: {}, resources: {}, prompts: {} }, instructions: instructionsFor(options.operations) },
  )
  let opened: Promise<Context> | undefined
  const context = (envelope: RequestMetaEnvelope | undefined) => {
    opened ??= options.context(clientName(server, envelope)).catch((error: unknown) => {
      // A book that could not be opened now may be opened by the next call: the disk has room again, say.
      opened = undefined
      throw error
    })
    return opened
  }

  let tools: ReturnType<typeof toolOf>[] | undefined
  server.setRequestHandler('tools/list', () => {
    tools ??= options.operations.map(toolOf)
    return { tools }
  })

  server.setRequestHandler('tools/call', async ({ params }, { mcpReq }): Promise<CallToolResult> => {
    const operation = byName.get(params.name)
    if (operation === undefined) {
      const known = [...byName.keys()].join(', ')
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `There is no tool "${params.name}". There are: ${known}.`,
      )
    }
    try {
      return resultOf(await perform(operation, await context(mcpReq.envelope), params.arguments))
    } catch (error) {
      return refusalResult(error)
    }
  })

  server.setRequestHandler('resources/list', listResources)
  server.setRequestHandler('resources/templates/list', listResourceTemplates)
  server.setRequestHandler('resources/read', async ({ params }, { mcpReq }) =>
    readResource(await context(mcpReq.envelope), params.uri),
  )

  server.setRequestHandler('prompts/list', listPrompts)
  server.setRequestHandler('prompts/get', async ({ params }, { mcpReq }) =>
    getPrompt(params.name, params.arguments, () => context(mcpReq.envelope)),
  )
  return server
}

/** Who calls: clients since 2026-07-28 say so with each request, older ones once, when they connect. */
function clientName(server: Server, envelope: RequestMetaEnvelope | undefined): string {
  const said = envelope as Record<string, { name?: string } | undefined> | undefined
  return said?.[CLIENT_INFO_META_KEY]?.name ?? server.getClientVersion()?.name ?? 'unknown'
}
