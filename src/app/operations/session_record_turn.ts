import * as z from 'zod'
import type { Turn } from '../../domain/usage.ts'
import { costView, roundCost, tokensView } from '../../domain/usage.ts'
import { change } from '../call.ts'
import type { Context } from '../context.ts'
import { operation } from '../operation.ts'
import { count, idText, shortText, usageShape, WRITES, whichSession } from '../shapes.ts'

const time = z.iso.datetime({ offset: true })
const TOKEN_FIELDS = [
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
] as const

const input = z
  .strictObject({
    provider: shortText.optional(),
    model: shortText.optional(),
    input_tokens: count.optional().describe('without cached'),
    output_tokens: count.optional().describe('with reasoning'),
    cache_read_tokens: count.optional(),
    cache_write_tokens: count.optional(),
    reasoning_tokens: count.optional(),
    cost_usd: z.number().min(0).max(1_000_000).optional(),
    started_at: time.optional(),
    ended_at: time.optional(),
    stop_reason: shortText.optional(),
    request_id: idText.optional(),
    ...whichSession,
  })
  .refine((turn) => hasTokens(turn) || (turn.started_at !== undefined && turn.ended_at !== undefined), {
    error: 'a turn needs one of the token counts, or both started_at and ended_at',
  })
  .refine(
    (turn) =>
      turn.started_at === undefined ||
      turn.ended_at === undefined ||
      // Also when one of them is no time at all: that is told of that one.
      !(Date.parse(turn.ended_at) < Date.parse(turn.started_at)),
    {
      error: 'must not be before started_at',
      path: ['ended_at'],
    },
  )
  .refine(
    (turn) =>
      turn.reasoning_tokens === undefined ||
      turn.output_tokens === undefined ||
      turn.reasoning_tokens <= turn.output_tokens,
    {
      error: 'must not exceed output_tokens, of which they are a part (add them where your provider counts them apart)',
      path: ['reasoning_tokens'],
    },
  )

type Input = z.infer<typeof input>

export const sessionRecordTurn = operation({
  name: 'session_record_turn',
  title: 'Record a turn',
  toolset: 'session',
  summary:
    'Record one model turn with its tokens, cost and times. input_tokens leaves cached tokens out; reasoning is part of output. The same request_id counts once. A missing cost is estimated from list prices and marked so.',
  input,
  output: z.object({
    session_id: z.string(),
    counted: z.boolean(),
    turn: z.object({ cost_usd: z.number().nullable(), cost_is_estimated: z.boolean() }),
    ...usageShape,
  }),
  annotations: WRITES,
  async run(context, { session_id, ...given }) {
    const turn = await priced(context, given)
    const command = async (
      state: { session_id: string },
      book: { turnIsCounted(s: string, r: string): Promise<boolean> },
    ) => ({
      kind: 'record_turn' as const,
      turn,
      already_counted: turn.request_id !== null && (await book.turnIsCounted(state.session_id, turn.request_id)),
    })
    return await change(context, { session_id, command }, async (state, _book, events) => ({
      session_id: state.session_id,
      counted: events.some(({ type }) => type === 'turn.recorded'),
      turn: { cost_usd: turn.cost_usd, cost_is_estimated: turn.cost_is_estimated },
      turns: state.usage.turns,
      tokens: tokensView(state.usage.tokens),
      cost_usd: costView(state.usage),
      cost_is_estimated: state.usage.cost_is_estimated,
    }))
  },
})

function hasTokens(turn: Partial<Record<(typeof TOKEN_FIELDS)[number], number | undefined>>): boolean {
  return TOKEN_FIELDS.some((field) => turn[field] !== undefined)
}

/** The turn as it is recorded: times in UTC, and a cost from list prices where the caller gave none. */
async function priced(context: Context, given: Omit<Input, 'session_id'>): Promise<Turn> {
  const tokens = hasTokens(given)
    ? {
        input: given.input_tokens ?? 0,
        output: given.output_tokens ?? given.reasoning_tokens ?? 0,
        cache_read: given.cache_read_tokens ?? 0,
        cache_write: given.cache_write_tokens ?? 0,
        reasoning: given.reasoning_tokens ?? 0,
      }
    : null
  const provider = given.provider ?? null
  const model = given.model ?? null
  const endedAt = utc(given.ended_at)
  const cost =
    given.cost_usd ??
    (tokens === null
      ? null
      : await context.prices.estimate({ provider, model, at: endedAt ?? context.clock.now(), tokens }))
  return {
    request_id: given.request_id ?? null,
    provider,
    model,
    tokens,
    cost_usd: cost === null ? null : roundCost(cost),
    cost_is_estimated: given.cost_usd === undefined && cost !== null,
    started_at: utc(given.started_at),
    ended_at: endedAt,
    stop_reason: given.stop_reason ?? null,
  }
}

function utc(time: string | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString()
}
