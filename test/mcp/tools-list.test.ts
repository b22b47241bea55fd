import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Json, type Rutter, repository, tidyUp } from '../support/mcp-client.ts'
import { RawServer } from '../support/raw-server.ts'

const SESSION = [
  'session_initialize',
  'session_get_state',
  'session_get_stats',
  'session_update',
  'session_increment_completed',
  'session_record_turn',
  'session_record_failure',
  'session_list',
]
const STEERING = ['steering_heartbeat']
const TASK = ['task_mark_done', 'task_add', 'task_list']
const MEMORY = [
  'retrieve_context',
  'memory_surface',
  'save_session',
  'save_decision',
  'save_pattern',
  'store_session_with_learnings',
  'request_global_write_approval',
  'memory_review',
]

/** Characters of context that tools may cost an agent, together: names, descriptions and input schemas. */
const BUDGET = { run: 9000, all: 14_000 }

/** Where a schema has a list of types, or `{}`: legal, but clients that map schemas onto a smaller dialect drop the tool. */
function unportable(schema: Json, path: string): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const here = Array.isArray(schema.type) ? [`${path}: type is ${JSON.stringify(schema.type)}`] : []
  const { additionalProperties: rest } = schema
  if (typeof rest === 'object' && Object.keys(rest).length === 0) here.push(`${path}: additionalProperties is {}`)
  return [...here, ...Object.entries(schema).flatMap(([key, value]) => unportable(value, `${path}.${key}`))]
}

describe('the list of tools', () => {
  let rutter: Rutter
  let tools: Json[]

  beforeAll(async () => {
    rutter = await connect(repository())
    tools = [...(await rutter.tools()).values()]
  })
  afterAll(tidyUp)

  it('has every tool of the contract, under its name', () => {
    expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining([...SESSION, ...STEERING, ...TASK, ...MEMORY]))
  })

  it('gives each tool a title, a description under 60 words and both schemas', () => {
    for (const tool of tools) {
      expect(tool.title, tool.name).toMatch(/\S/)
      expect(tool.description, tool.name).toMatch(/\S/)
      expect(tool.description.split(/\s+/).length, tool.name).toBeLessThan(60)
      expect(tool.inputSchema.type, tool.name).toBe('object')
      expect(tool.outputSchema.type, tool.name).toBe('object')
    }
  })

  it('says in each input schema that nothing beside it is taken', () => {
    for (const tool of tools) expect(tool.inputSchema.additionalProperties, tool.name).toBe(false)
  })

  it('keeps its schemas to what every client understands: one type a value, and nothing that allows just anything', () => {
    const odd = tools.flatMap(({ name, inputSchema, outputSchema }) => [
      ...unportable(inputSchema, `${name} input`),
      ...unportable(outputSchema, `${name} output`),
    ])
    expect(odd).toEqual([])
  })

  it('says of each tool whether it reads, repeats, destroys and leaves the machine', () => {
    for (const { name, annotations } of tools) {
      expect(Object.keys(annotations).sort(), name).toEqual([
        'destructiveHint',
        'idempotentHint',
        'openWorldHint',
        'readOnlyHint',
        'title',
      ])
      expect(annotations.openWorldHint, name).toBe(false)
    }
    const reading = tools.filter(({ annotations }) => annotations.readOnlyHint).map(({ name }) => name)
    expect(reading).toEqual(
      expect.arrayContaining(['session_get_state', 'session_get_stats', 'session_list', 'task_list']),
    )
    for (const name of ['session_initialize', 'session_update', 'session_increment_completed', 'steering_heartbeat'])
      expect(reading).not.toContain(name)
  })

  it('costs an agent little context: the tools of a run, and all together', () => {
    const costOf = (some: Json[]) =>
      some.reduce((sum, t) => sum + t.name.length + t.description.length + JSON.stringify(t.inputSchema).length, 0)
    const run = tools.filter(({ name }) => !MEMORY.includes(name))
    expect(costOf(run)).toBeLessThan(BUDGET.run)
    expect(costOf(tools)).toBeLessThan(BUDGET.all)
  })

  it('is the same each time it is asked', async () => {
    expect((await rutter.client.listTools()).tools).toEqual(tools)
  })

  it('refuses a tool that does not exist, naming those that do', async () => {
    const call = rutter.client.callTool({ name: 'session_initialise', arguments: {} })
    await expect(call).rejects.toThrow(/session_initialise.*session_initialize/)
  })

  it('has no pattern that only some regular expressions know, and no word that models refuse', () => {
    const text = JSON.stringify(tools)
    expect(text).not.toContain('\\\\p{')
    expect(text).not.toContain('propertyNames')
  })

  it('shows every field of an answer at the top of its schema, and the refusal beside them', () => {
    for (const { name, outputSchema } of tools) {
      expect(outputSchema.anyOf, name).toBeUndefined()
      expect(Object.keys(outputSchema.properties).length, name).toBeGreaterThan(1)
      expect(outputSchema.properties.error.properties.code.enum, name).toContain('session_locked')
    }
  })

  it('says the whole ritual in the 240 characters that every client shows', () => {
    const text = (rutter.client.getInstructions() ?? '').slice(0, 240)
    const calls = ['session_initialize', 'retrieve_context', 'session_update', 'save_decision']
    for (const name of [...calls, 'store_session_with_learnings', '"stopped"']) expect(text).toContain(name)
  })

  it('comes with instructions that name the calls of a run in their order', () => {
    const text = rutter.client.getInstructions() ?? ''
    const order = ['session_initialize', 'session_update', 'session_increment_completed', 'steering_heartbeat']
    const at = order.map((name) => text.indexOf(name))
    expect(at).not.toContain(-1)
    expect(at).toEqual([...at].sort((a, b) => a - b))
  })
})

describe('toolsets', () => {
  afterAll(tidyUp)

  it.each([
    ['session', SESSION],
    ['task', TASK],
    ['steering', STEERING],
    ['memory', MEMORY],
    [' task , steering ', [...STEERING, ...TASK]],
    ['task,task', TASK],
  ])('named as "%s" give exactly their tools', async (named, expected) => {
    const rutter = await connect(repository(), { args: ['--toolsets', named] })
    expect([...(await rutter.tools()).keys()].sort()).toEqual([...expected].sort())
  })

  it('leave a tool out for calls too', async () => {
    const rutter = await connect(repository(), { args: ['--toolsets', 'task'] })
    const call = rutter.client.callTool({ name: 'session_initialize', arguments: { session_type: 'manual' } })
    await expect(call).rejects.toThrow(/no tool "session_initialize"/)
  })
})

describe('a command line', () => {
  afterAll(tidyUp)

  it.each([
    [['--toolsets', 'sessions'], /"sessions" is not known[\s\S]*session, task, steering, memory/],
    [['--toolsets', ''], /none was named/],
    [['--toolsets', ' , '], /none was named/],
    [['--toolsets', 'session,bogus,task'], /"bogus" is not known/],
    [['--toolsets'], /--toolsets/],
    [['--bogus'], /--bogus/],
    [['surplus'], /surplus/],
    [['--slot', ''], /slot/],
    [['--slot', 'a b'], /slot/],
    [['--slot', '../../etc'], /slot/],
  ])('that is wrong, such as %j, ends the server with exit code 2 and a word on stderr', async (args, complaint) => {
    const server = new RawServer(repository(), args)
    // One that starts in spite of it ends here, with 0.
    server.child.stdin.end()
    expect(await server.ending()).toMatchObject({ code: 2, signal: null })
    expect(server.stderr).toMatch(complaint)
    expect(server.stderr).not.toMatch(/\bat .*\.ts:\d+/)
    expect(server.lines).toEqual([])
  })
})
