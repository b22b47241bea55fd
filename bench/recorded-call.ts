/** A recorded call over stdio, against the least that an MCP tool can do which has its line on disk before it answers. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Connected, connect } from './client.ts'
import type { FloorAnswer } from './floor-server.ts'
import { type Bench, compare, takeTurns, times } from './harness.ts'
import { bundle, ship } from './shipped.ts'

const WARM_UP = 1500
const ROUNDS = 30
/** Calls of one contender in one round. */
const CALLS = 100

/** Between two calls of an agent that thinks, however little: long enough to finish what is done behind an answer. */
const THINKING_MS = 3
/** Calls of one contender in one round, with thinking before each. */
const THOUGHTFUL_CALLS = 25

const AIM = { kind: 'at most', ratio: 1.5 } as const

export const bench: Bench = {
  name: 'recorded-call',
  title: 'session_update over stdio, on disk before the answer',
  async run(folder, say) {
    say('building')
    const { bundle: rutter } = ship(folder)
    const floorServer = await bundle('floor-server.ts', folder)
    const ours = await connect([rutter, 'mcp'], join(folder, 'book'))
    const young = await connect([rutter, 'mcp'], join(folder, 'young-book'))
    const floorAt = async (name: string, answer: FloorAnswer) => {
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(answer))
      return await connect([floorServer, join(folder, `${name}.jsonl`), join(folder, `${name}.json`)], folder)
    }
    const clients: Connected[] = [ours, young]
    try {
      let n = 0
      const task = () => ({ current_task_id: `task-${++n}` })
      const update = () => ours.call('session_update', task())
      const report = () => ours.call('session_update', { tasks_failed: ++n, consecutive_failures: n % 3 })
      // No task of this session is ever processed, so its answer stays as short as a session's first.
      const first = () => young.call('session_update', task())
      for (const one of [ours, young]) await one.call('session_initialize', { session_type: 'autonomous' })
      say('warming up')
      await times(WARM_UP, update)
      // A failure reported while a task is current is listed with it: from here on answers are as long as they ever get.
      await times(WARM_UP, report)

      const floor = await floorAt('floor', SMALL)
      clients.push(floor)
      const large = await answerLike(ours)
      const sameSize = await floorAt('same-size', large)
      clients.push(sameSize)
      const small = await answerLike(young)
      const youngSize = await floorAt('young-size', small)
      clients.push(youngSize)
      const contenders = {
        task: update,
        counters: report,
        first,
        floor: () => floor.call('append', task()),
        sameSize: () => sameSize.call('append', task()),
        youngSize: () => youngSize.call('append', task()),
      }
      for (const contender of ['first', 'floor', 'sameSize', 'youngSize'] as const) {
        await times(WARM_UP, contenders[contender])
      }
      say('measuring')
      const taken = await takeTurns(ROUNDS, {
        task: () => times(CALLS, contenders.task),
        counters: () => times(CALLS, contenders.counters),
        first: () => times(CALLS, contenders.first),
        floor: () => times(CALLS, contenders.floor),
        sameSize: () => times(CALLS, contenders.sameSize),
        youngSize: () => times(CALLS, contenders.youngSize),
        taskThinking: () => times(THOUGHTFUL_CALLS, contenders.task, THINKING_MS),
        floorThinking: () => times(THOUGHTFUL_CALLS, contenders.floor, THINKING_MS),
      })

      const least = ['a tool that syncs 300 bytes and answers a small object', taken.floor] as const
      const first_ = [
        'session_update { current_task_id } of a session that has processed no task',
        taken.first,
      ] as const
      const task_ = ['session_update { current_task_id }', taken.task] as const
      return {
        comparisons: [
          compare('ms', task_, least, AIM),
          compare('ms', ['session_update { tasks_failed, consecutive_failures }', taken.counters], least, AIM),
          compare('ms', first_, least, AIM),
          compare('ms', task_, ['the same floor with an answer as large as session_update gives', taken.sameSize]),
          compare('ms', first_, ['the same floor with an answer as large as that', taken.youngSize]),
          compare(
            'ms',
            [`session_update { current_task_id }, ${THINKING_MS} ms after the answer before it`, taken.taskThinking],
            [`the floor, ${THINKING_MS} ms after the answer before it`, taken.floorThinking],
          ),
        ],
        notes: [
          `an answer of session_update has ${lengthOf(large)} characters, of a session without a processed task ${lengthOf(small)}; it is sent twice`,
        ],
      }
    } finally {
      for (const { client } of clients) await client.close()
    }
  },
}

const SMALL: FloorAnswer = {
  answer: { ok: true, bytes: 300 },
  inputSchema: { type: 'object', properties: { current_task_id: { type: 'string' } } },
  outputSchema: {
    type: 'object',
    properties: { ok: { type: 'boolean' }, bytes: { type: 'integer' } },
    required: ['ok', 'bytes'],
    additionalProperties: false,
  },
}

function lengthOf({ answer }: FloorAnswer): number {
  return JSON.stringify(answer).length
}

/** What Rutter lists for session_update, and answers to it by now. */
async function answerLike(rutter: Connected): Promise<FloorAnswer> {
  const { tools } = await rutter.client.listTools()
  const tool = tools.find(({ name }) => name === 'session_update')
  if (tool?.outputSchema === undefined) throw new Error('session_update is not listed with an outputSchema.')
  const answer = await rutter.call('session_update', { current_task_id: 'one-more' })
  return { answer, inputSchema: tool.inputSchema, outputSchema: tool.outputSchema }
}
