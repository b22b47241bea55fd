import { jaccard, leadingWords } from '../../../domain/memory/similarity.ts'
import type { Similar } from '../../../ports/memory.ts'

/** Word sets of one room that no book has yet, by the same arithmetic as those that it has: each is met by its leading words. */
export class WordSetsAhead {
  readonly #lowest: number
  /** Words in the order of their first appearance; those that came late are rare, and stand first in a set. */
  readonly #numbers = new Map<string, number>()
  /** Places in `#sets` of those that a word leads. */
  readonly #byWord = new Map<number, number[]>()
  readonly #sets: { readonly id: string; readonly words: ReadonlySet<string> }[] = []

  /** `lowest` is the least similarity that will be asked for. */
  constructor(lowest: number) {
    this.#lowest = lowest
  }

  put(id: string, words: ReadonlySet<string>): void {
    for (const word of words) if (!this.#numbers.has(word)) this.#numbers.set(word, this.#numbers.size)
    const place = this.#sets.push({ id, words }) - 1
    for (const word of this.#leading(words)) {
      const places = this.#byWord.get(word)
      if (places === undefined) this.#byWord.set(word, [place])
      else places.push(place)
    }
  }

  /** The one that was put last comes first. */
  similar(words: ReadonlySet<string>, threshold: number): Similar[] {
    const met = new Set(this.#leading(words).flatMap((word) => this.#byWord.get(word) ?? []))
    return [...met]
      .sort((a, b) => b - a)
      .flatMap((place) => this.#sets[place] ?? [])
      .map(({ id, words: others }) => ({ id, similarity: jaccard(words, others) }))
      .filter(({ similarity }) => similarity >= threshold)
  }

  /** Words that nobody has used come first of all, and meet nothing. */
  #leading(words: ReadonlySet<string>): number[] {
    const numbers = Array.from(words, (word) => this.#numbers.get(word) ?? Number.POSITIVE_INFINITY)
    return numbers.sort((a, b) => (a === b ? 0 : b - a)).slice(0, leadingWords(words.size, this.#lowest))
  }
}
