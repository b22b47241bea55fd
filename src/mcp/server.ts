import {
  type CallToolResult,
  CLIENT_INFO_META_KEY,
  ProtocolError,
  ProtocolErrorCode,
  type RequestMetaEnvelope,
  Server,
} from '@modelcontextprotocol/server'
import type { Context } from '../app/context.ts'
import { perform, type Toolset } from '../app/operation.ts'
import { catalog } from './catalog.ts'
import { instructionsFor } from './instructions.ts'
import { refusalResult, resultOf } from './tools.ts'

export interface McpServerOptions {
  readonly toolsets: readonly Toolset[]
  readonly version: string
  /** Gives the connection's context; called with the first call, so that a start costs nothing that is not needed. */
  readonly context: (clientName: string) => Promise<Context>
}

/** What only a call needs is loaded by the first one: an agent that connects waits for the list of tools and for nothing else. */
const load = {
  operations: () => import('../app/operations/index.ts'),
  resources: () => import('./resources.ts'),
  prompts: () => import('./prompts.ts'),
}

/** The MCP face: tools, resources, prompts and their errors, derived from the operations. */
export function mcpServer(options: McpServerOptions): Server {
  const tools = catalog.filter(({ toolset }) => options.toolsets.includes(toolset)).map(({ tool }) => tool)
  const names = new Set(tools.map(({ name }) => name))
  const server = new Server(
    { name: 'rutter', title: 'Rutter', version: options.version },
    { capabilities: { tools: {}, resources: {}, prompts: {} }, instructions: instructionsFor(options.toolsets) },
  )
  let opened: Promise<Context> | undefined
  let loaded: ReturnType<typeof load.operations> | undefined
  const context = (envelope: RequestMetaEnvelope | undefined) => {
    opened ??= options.context(clientName(server, envelope)).catch((error: unknown) => {
      // A book that could not be opened now may be opened by the next call: the disk has room again, say.
      opened = undefined
      throw error
    })
    return opened
  }

  server.setRequestHandler('tools/list', () => ({ tools }))

  server.setRequestHandler('tools/call', async ({ params }, { mcpReq }): Promise<CallToolResult> => {
    // Kept, since every call would pay for asking for the module anew.
    loaded ??= load.operations()
    const { operations } = await loaded
    const operation = operations.find(({ name }) => name === params.name && names.has(name))
    if (operation === undefined) {
      const known = [...names].join(', ')
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

  server.setRequestHandler('resources/list', async () => (await load.resources()).listResources())
  server.setRequestHandler('resources/templates/list', async () => (await load.resources()).listResourceTemplates())
  server.setRequestHandler('resources/read', async ({ params }, { mcpReq }) => {
    const { readResource } = await load.resources()
    return await readResource(await context(mcpReq.envelope), params.uri)
  })

  server.setRequestHandler('prompts/list', async () => (await load.prompts()).listPrompts())
  server.setRequestHandler('prompts/get', async ({ params }, { mcpReq }) => {
    const { getPrompt } = await load.prompts()
    return await getPrompt(params.name, params.arguments, () => context(mcpReq.envelope))
  })
  return server
}

/** Who calls: clients since 2026-07-28 say so with each request, older ones once, when they connect. */
function clientName(server: Server, envelope: RequestMetaEnvelope | undefined): string {
  const said = envelope as Record<string, { name?: string } | undefined> | undefined
  return said?.[CLIENT_INFO_META_KEY]?.name ?? server.getClientVersion()?.name ?? 'unknown'
}
