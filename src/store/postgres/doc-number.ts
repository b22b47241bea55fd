import { createHash } from 'node:crypto'

/*
 * The embedded store packs what a search must know of a thousand documents into each one's number: its time, kind and length. Here
 * these are columns of the row, which a search reads anyway, and a document needs no number: numbers of one project given by many
 * machines would make their writers wait for each other.
 */

/** Milliseconds since 1970; a time (ISO 8601 UTC) that cannot be read counts as old. */
export function momentOf(at: string): number {
  const moment = Date.parse(at)
  return Number.isNaN(moment) ? 0 : moment
}

/** One document in so many is in the sample. */
export const SAMPLED_OF = 64

/**
 * True for the documents of the sample, by which the frequency of a word is told that many have. Told by the name, so that a document
 * is in it or not whatever happens to it.
 */
export function isSampled(kind: string, id: string): boolean {
  return createHash('sha256').update(`${kind}/${id}`).digest().readUInt16BE() % SAMPLED_OF === 0
}

/** Code units of an id that stand in an index. */
const LONGEST_KEY = 300

/** The text that stands for an id in an index, which takes no long ones: where it is cut, what it began with and a digest of the whole. */
export function keyOf(id: string): string {
  return id.length <= LONGEST_KEY ? id : `${startOfKey(id)}/${createHash('sha256').update(id).digest('hex')}`
}

/** What the keys of all ids begin with that begin with this text. */
export function startOfKey(prefix: string): string {
  return prefix.slice(0, LONGEST_KEY).toWellFormed()
}
