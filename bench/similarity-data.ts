/** Decisions as projects have them: many say nearly the same as others, and few words are in most of them. */

/** Different words in use, the commonest first. */
const VOCABULARY = 50_000
const SHORTEST = 15
const LONGEST = 25
/** Decisions of one family, at most; at least one. */
const LARGEST_FAMILY = 30
/** What part of a family's words a variant has replaced, at most. */
const MOST_REPLACED = 0.4

/** Families of decisions, the same each time for a seed: the words of each are drawn by Zipf's law, the variants replace some of them. */
export class Families {
  readonly #random: () => number
  readonly #families: string[][] = []

  constructor(seed = 1) {
    this.#random = random(seed)
  }

  /** One more decision of a family that is there, with a word that nobody has used now and then. */
  another(): string[] {
    const words = this.#variant(this.#families[this.#upTo(this.#families.length)] as string[])
    if (this.#random() < 0.3) words[0] = `unheard-${this.#upTo(1e9)}`
    return words
  }

  /** The word sets of so many more decisions; those of one family are scattered among those of others. */
  *decisions(count: number): Generator<string[]> {
    const open: { family: string[]; left: number }[] = []
    for (let n = 0; n < count; n++) {
      if (open.length < 1000) {
        const family = this.#newFamily()
        this.#families.push(family)
        open.push({ family, left: 1 + this.#upTo(LARGEST_FAMILY) })
      }
      const at = this.#upTo(open.length)
      const drawn = open[at] as (typeof open)[number]
      yield this.#variant(drawn.family)
      if (--drawn.left === 0) open.splice(at, 1)
    }
  }

  #newFamily(): string[] {
    const words = new Set<string>()
    const size = SHORTEST + this.#upTo(LONGEST - SHORTEST + 1)
    while (words.size < size) words.add(this.#word())
    return [...words]
  }

  #variant(family: readonly string[]): string[] {
    const replaced = this.#random() * MOST_REPLACED
    const words = new Set(family.map((word) => (this.#random() < replaced ? this.#word() : word)))
    return [...words]
  }

  /** Of rank k with a probability of about 1 / k. */
  #word(): string {
    return `w${Math.floor(VOCABULARY ** this.#random()).toString(36)}`
  }

  #upTo(end: number): number {
    return Math.floor(this.#random() * end)
  }
}

/** Mulberry32: numbers from 0 to 1, the same ones for the same seed. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
