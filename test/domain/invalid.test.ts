import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { operations } from '../../src/app/operations/index.ts'
import { explain } from '../../src/domain/invalid.ts'

function explained(schema: z.ZodType, input: unknown): string {
  const parsed = schema.safeParse(input)
  if (parsed.success) throw new Error(`${JSON.stringify(input)} was to be refused.`)
  return explain(parsed.error, input)
}

function ofTool(name: string, input: unknown): string {
  const operation = operations.find((o) => o.name === name)
  if (operation === undefined) throw new Error(`There is no ${name}.`)
  return explained(operation.input, input)
}

const long = 'x'.repeat(201)

describe('what a tool says of arguments that it cannot take', () => {
  test.each<[string, unknown, string[]]>([
    ['session_initialize', {}, ['session_type', '"autonomous" | "manual"', 'it was not given']],
    ['session_initialize', { session_type: 'auto' }, ['session_type', '"autonomous" | "manual"', '"auto"']],
    ['session_initialize', { session_type: null }, ['session_type', '"autonomous" | "manual"', 'null']],
    ['session_initialize', { session_type: 'manual', slot: '' }, ['slot', 'at least 1 characters', '""']],
    ['session_initialize', { session_type: 'manual', slot: '../x' }, ['slot', 'letters, digits', '"../x"']],
    ['session_initialize', { session_type: 'manual', slot: long }, ['slot', 'at most 200 characters', '201']],
    ['session_initialize', { session_type: 'manual', metadata: [] }, ['metadata', 'a record', '[]']],
    ['session_initialize', { session_type: 'manual', metadata: { a: 1 } }, ['metadata.a', 'a string', '1']],
    [
      'session_initialize',
      { session_type: 'manual', metadata: { a: { b: 'c' } } },
      ['metadata.a', 'a string', '{"b":"c"}'],
    ],
    ['session_update', { tasks_failed: -1 }, ['tasks_failed', 'at least 0', '-1']],
    ['session_update', { tasks_failed: 1.5 }, ['tasks_failed', 'a whole number', '1.5']],
    ['session_update', { tasks_failed: '1' }, ['tasks_failed', 'a number', '"1"']],
    ['session_update', { tasks_failed: 1e300 }, ['tasks_failed', 'at most', '1e+300']],
    [
      'session_update',
      { status: 'done', foo: 1 },
      ['status', '"running" | "paused" | "stopped"', '"done"', '"foo"', 'not known'],
    ],
    ['session_update', { a: 1, b: 2 }, ['"a", "b"', 'are not known']],
    ['session_update', { current_task_id: 5 }, ['current_task_id', 'a string', '5']],
    ['session_record_failure', { outcome: 'failed' }, ['error', 'an object', 'it was not given']],
    [
      'session_record_failure',
      { outcome: 'failed', error: { message: '' } },
      ['error.message', 'at least 1 characters', '""'],
    ],
    ['session_record_failure', { outcome: 'failed', error: { message: 'x', why: 1 } }, ['"why"', 'not known in error']],
    ['session_record_turn', { input_tokens: 1, cost_usd: -0.1 }, ['cost_usd', 'at least 0', '-0.1']],
    ['session_record_turn', { input_tokens: 1, cost_usd: 1e7 }, ['cost_usd', 'at most 1000000', '10000000']],
    ['session_record_turn', { started_at: 'yesterday' }, ['started_at', 'an ISO 8601 time', '"yesterday"']],
    ['session_record_turn', {}, ['one of the token counts', 'started_at and ended_at']],
    [
      'session_record_turn',
      { started_at: '2026-11-21T22:00:00Z', ended_at: '2026-11-21T21:00:00Z' },
      ['ended_at', 'must not be before started_at', '"2026-11-21T21:00:00Z"'],
    ],
    [
      'session_record_turn',
      { output_tokens: 1, reasoning_tokens: 2 },
      ['reasoning_tokens', 'must not exceed output_tokens', '2'],
    ],
    ['session_list', { limit: 101 }, ['limit', 'at most 100', '101']],
    ['session_list', { limit: 0 }, ['limit', 'at least 1', '0']],
    ['steering_heartbeat', {}, ['session_id', 'status', 'it was not given']],
    ['task_add', { tasks: [] }, ['tasks', 'at least 1 entries', '0']],
    ['task_add', { tasks: [{ task_id: 't' }] }, ['tasks.0.title', 'a string', 'it was not given']],
    [
      'task_add',
      { tasks: Array.from({ length: 501 }, () => ({ task_id: 't', title: 't' })) },
      ['tasks', 'at most 500 entries', '501'],
    ],
    ['task_list', { status: ['todo'] }, ['status', '"todo" | "in_progress" | "done"', '["todo"]']],
    ['task_list', [], ['the arguments', 'an object', '[]']],
    ['task_list', 'todo', ['the arguments', 'an object', '"todo"']],
  ])('%s %j', (tool, input, parts) => {
    const message = ofTool(tool, input)
    for (const part of parts) expect(message).toContain(part)
  })

  test('session_initialize says what a key of metadata may be, not only that one is wrong', () => {
    const message = ofTool('session_initialize', { session_type: 'manual', metadata: { [long]: 'x' } })
    expect(message).toContain('metadata')
    expect(message).toContain('200')
  })
})

test('names every field that is wrong, not only the first', () => {
  const message = ofTool('session_update', { tasks_failed: -1, tasks_skipped: -2, status: 'x' })
  for (const field of ['tasks_failed', 'tasks_skipped', 'status']) expect(message).toContain(field)
})

test('shortens what was given when it is long, and says how long it was', () => {
  const message = ofTool('session_update', { tasks_failed: 'y'.repeat(10_000) })
  expect(message.length).toBeLessThan(300)
  expect(message).toContain('10002 characters')
})

test('never fails and never leaves the field out, whatever a caller sends to whatever tool', () => {
  const anything = fc.anything({ withBigInt: false, withNullPrototype: true, maxDepth: 2 })
  const fields = operations.flatMap((o) => (o.input instanceof z.ZodObject ? Object.keys(o.input.shape) : []))
  const input = fc.oneof(anything, fc.dictionary(fc.constantFrom(...fields), anything, { maxKeys: 4 }))
  fc.assert(
    fc.property(fc.constantFrom(...operations), input, (operation, given) => {
      const parsed = operation.input.safeParse(given)
      if (parsed.success) return
      const message = explain(parsed.error, given)
      expect(message).not.toBe('')
      for (const issue of parsed.error.issues) {
        if (issue.path.length > 0 && issue.code !== 'unrecognized_keys')
          expect(message).toContain(issue.path.map(String).join('.'))
      }
    }),
    { numRuns: 500 },
  )
})
