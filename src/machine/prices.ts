import type * as genaiPrices from '@pydantic/genai-prices'
import type { TokenCounts } from '../domain/usage.ts'
import type { Prices } from '../ports/prices.ts'
import { isSameModel } from './model-names.ts'

type PriceList = typeof genaiPrices
type Question = Parameters<Prices['estimate']>[0]

/**
 * Other spellings of a provider's id in the price list. The list itself takes any name that contains one it knows
 * (`azure-openai` would be OpenAI, which is somebody else's price), so only these and the exact ids are let through.
 */
const PROVIDER_IDS: ReadonlyMap<string, string> = new Map([
  ['claude', 'anthropic'],
  ['gemini', 'google'],
  ['google-ai', 'google'],
  ['google-gemini', 'google'],
  ['google-genai', 'google'],
  ['google-vertex', 'google'],
  ['vertex', 'google'],
  ['vertex-ai', 'google'],
  ['vertex_ai', 'google'],
  ['vertexai', 'google'],
  ['amazon-bedrock', 'aws'],
  ['aws-bedrock', 'aws'],
  ['bedrock', 'aws'],
  ['azure-openai', 'azure'],
  ['azure_openai', 'azure'],
  ['copilot', 'github-copilot'],
  ['mistralai', 'mistral'],
  ['moonshot', 'moonshotai'],
  ['xai', 'x-ai'],
])

/**
 * List prices from the data of genai-prices, as they were on the day of the turn. `null` for whatever the list does not
 * surely know: another model's price is worse than none. Cache writes are taken to be the short-lived kind (five minutes
 * at Anthropic), because turns do not say how long they asked for.
 */
export function listPrices(): Prices {
  let list: Promise<PriceList> | undefined
  return {
    async estimate(turn) {
      if (turn.model === null || turn.model.trim() === '') return null
      // 0.8 MB of prices take a tenth of a second to load, so only who needs them pays.
      list ??= import('@pydantic/genai-prices')
      try {
        return priceOf(turn, turn.model, await list)
      } catch {
        // The list refuses token counts that cannot be, a negative one say; then nobody knows a price either.
        return null
      }
    },
  }
}

function priceOf({ provider, at, tokens }: Question, model: string, list: PriceList): number | null {
  const timestamp = new Date(at)
  if (Number.isNaN(timestamp.getTime())) return null
  const providerId = provider === null ? undefined : knownProvider(provider, list)
  if (providerId === null) return null
  const price = list.calcPrice(usageOf(tokens), model, {
    timestamp,
    ...(providerId === undefined ? {} : { providerId }),
  })
  if (price === null || !isSameModel(price.model, model)) return null
  // A model without a price for its tokens (the list has some) would come out as free.
  const { input_mtok: inputPrice, output_mtok: outputPrice } = price.model_price
  if (inputPrice === undefined || (outputPrice === undefined && tokens.output > 0)) return null
  return Number.isFinite(price.total_price) ? price.total_price : null
}

/** The provider's id in the list, `undefined` where nobody was named, `null` where the list does not know it. */
function knownProvider(provider: string, list: PriceList): string | undefined | null {
  const name = provider.trim().toLowerCase()
  if (name === '') return undefined
  const id = PROVIDER_IDS.get(name) ?? name
  return list.findProvider({ providerId: id })?.id === id ? id : null
}

/** The list's `input_tokens` is all that was read, in and out of the cache; ours is what is left without the cache. */
function usageOf(tokens: TokenCounts) {
  return {
    input_tokens: tokens.input + tokens.cache_read + tokens.cache_write,
    cache_read_tokens: tokens.cache_read,
    cache_write_tokens: tokens.cache_write,
    output_tokens: tokens.output,
  }
}
