import { LENGTH_CLASSES, lengthClass, lengthOfClass } from '../../domain/memory/ranking.ts'
import type { MatchKind } from '../../domain/memory/search-doc.ts'

/*
 * A document's number in the index is its time in seconds, a counter, its kind and its length, in that order. So a higher number is
 * newer, whatever the order in which documents came, and what a search must know of each of a thousand documents is told
 * without reading a thousand rows.
 */

/** By its place here a kind is part of every document's number: a new kind goes to the end, and there is room for eight. */
const KINDS: readonly MatchKind[] = ['decision', 'pattern', 'summary', 'session', 'task', 'error']

const LENGTHS_AND_KINDS = LENGTH_CLASSES * 8
const COUNTER = 1024
/** Numbers of one second: the second's first, and what comes up to this much after it. */
export const SECOND = LENGTHS_AND_KINDS * COUNTER
/** Beyond it a number would be none that JavaScript can tell from the next: a thousand years away. */
const FARTHEST_SECOND = 2 ** 53 / SECOND - 1

/** The lowest number of a document of this time (ISO 8601 UTC); one that cannot be read counts as old. */
export function firstNumber(at: string): number {
  const second = Math.floor(Date.parse(at) / 1000)
  return (Math.abs(second) < FARTHEST_SECOND ? second : 0) * SECOND
}

/** The number after the last one that is taken in a second, and `null` where the second is full. */
export function nextNumber(first: number, last: number | null, kind: MatchKind, terms: number): number | null {
  const counter = last === null ? 0 : Math.floor((last - first) / LENGTHS_AND_KINDS) + 1
  if (counter >= COUNTER) return null
  return first + counter * LENGTHS_AND_KINDS + KINDS.indexOf(kind) * LENGTH_CLASSES + lengthClass(terms)
}

/** About how many terms the document has: to the nearest half power of two, up to some forty thousand. */
export function lengthOf(number: number): number {
  return lengthOfClass(belowOf(number, LENGTH_CLASSES))
}

/** The kinds as bits; every kind where none is asked for. */
export function kindMask(kinds: readonly MatchKind[] = KINDS): number {
  return kinds.reduce((bits, kind) => bits | (1 << KINDS.indexOf(kind)), 0)
}

export function isOfKind(number: number, mask: number): boolean {
  return ((1 << Math.floor(belowOf(number, LENGTHS_AND_KINDS) / LENGTH_CLASSES)) & mask) !== 0
}

/** The same as a condition in SQL on the column `rowid`; its parameter is the mask. */
export const IS_OF_KIND = `(1 << ((rowid >> ${Math.log2(LENGTH_CLASSES)}) & 7)) & ?`

/** The rest after division, never negative: times before 1970 have negative numbers. */
function belowOf(number: number, divisor: number): number {
  return ((number % divisor) + divisor) % divisor
}
