/** `primary-key-server.mjs DATABASE ROWS`: the floor of a search. A tool that reads one row of many by its primary key. */
import { DatabaseSync } from 'node:sqlite'
import { Server, type Tool } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'

const [path = '', rows = ''] = process.argv.slice(2)
const db = new DatabaseSync(path)
db.exec('PRAGMA journal_mode = WAL; CREATE TABLE artifacts (id INTEGER PRIMARY KEY, text TEXT NOT NULL); BEGIN')
const insert = db.prepare('INSERT INTO artifacts (id, text) VALUES (?, ?)')
for (let id = 0; id < Number(rows); id++) insert.run(id, `decision ${id} `.repeat(12))
db.exec('COMMIT')
const select = db.prepare('SELECT id, text FROM artifacts WHERE id = ?')

const tool: Tool = {
  name: 'read',
  description: 'Reads a row.',
  inputSchema: { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] },
  outputSchema: { type: 'object', properties: { id: { type: 'integer' }, text: { type: 'string' } } },
}

serveStdio(() => {
  const server = new Server({ name: 'floor', version: '1.0.0' }, { capabilities: { tools: {} } })
  server.setRequestHandler('tools/list', () => ({ tools: [tool] }))
  server.setRequestHandler('tools/call', ({ params }) => {
    const row = { ...select.get(Number(params.arguments?.['id'])) }
    return { content: [{ type: 'text', text: JSON.stringify(row) }], structuredContent: row }
  })
  return server
})
