import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, everyByte, type Json, type Rutter, repository, tidyUp } from '../support/mcp-client.ts'

let rutter: Rutter | undefined
let session: string

/** One server serves all tests; each has a session of its own. */
beforeEach(async () => {
  rutter ??= await connect(repository())
  session = (await rutter.start()).session_id
  return async () => {
    await rutter?.ok('session_update', { status: 'stopped', session_id: session })
  }
})
afterAll(tidyUp)

const turn = (args: Json) => (rutter as Rutter).ok('session_record_turn', args)
const stats = () => (rutter as Rutter).ok('session_get_stats')

async function refused(args: Json, expected: string | RegExp): Promise<void> {
  const before = everyByte((rutter as Rutter).root)
  const error = await (rutter as Rutter).refused('session_record_turn', args)
  expect(error.code).toBe('invalid_argument')
  expect(error.message).toMatch(expected)
  expect(everyByte((rutter as Rutter).root)).toEqual(before)
}

describe('a turn', () => {
  it('counts once for each request_id, also when the figures differ the second time', async () => {
    expect(await turn({ request_id: 'r-1', input_tokens: 10, cost_usd: 0.5 })).toMatchObject({
      counted: true,
      turns: 1,
    })
    const again = await turn({ request_id: 'r-1', input_tokens: 99, cost_usd: 9 })
    expect(again).toMatchObject({ counted: false, turns: 1, tokens: { input: 10 }, cost_usd: 0.5 })
    expect(await turn({ request_id: 'r-2', input_tokens: 1 })).toMatchObject({ counted: true, turns: 2 })
  })

  it('counts once when one request_id comes from many calls at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => turn({ request_id: 'same', input_tokens: 1 })))
    expect(answers.filter(({ counted }) => counted)).toHaveLength(1)
    expect((await stats()).turns).toBe(1)
  })

  it('has a cost that is estimated from list prices and marked so, where none is given and the model is known', async () => {
    const answer = await turn({
      provider: 'anthropic',
      model: 'claude-sonnet-4-5',
      input_tokens: 1_000_000,
      output_tokens: 0,
    })
    expect(answer.turn.cost_is_estimated).toBe(true)
    expect(answer.turn.cost_usd).toBeGreaterThan(0.1)
    expect(await stats()).toMatchObject({ cost_is_estimated: true, cost_usd: answer.turn.cost_usd })
  })

  it('keeps the cost that is given, which is no estimate, also when it is 0', async () => {
    const known = { provider: 'anthropic', model: 'claude-sonnet-4-5', input_tokens: 10 }
    expect((await turn({ ...known, cost_usd: 0 })).turn).toEqual({ cost_usd: 0, cost_is_estimated: false })
    expect((await turn({ ...known, cost_usd: 0.000123 })).turn).toEqual({
      cost_usd: 0.000123,
      cost_is_estimated: false,
    })
    expect(await stats()).toMatchObject({ cost_usd: 0.000123, cost_is_estimated: false })
  })

  it('adds money without drift', async () => {
    for (let i = 0; i < 10; i++) await turn({ input_tokens: 1, cost_usd: 0.1 })
    expect((await stats()).cost_usd).toBe(1)
  })

  it('may have a duration only, and then no tokens are known', async () => {
    const answer = await turn({ started_at: '2026-11-21T10:00:00Z', ended_at: '2026-11-21T10:00:05Z' })
    expect(answer).toMatchObject({ counted: true, turns: 1, tokens: null, cost_usd: null })
  })

  it('may begin and end in the same millisecond', async () => {
    const at = '2026-11-21T10:00:00.000Z'
    expect(await turn({ started_at: at, ended_at: at })).toMatchObject({ counted: true })
  })

  it('keeps the four kinds of tokens apart, and the total without reasoning, which is part of output', async () => {
    const tokens = { input_tokens: 1, output_tokens: 20, cache_read_tokens: 300, cache_write_tokens: 4000 }
    const answer = await turn({ ...tokens, reasoning_tokens: 7 })
    expect(answer.tokens).toEqual({
      input: 1,
      output: 20,
      cache_read: 300,
      cache_write: 4000,
      reasoning: 7,
      total: 4321,
    })
  })

  it('is told apart by provider and model in the figures', async () => {
    await turn({ provider: 'a', model: 'x', input_tokens: 1 })
    await turn({ provider: 'b', model: 'x', input_tokens: 2 })
    await turn({ provider: 'a', model: 'x', input_tokens: 4 })
    await turn({ input_tokens: 8 })
    const { by_model } = await stats()
    expect(by_model.map((m: Json) => [m.provider, m.model, m.turns, m.tokens.input])).toEqual([
      ['a', 'x', 2, 5],
      ['b', 'x', 1, 2],
      [null, null, 1, 8],
    ])
  })

  it('is refused without tokens and without a whole duration', async () => {
    const why = /needs one of the token counts, or both started_at and ended_at/
    await refused({}, why)
    await refused({ model: 'x', cost_usd: 1, stop_reason: 'end_turn' }, why)
    await refused({ started_at: '2026-11-21T10:00:00Z' }, why)
    await refused({ ended_at: '2026-11-21T10:00:00Z' }, why)
  })

  it('is refused when it ended before it started, whatever the offsets look like', async () => {
    const times = { started_at: '2026-11-21T10:00:00+02:00', ended_at: '2026-11-21T07:59:59.999Z' }
    await refused(times, /ended_at: must not be before started_at; given was "2026-11-21T07:59:59.999Z"/)
    await turn({ ...times, ended_at: '2026-11-21T08:00:00Z' })
  })

  it('is refused when more was reasoned than put out', async () => {
    await refused({ output_tokens: 5, reasoning_tokens: 6 }, /reasoning_tokens: must not exceed output_tokens/)
    expect((await turn({ output_tokens: 5, reasoning_tokens: 5 })).tokens).toMatchObject({ output: 5, reasoning: 5 })
  })

  it('takes reasoning without output as output', async () => {
    expect((await turn({ reasoning_tokens: 6 })).tokens).toMatchObject({ output: 6, reasoning: 6, total: 6 })
  })

  it.each(['yesterday', '2026-11-21', '2026-02-30T10:00:00Z', '2026-11-21T25:00:00Z', '2026-11-21T10:00:00', ''])(
    'is refused with %j as a time',
    async (time) => {
      await refused({ started_at: time, ended_at: '2026-11-21T10:00:00Z' }, /started_at must be an ISO 8601 time/)
    },
  )

  it('is told of one wrong time as one mistake', async () => {
    const times = { started_at: 'yesterday', ended_at: '2026-11-21T10:00:00Z' }
    const { message } = await (rutter as Rutter).refused('session_record_turn', times)
    expect(message).toContain('started_at')
    expect(message).not.toContain('ended_at')
  })

  it.each([-1, 1e12, 'NaN'])('is refused with a cost of %j', async (cost_usd) => {
    await refused({ input_tokens: 1, cost_usd }, /cost_usd/)
  })

  it('takes the greatest counts that JSON carries exactly, and still adds them up to whole numbers', async () => {
    const most = { input_tokens: Number.MAX_SAFE_INTEGER }
    await (rutter as Rutter).call('session_record_turn', most)
    await (rutter as Rutter).call('session_record_turn', most)
    expect((await (rutter as Rutter).call('session_get_stats')).isError).toBeUndefined()
    expect((await (rutter as Rutter).call('session_get_state')).isError).toBeUndefined()
  })
})
