import type { Tool } from '@modelcontextprotocol/server'
import type { Toolset } from '../app/operation.ts'
import { operations } from '../app/operations/index.ts'
import { toolOf } from './tools.ts'

/**
 * Every tool as it is listed. In the bundle this module is what it comes to: a client that connects and lists the tools does not
 * wait for the schemas to be built that the first call needs.
 */
export const catalog: readonly { readonly toolset: Toolset; readonly tool: Tool }[] = operations.map((operation) => ({
  toolset: operation.toolset,
  tool: toolOf(operation),
}))
