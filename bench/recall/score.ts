/** How much of what was to be found stands among the first k. */

/** One question's answer: what was found, the best first, and what was to be found. */
export interface Ranking {
  readonly found: readonly string[]
  readonly wanted: ReadonlySet<string>
}

/** Means over questions, each 0 to 1. */
export interface Recall {
  readonly k: number
  /** At least one piece of the evidence is among the first k. */
  readonly any: number
  /** The part of the evidence that is. */
  readonly share: number
  /** All of it is. */
  readonly all: number
}

export function recallAt(ks: readonly number[], rankings: readonly Ranking[]): Recall[] {
  return ks.map((k) => {
    const shares = rankings.map(({ found, wanted }) => {
      const first = new Set(found.slice(0, k))
      return [...wanted].filter((id) => first.has(id)).length / wanted.size
    })
    return {
      k,
      any: mean(shares.map((share) => Number(share > 0))),
      share: mean(shares),
      all: mean(shares.map((share) => Number(share === 1))),
    }
  })
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}
