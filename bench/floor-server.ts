/**
 * `floor-server.mjs RECORD ANSWER`: the floor of a recorded call. A tool that appends a line to the file RECORD, syncs it and
 * answers the JSON object in the file ANSWER; beside it, the schema that the answer satisfies.
 */
import { fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { Server, type Tool } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'

/** Bytes of a usual line of a record. */
const LINE = Buffer.alloc(300, 'x')

const [recordFile = '', answerFile = ''] = process.argv.slice(2)
const record = openSync(recordFile, 'a')
const { answer, inputSchema, outputSchema } = JSON.parse(readFileSync(answerFile, 'utf8')) as FloorAnswer
const tool: Tool = { name: 'append', description: 'Appends a line.', inputSchema, outputSchema }

/** What the floor answers, and how it lists its tool. */
export interface FloorAnswer {
  readonly answer: Record<string, unknown>
  readonly inputSchema: Tool['inputSchema']
  readonly outputSchema: NonNullable<Tool['outputSchema']>
}

serveStdio(() => {
  const server = new Server({ name: 'floor', version: '1.0.0' }, { capabilities: { tools: {} } })
  server.setRequestHandler('tools/list', () => ({ tools: [tool] }))
  server.setRequestHandler('tools/call', () => {
    writeSync(record, LINE)
    fdatasyncSync(record)
    return { content: [{ type: 'text', text: JSON.stringify(answer) }], structuredContent: answer }
  })
  return server
})
