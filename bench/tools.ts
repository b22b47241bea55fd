/** What the list of tools costs an agent: characters of names, descriptions and input schemas. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from './client.ts'
import type { Bench } from './harness.ts'
import { ship } from './shipped.ts'

export const bench: Bench = {
  name: 'tools',
  title: 'characters that the tools take of an agent’s context',
  async run(folder) {
    const project = join(folder, 'project')
    mkdirSync(project)
    const { client } = await connect([ship(folder).bundle, 'mcp'], project)
    try {
      const { tools } = await client.listTools()
      const sizes = tools.map(({ name, description = '', inputSchema }) => ({
        name,
        characters: name.length + description.length + JSON.stringify(inputSchema).length,
      }))
      const total = sizes.reduce((sum, { characters }) => sum + characters, 0)
      const lines = [...sizes, { name: `all ${sizes.length}`, characters: total }]
      return {
        comparisons: [],
        notes: lines.map(({ name, characters }) => `${String(characters).padStart(6)}  ${name}`),
      }
    } finally {
      await client.close()
    }
  },
}
