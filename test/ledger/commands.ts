import fc from 'fast-check'
import { operations } from '../../src/app/operations/index.ts'
import { Refusal } from '../../src/domain/refusal.ts'
import type { Ledger } from '../../src/ports/ledger.ts'
import { seededRandom, type TestClock, testContext } from '../support/book.ts'

/** One call of one of several connections, and the time that passes after it. */
export interface AppCommand {
  readonly connection: number
  readonly name: string
  readonly input: Record<string, unknown>
  readonly then_ms: number
}

const taskId = fc.constantFrom('t-1', 't-2', 't-3')
const inputs: Record<string, fc.Arbitrary<Record<string, unknown>>> = {
  session_initialize: fc.record(
    {
      session_type: fc.constantFrom('autonomous', 'manual'),
      slot: fc.constantFrom('default', 'review', 'other'),
      workflow: fc.string({ maxLength: 5 }),
    },
    { requiredKeys: ['session_type'] },
  ),
  session_update: fc.record(
    {
      current_task_id: fc.constantFrom('', 't-1', 't-2'),
      status: fc.constantFrom('running', 'paused', 'running', 'paused', 'stopped'),
      tasks_failed: fc.nat(5),
      tasks_skipped: fc.nat(5),
      consecutive_failures: fc.nat(5),
    },
    { requiredKeys: [] },
  ),
  session_increment_completed: fc.constant({}),
  session_record_failure: fc.record({
    outcome: fc.constantFrom('failed', 'skipped'),
    error: fc.record({ message: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }) }),
  }),
  session_record_turn: fc.record(
    {
      input_tokens: fc.nat(1000),
      model: fc.constantFrom('big', 'small'),
      cost_usd: fc.double({ min: 0, max: 3, noNaN: true }),
      request_id: fc.constantFrom('r-1', 'r-2', 'r-3'),
    },
    { requiredKeys: ['input_tokens'] },
  ),
  task_add: fc.record({
    tasks: fc.array(fc.record({ task_id: taskId, title: fc.constant('x') }), { minLength: 1, maxLength: 3 }),
  }),
  task_mark_done: fc.record({ task_id: taskId }),
  steering_heartbeat: fc.record({ status: fc.constant('busy') }),
}

export const sessionCommand: fc.Arbitrary<AppCommand> = fc
  .constantFrom('session_initialize', ...Object.keys(inputs))
  .chain((name) =>
    fc.record({
      connection: fc.nat(3),
      name: fc.constant(name),
      input: inputs[name] ?? fc.constant({}),
      then_ms: fc.constantFrom(0, 1, 1000, 120_000, -5000),
    }),
  )

export const appCommands = fc.array(sessionCommand, { minLength: 1, maxLength: 40 })

/** Carries commands out over four connections, two for each ledger; what is refused is left out. */
export async function runCommands(
  commands: readonly AppCommand[],
  ledgers: readonly Ledger[],
  clock: TestClock,
): Promise<void> {
  const random = seededRandom()
  const contexts = [0, 1, 2, 3].map((i) => {
    const ledger = ledgers[i % ledgers.length]
    if (ledger === undefined) throw new Error('There is no ledger.')
    return testContext(ledger, clock, { slot: i < 2 ? 'default' : 'review', random })
  })
  for (const { connection, name, input, then_ms } of commands) {
    const context = contexts[connection]
    const operation = operations.find((o) => o.name === name)
    if (context === undefined || operation === undefined) throw new Error(`Nobody can call ${name}.`)
    const about = name === 'steering_heartbeat' ? { session_id: context.connection.session_id ?? 'nobody' } : {}
    try {
      await context.call(operation, { ...input, ...about })
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'internal' || error.code === 'store_unavailable') throw error
    }
    if (then_ms >= 0) clock.advance(then_ms)
    else clock.setWall(new Date(Date.parse(clock.now()) + then_ms).toISOString())
  }
}
