import { jaccardOfDescending, leadingWords } from './similarity.ts'

/** The lowest threshold of a search. A lower one would make every stored set longer in the index. */
const LOWEST_THRESHOLD = 0.5

/** Sets are compared within one room of one project. */
export interface RoomRef {
  readonly project_id: string
  readonly room: string
}

export interface WordSet {
  readonly room: RoomRef
  /** What has these words; one set for each in a room. */
  readonly doc: string
  readonly words: Iterable<string>
}

export interface SimilarDoc {
  readonly doc: string
  /** Jaccard similarity, 0 to 1. */
  readonly similarity: number
}

/** A set as an index keeps it. */
export interface StoredSet {
  readonly number: number
  readonly room: number
  /** In descending order. */
  readonly words: Uint32Array
}

/** A row of the index. */
export interface Lead {
  readonly room: number
  readonly word: number
  readonly size: number
  readonly position: number
  readonly set: number
}

/** The leading words of a set: those whose numbers were given last, and that therefore few sets have. */
export function leadsOf({ number, room, words }: StoredSet): Lead[] {
  const leads = words.subarray(0, leadingWords(words.length, LOWEST_THRESHOLD))
  return Array.from(leads, (word, position) => ({ room, word, size: words.length, position, set: number }))
}

/** The order of the index, so that those that come to lie on one page are written together. */
export function inOrderOfIndex(a: Lead, b: Lead): number {
  return a.room - b.room || a.word - b.word || a.size - b.size || a.position - b.position
}

export function hasSameWords(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i])
}

/** Throws a RangeError for a threshold that the index was not made for. */
export function checkSearched(threshold: number): void {
  if (!(threshold >= LOWEST_THRESHOLD && threshold <= 1)) {
    throw new RangeError(`The index finds similarities from ${LOWEST_THRESHOLD} to 1; ${threshold} was given.`)
  }
}

/** Those of the candidates with a similarity of at least `threshold`, the most similar first and equals by doc, the last first. */
export function mostSimilar(
  query: Uint32Array,
  candidates: readonly { readonly doc: string; readonly words: Uint32Array }[],
  threshold: number,
): SimilarDoc[] {
  return candidates
    .map(({ doc, words }) => ({ doc, similarity: jaccardOfDescending(query, words) }))
    .filter(({ similarity }) => similarity >= threshold)
    .sort((a, b) => b.similarity - a.similarity || (a.doc < b.doc ? 1 : -1))
}
