import * as z from 'zod'

/**
 * Tokens of one turn. `input` counts what was neither read from nor written to a prompt cache (as Anthropic's API reports it;
 * OpenAI's and Gemini's prompt counts include cached tokens: subtract them), so the four kinds never overlap.
 * `reasoning` says how many of the `output` tokens were spent thinking; it is part of `output`, not on top of it.
 */
export interface TokenCounts {
  readonly input: number
  readonly output: number
  readonly cache_read: number
  readonly cache_write: number
  readonly reasoning: number
}

/** Running figures of a session, in total or for one model. Money is kept in whole nano-dollars: sums of floats drift. */
export interface UsageTotals {
  readonly turns: number
  readonly tokens: TokenCounts | null
  readonly cost_nano_usd: number | null
  /** True as soon as one of the costs in the sum was computed from list prices. */
  readonly cost_is_estimated: boolean
  /** Turns whose cost nobody knows; while there are any, the cost is a lower bound. */
  readonly turns_without_cost: number
}

export interface ModelUsage extends UsageTotals {
  readonly provider: string | null
  readonly model: string | null
}

export const NO_USAGE: UsageTotals = {
  turns: 0,
  tokens: null,
  cost_nano_usd: null,
  cost_is_estimated: false,
  turns_without_cost: 0,
}

const tokenCount = z.int().min(0)

/** A turn as it is recorded. Token counts that nobody gave are absent, not 0. */
export const turnSchema = z.object({
  request_id: z.string().nullable(),
  provider: z.string().nullable(),
  model: z.string().nullable(),
  tokens: z
    .object({
      input: tokenCount,
      output: tokenCount,
      cache_read: tokenCount,
      cache_write: tokenCount,
      reasoning: tokenCount,
    })
    .nullable(),
  cost_usd: z.number().min(0).nullable(),
  cost_is_estimated: z.boolean(),
  started_at: z.string().nullable(),
  ended_at: z.string().nullable(),
  stop_reason: z.string().nullable(),
})
export type Turn = z.infer<typeof turnSchema>

/** The totals with one more turn in them. */
export function addTurn(totals: UsageTotals, turn: Turn): UsageTotals {
  const known = turn.cost_usd !== null
  return {
    turns: totals.turns + 1,
    tokens: turn.tokens === null ? totals.tokens : addTokens(totals.tokens, turn.tokens),
    cost_nano_usd: known ? (totals.cost_nano_usd ?? 0) + toNano(turn.cost_usd ?? 0) : totals.cost_nano_usd,
    cost_is_estimated: totals.cost_is_estimated || (known && turn.cost_is_estimated),
    turns_without_cost: totals.turns_without_cost + (known ? 0 : 1),
  }
}

/** Models whose figures are kept apart; a state must not grow with every name that an agent makes up. */
const MODELS_KEPT = 50

/** Where the turns of all further models are counted together. */
const OTHER_MODELS = { provider: null, model: '(other models)' }

/** The per-model figures with one more turn in them, in order of first appearance. */
export function addModelTurn(models: readonly ModelUsage[], turn: Turn): readonly ModelUsage[] {
  const find = (of: Pick<ModelUsage, 'provider' | 'model'>) =>
    models.findIndex((m) => m.provider === of.provider && m.model === of.model)
  const isKept = find(turn) !== -1 || models.length < MODELS_KEPT
  const { provider, model } = isKept ? turn : OTHER_MODELS
  const at = find({ provider, model })
  const before = models[at] ?? { ...NO_USAGE, provider, model }
  const after: ModelUsage = { provider, model, ...addTurn(before, turn) }
  return at === -1 ? [...models, after] : models.with(at, after)
}

function addTokens(a: TokenCounts | null, b: TokenCounts): TokenCounts {
  return {
    input: (a?.input ?? 0) + b.input,
    output: (a?.output ?? 0) + b.output,
    cache_read: (a?.cache_read ?? 0) + b.cache_read,
    cache_write: (a?.cache_write ?? 0) + b.cache_write,
    reasoning: (a?.reasoning ?? 0) + b.reasoning,
  }
}

/** A cost as it is recorded: whole nano-dollars, so that what is shown for a turn is what the totals count. */
export function roundCost(usd: number): number {
  return toNano(usd) / 1e9
}

function toNano(usd: number): number {
  return Math.round(usd * 1e9)
}

/** Tokens as the contract shows them; `total` leaves `reasoning` out because `output` contains it. */
export function tokensView(tokens: TokenCounts | null) {
  if (tokens === null) return null
  return { ...tokens, total: tokens.input + tokens.output + tokens.cache_read + tokens.cache_write }
}

/** US dollars, or `null` when no cost is known. */
export function costView(totals: UsageTotals): number | null {
  return totals.cost_nano_usd === null ? null : totals.cost_nano_usd / 1e9
}
