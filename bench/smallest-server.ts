/** The smallest server that can be made of the SDK: one tool that does nothing. What a cold start is measured against. */
import { Server } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'

serveStdio(() => {
  const server = new Server({ name: 'smallest', version: '1.0.0' }, { capabilities: { tools: {} } })
  const tool = { name: 'nothing', description: 'Does nothing.', inputSchema: { type: 'object' as const } }
  server.setRequestHandler('tools/list', () => ({ tools: [tool] }))
  server.setRequestHandler('tools/call', () => ({ content: [] }))
  return server
})
