import { byText } from '../order.ts'
import { FRESHNESS, freshnessOf } from './freshness.ts'
import type { Scope } from './room.ts'

/** What one search may cost, in documents; the figures beside them are of 100,000 documents in SQLite. */
export const SEARCH_COST = {
  /** Characters of a query that are read; a person's question has a hundred, a whole decision a thousand. */
  query_characters: 8_000,
  /** Different terms of a query that are looked up. */
  query_terms: 48,
  /** A term that more documents have is common: it brings no documents of its own. */
  common_docs: 300,
  /** Terms whose documents are scored, at most, the rarest first. */
  scored_terms: 10,
  /** Documents that these may have together, about 0.002 ms each. */
  scored_docs: 500,
  /** Common terms that are looked for where rare ones bring too little. */
  common_terms: 3,
  /** Common terms that tell the documents of rare ones apart: more of them cost a third of a search and moved no figure of its quality. */
  common_terms_beside: 1,
} as const

/** A term in the title says as much as so many in the text. */
export const TITLE_WEIGHT = 2

/** Documents that are looked at for `limit` matches: scope and freshness move one by some places, not by many. */
export function candidatesFor(limit: number): number {
  return Math.max(15, limit * 3)
}

/** Lengths of documents are told apart by so many classes, which fit into five bits. */
export const LENGTH_CLASSES = 32

/** The class of a document with so many terms: half powers of two, up to some forty thousand. */
export function lengthClass(terms: number): number {
  return Math.min(LENGTH_CLASSES - 1, Math.round(2 * Math.log2(Math.max(1, terms))))
}

/** About how many terms a document of a class has: what it is scored by, in every store. */
export function lengthOfClass(ofClass: number): number {
  return Math.round(2 ** (ofClass / 2))
}

/** What an index knows of a term. */
export interface TermUse {
  readonly term: string
  /** Documents that have it. */
  readonly docs: number
}

/**
 * Chooses what a text is searched by: the documents of its rarest terms are scored, and common ones only tell these apart. A score
 * over all words of a text costs half a second at 100,000 documents and says little more.
 */
export function chooseTerms(uses: readonly TermUse[]): { scored: TermUse[]; common: TermUse[] } {
  const rarestFirst = uses
    .filter((use) => use.docs > 0)
    .sort((a, b) => a.docs - b.docs || byText(a.term, b.term))
    .slice(0, SEARCH_COST.scored_terms)
  const scored: TermUse[] = []
  let docs = 0
  for (const use of rarestFirst) {
    docs += use.docs
    if (use.docs >= SEARCH_COST.common_docs || docs > SEARCH_COST.scored_docs) break
    scored.push(use)
  }
  return { scored, common: rarestFirst.slice(scored.length, scored.length + SEARCH_COST.common_terms) }
}

/** Where a term stands in one document. */
export interface Posting<K> {
  readonly key: K
  /** How often, a title counted for more than a text. */
  readonly weight: number
  /** Terms of the document. */
  readonly length: number
}

/** A term with those of its documents that matter. */
export interface ScoredTerm<K> extends TermUse {
  readonly postings: readonly Posting<K>[]
}

/** What is searched in, as a whole. */
export interface Corpus {
  readonly docs: number
  /** Terms of all documents together. */
  readonly terms: number
}

/** The usual figures of BM25: how soon a repeated term says no more, and how much a long document is held back. */
const SATURATION = 1.2
const LENGTH_NORM = 0.75

/**
 * Scores documents as texts by BM25, higher is better. A term that more than half of the documents have still counts a little, as it
 * must where there are only some ten documents.
 */
export function scoreTexts<K>(terms: readonly ScoredTerm<K>[], corpus: Corpus): Map<K, number> {
  const average = Math.max(1, corpus.terms / Math.max(1, corpus.docs))
  const scores = new Map<K, number>()
  for (const { docs, postings } of terms) {
    const rarity = Math.log(1 + (Math.max(0, corpus.docs - docs) + 0.5) / (docs + 0.5))
    for (const { key, weight, length } of postings) {
      const norm = SATURATION * (1 - LENGTH_NORM + (LENGTH_NORM * length) / average)
      scores.set(key, (scores.get(key) ?? 0) + (rarity * weight * (SATURATION + 1)) / (weight + norm))
    }
  }
  return scores
}

/** Damps the first places, so that no list decides alone: the usual figure of reciprocal rank fusion. */
const RANK_OFFSET = 60

/**
 * Reciprocal rank fusion: several rankings of the same things become one score each, higher is better. A rank is 1 for the best;
 * equals share one. What a ranking does not name gets nothing from it.
 */
export function fuseRanks<K>(rankings: readonly ReadonlyMap<K, number>[]): Map<K, number> {
  const scores = new Map<K, number>()
  for (const ranking of rankings) {
    for (const [key, rank] of ranking) scores.set(key, (scores.get(key) ?? 0) + 1 / (RANK_OFFSET + rank))
  }
  return scores
}

/** Ranks for a list that has its best first: those with an equal score share a rank, and of a thing that is named twice the first place counts. */
export function ranksOf<K>(scored: readonly { readonly key: K; readonly score: number }[]): Map<K, number> {
  const ranks = new Map<K, number>()
  let rank = 0
  let last: number | undefined
  for (const [i, { key, score }] of scored.entries()) {
    if (score !== last) rank = i + 1
    last = score
    if (!ranks.has(key)) ranks.set(key, rank)
  }
  return ranks
}

/** What a document is ranked by beside its text. */
export interface Placed {
  readonly project_id: string
  readonly kind: string
  readonly id: string
  readonly scope: Scope
  /** ISO 8601 UTC. */
  readonly at: string
}

const SCOPE_RANK: Readonly<Record<Scope, number>> = { focus: 1, project: 2, global: 3 }

/**
 * Puts documents in order, the best first: by how they rank as texts, by how narrow their scope is and how fresh they are. Scope
 * and freshness have three ranks each, so the best text is seldom overtaken and near equals are told apart. Of full equals the newest
 * is first, then the order of their ids.
 */
export function rankDocuments<D extends Placed>(
  docs: readonly D[],
  textRanks: ReadonlyMap<D, number>,
  now: string,
): { doc: D; score: number }[] {
  const scores = fuseRanks<D>([
    textRanks,
    new Map(docs.map((doc) => [doc, SCOPE_RANK[doc.scope]])),
    new Map(docs.map((doc) => [doc, FRESHNESS.indexOf(freshnessOf(doc.at, now)) + 1])),
  ])
  return docs
    .map((doc) => ({ doc, score: scores.get(doc) ?? 0 }))
    .sort((a, b) => b.score - a.score || byText(b.doc.at, a.doc.at) || inOrder(a.doc, b.doc))
}

function inOrder(a: Placed, b: Placed): number {
  return byText(a.project_id, b.project_id) || byText(a.kind, b.kind) || byText(a.id, b.id)
}
