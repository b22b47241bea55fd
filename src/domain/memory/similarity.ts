/**
 * The arithmetic by which every set that is similar to a given one is found without looking at all of them.
 *
 * Two sets of n and m words have a Jaccard similarity of at least t just when they share at least `r (n + m)` words, r = t / (1 + t).
 * Let all words stand in one fixed order, whichever. If two sets share o words, then after the first k of these there come o - k
 * more in both, so the k-th stands at a position (from 0) of at most `n - o + k - 1` in the one and `m - o + k - 1` in the other. It
 * is enough to compare the leading words of both: whatever is similar enough is met there at least k times, and nothing is missed.
 */

/**
 * How often a set must be met to be worth a closer look. Two meetings leave a small part of what one leaves, for one more word stored;
 * a third would cost as much again and hardly help.
 */
const MEETINGS = 2

/**
 * A product of floating-point numbers may lie a little beside the whole number that it stands for: 0.55 x 20 is more than 11. Bounds
 * are taken wider by this much, so they can let something in that is looked at in vain, and never leave out what belongs.
 */
const SLACK = 1e-9

const roundUp = (value: number) => Math.ceil(value - SLACK)
const roundDown = (value: number) => Math.floor(value + SLACK)

/** The part of all words of two sets, each counted in both, that they must share: t / (1 + t). */
const share = (threshold: number) => threshold / (1 + threshold)

/** Throws a RangeError for a threshold that no search can take: at 0, sets that have nothing in common would count as similar. */
function checkThreshold(threshold: number): void {
  if (!(threshold > 0 && threshold <= 1)) {
    throw new RangeError(`A similarity is looked for above 0 and up to 1; ${threshold} was given.`)
  }
}

/**
 * How many leading words of a set of `size` words must be stored, for searches at the threshold `lowest` or any above it.
 *
 * A set that is similar enough shares at least `lowest x size` words with this one, whatever its own size; so the second word that
 * both have comes no later than that.
 */
export function leadingWords(size: number, lowest: number): number {
  checkThreshold(lowest)
  return Math.min(size, size - roundUp(lowest * size) + MEETINGS)
}

/** What to ask the stored leading words, to meet every set that is similar enough to a given one. */
export interface SearchPlan {
  /** A stored set that is met less often than this is not similar enough. */
  readonly meetings: number
  /** Stored sets of fewer words cannot share enough. */
  readonly minSize: number
  /** For each leading word of the given set, by position: stored sets of more words cannot share enough from here on. */
  readonly maxSizes: readonly number[]
  /** A meeting counts at a position of at most `perWord x (words of the stored set) + offset` in the stored set. */
  readonly lastPosition: { readonly perWord: number; readonly offset: number }
}

/** The plan of a search for sets with a similarity of at least `threshold` to one of `size` words. */
export function searchPlan(size: number, threshold: number): SearchPlan {
  checkThreshold(threshold)
  const r = share(threshold)
  const minSize = roundUp(threshold * size)
  const meetings = Math.min(MEETINGS, minSize)
  const maxSizes: number[] = []
  for (let position = 0; position < size; position++) {
    // Sets larger than size / threshold are too large whatever they share. The other bound is that of the position in the given set,
    // position <= size - r (size + stored) + meetings - 1, solved for the size of the stored one.
    const maxSize = Math.min(roundDown(size / threshold), roundDown((size - position + meetings - 1) / r) - size)
    if (maxSize < minSize) break
    maxSizes.push(maxSize)
  }
  // position <= stored - r (size + stored) + meetings - 1. That what they share is a whole number of words follows by itself, since
  // positions are whole numbers too.
  const lastPosition = { perWord: 1 - r, offset: meetings - 1 - r * size + SLACK }
  return { meetings, minSize, maxSizes, lastPosition }
}

/** The Jaccard similarity, 0 to 1: shared words by all words. Of two sets without words it is 0: they have nothing in common. */
export function jaccard(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const [small, large] = a.size < b.size ? [a, b] : [b, a]
  let shared = 0
  for (const word of small) if (large.has(word)) shared++
  return ratio(shared, a.size, b.size)
}

/** The same of two lists of distinct numbers, each in descending order; by merging them. */
export function jaccardOfDescending(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let shared = 0
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [x, y] = [a[i] as number, b[j] as number]
    if (x === y) shared++
    if (x >= y) i++
    if (y >= x) j++
  }
  return ratio(shared, a.length, b.length)
}

const ratio = (shared: number, a: number, b: number) => (shared === 0 ? 0 : shared / (a + b - shared))
