import type { TokenCounts } from '../domain/usage.ts'

/** What models cost. */
export interface Prices {
  /**
   * Cost in US dollars of one turn at list price, or `null` when the model's price is not known.
   * Works offline, from data that came with the program.
   */
  estimate(turn: {
    provider: string | null
    model: string | null
    at: string
    tokens: TokenCounts
  }): Promise<number | null>
}
