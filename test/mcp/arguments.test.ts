import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, everyByte, type Json, type Rutter, repository, tidyUp } from '../support/mcp-client.ts'

const MEGABYTE = 'x'.repeat(1024 * 1024)

/** Arguments that each tool takes, but for the session's id. */
const EXAMPLES: Record<string, Record<string, Json>> = {
  session_initialize: { session_type: 'manual', metadata: { branch: 'main' } },
  session_get_state: {},
  session_get_stats: {},
  session_update: { current_task_id: 't-1' },
  session_increment_completed: {},
  session_record_turn: { input_tokens: 1 },
  session_record_failure: { outcome: 'failed', error: { message: 'boom' } },
  session_list: {},
  steering_heartbeat: { session_id: 'x', status: 'working' },
  task_mark_done: { task_id: 't-1' },
  task_add: { tasks: [{ task_id: 't-1', title: 'One' }] },
  task_list: {},
}

describe('arguments that no tool takes', () => {
  let rutter: Rutter
  let tools: Json[]
  let before: Record<string, string>

  beforeAll(async () => {
    rutter = await connect(repository(), { args: ['--toolsets', 'session,task,steering'] })
    tools = [...(await rutter.tools()).values()]
    const { session_id } = await rutter.start()
    Object.assign(EXAMPLES['steering_heartbeat'] ?? {}, { session_id })
    await rutter.ok('session_update', { current_task_id: 't-1' })
    before = everyByte(rutter.root)
  })
  afterAll(tidyUp)

  const example = (name: string) => {
    const args = EXAMPLES[name]
    if (args === undefined) throw new Error(`Add arguments for ${name} to EXAMPLES.`)
    return args
  }

  async function refusal(name: string, args: Record<string, unknown>): Promise<Json> {
    const error = await rutter.refused(name, args)
    expect(error.code, `${name} ${error.message}`).toBe('invalid_argument')
    return error
  }

  it('are refused by name when they are unknown, with those that are known, and change nothing', async () => {
    for (const { name, inputSchema } of tools) {
      const error = await refusal(name, { ...example(name), tasks_complete: 1, SESSION_TYPE: 'manual' })
      expect(error.message).toContain('"tasks_complete", "SESSION_TYPE" are not known')
      for (const known of Object.keys(inputSchema.properties)) expect(error.hint).toContain(known)
    }
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('are refused by name inside of objects too', async () => {
    const failure = { outcome: 'failed', error: { message: 'boom', stack: 'at x' } }
    expect((await refusal('session_record_failure', failure)).message).toContain('"stack" is not known in error')
    const tasks = [{ task_id: 'a', title: 'A', priority: 1 }]
    expect((await refusal('task_add', { tasks })).message).toContain('"priority" is not known in tasks.0')
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('are refused when a required one is missing, and the message names it', async () => {
    for (const { name, inputSchema } of tools) {
      for (const field of inputSchema.required ?? []) {
        const { [field]: _left, ...rest } = example(name)
        expect((await refusal(name, rest)).message).toMatch(new RegExp(`${field} must be .*; it was not given`))
      }
    }
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('are refused when their type is wrong, and the message says what was given', async () => {
    for (const { name, inputSchema } of tools) {
      for (const field of Object.keys(inputSchema.properties)) {
        const isRequired = inputSchema.required?.includes(field) ?? false
        for (const wrong of [...(isRequired ? [null] : []), true, { a: 1 }, [[]]]) {
          const { message } = await refusal(name, { ...example(name), [field]: wrong })
          expect(message, `${name} ${JSON.stringify(wrong)}`).toContain(field)
          expect(message, `${name} ${JSON.stringify(wrong)}`).toMatch(/given was|must be|must have/)
        }
      }
    }
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('may be null where they may be left out, and then are', async () => {
    const own = await connect(repository())
    const { session_id } = await own.start({ slot: null, workflow: null, metadata: null })
    expect(session_id).toBeTypeOf('string')
    const state = await own.ok('session_update', {
      session_id: null,
      current_task_id: 't-1',
      auth_method: null,
      status: null,
    })
    expect(state).toMatchObject({ session_id, current_task_id: 't-1', status: 'running' })
  })

  it.each([-1, 1.5, '3', 2 ** 53, 1e308])('are refused when a count is %j', async (wrong) => {
    for (const field of ['tasks_failed', 'tasks_skipped', 'consecutive_failures']) {
      expect((await refusal('session_update', { [field]: wrong })).message).toContain(field)
    }
    for (const field of ['input_tokens', 'output_tokens', 'cache_read_tokens', 'reasoning_tokens']) {
      expect((await refusal('session_record_turn', { [field]: wrong })).message).toContain(field)
    }
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('are refused when a word is none of those allowed, and the message lists them', async () => {
    const cases: [string, Record<string, unknown>, string][] = [
      ['session_initialize', { session_type: 'auto' }, '"autonomous" | "manual"; given was "auto"'],
      ['session_update', { status: 'done' }, '"running" | "paused" | "stopped"; given was "done"'],
      ['session_update', { status: 'interrupted' }, 'given was "interrupted"'],
      ['session_update', { auth_method: 'oauth' }, '"claude_pro" | "api_key"; given was "oauth"'],
      ['session_record_failure', { outcome: 'lost', error: { message: 'x' } }, '"failed" | "skipped"'],
      ['task_list', { status: 'open' }, '"todo" | "in_progress" | "done"'],
    ]
    for (const [name, args, expected] of cases) expect((await refusal(name, args)).message).toContain(expected)
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('are refused by size when a text has a megabyte, naming the limit, in a short answer', async () => {
    for (const { name, inputSchema } of tools) {
      for (const [field, shape] of Object.entries<Json>(inputSchema.properties)) {
        if (shape.type !== 'string') continue
        const { message, hint } = await refusal(name, { ...example(name), [field]: MEGABYTE })
        const limited = shape.enum === undefined && shape.format === undefined
        expect(message, `${name} ${field}`).toMatch(
          limited ? new RegExp(`${field} may have at most \\d+ characters; given were 1048576`) : field,
        )
        expect(`${message} ${hint}`.length, `${name} ${field}`).toBeLessThan(1000)
      }
    }
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('are refused by size inside of objects, lists and keys too', async () => {
    const cases: [string, Record<string, unknown>][] = [
      ['session_initialize', { session_type: 'manual', slot: 'other', metadata: { text: MEGABYTE } }],
      ['session_initialize', { session_type: 'manual', slot: 'other', metadata: { [MEGABYTE]: 'text' } }],
      ['session_record_failure', { outcome: 'failed', error: { message: MEGABYTE } }],
      ['session_record_failure', { outcome: 'failed', error: { message: 'x', detail: MEGABYTE } }],
      ['task_add', { tasks: [{ task_id: 'a', title: MEGABYTE }] }],
      ['task_add', { tasks: Array.from({ length: 501 }, (_, i) => ({ task_id: `t-${i}`, title: 'x' })) }],
    ]
    for (const [name, args] of cases) {
      const { message } = await refusal(name, args)
      expect(message).toMatch(/at most \d+ (characters|entries)|Invalid key/)
      expect(message.length).toBeLessThan(1000)
    }
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('are refused with a short answer when thousands of them are unknown', async () => {
    const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`field_${i}`, 1]))
    const { message } = await refusal('session_update', many)
    expect(message.length).toBeLessThan(4000)
  })

  it('are refused when a name of an argument has a megabyte, in a short answer', async () => {
    const { message } = await refusal('session_update', { [MEGABYTE]: 1 })
    expect(message.length).toBeLessThan(4000)
  })

  it('are refused when a prototype is what they name', async () => {
    const error = await refusal('session_update', JSON.parse('{"__proto__": {"status": "stopped"}, "constructor": 1}'))
    expect(error.message).toContain('not known')
    expect(everyByte(rutter.root)).toEqual(before)
  })
})

describe('arguments that are hostile but allowed', () => {
  let rutter: Rutter

  beforeAll(async () => {
    rutter = await connect(repository())
    await rutter.start()
  })
  afterAll(tidyUp)

  it.each([
    'new\nline',
    '\u0000nul\u001b[31mred',
    '"quoted" \\ back',
    '{"error":{"code":"internal"}}',
    '🧭 Übung — 日本語',
    '\u2028separator\u2029',
    '__proto__',
    "'; DROP TABLE sessions; --",
  ])('such as the task id %j come back as they were given', async (task_id) => {
    const state = await rutter.ok('session_update', { current_task_id: task_id })
    expect(state.current_task_id).toBe(task_id)
    expect(await rutter.ok('task_mark_done', { task_id })).toMatchObject({ task_id, new_status: 'done' })
    expect((await rutter.ok('task_list')).tasks.map((task: Json) => task.task_id)).toContain(task_id)
  })

  it('keep half a surrogate pair from breaking the record', async () => {
    await rutter.call('session_update', { current_task_id: 'half \ud83e' })
    expect((await rutter.ok('session_get_state')).current_task_id).toMatch(/^half /)
    expect((await rutter.ok('session_list')).sessions).toHaveLength(1)
  })
})
