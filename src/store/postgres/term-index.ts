import { createHash } from 'node:crypto'
import { type Posting, type ScoredTerm, SEARCH_COST, type TermUse, TITLE_WEIGHT } from '../../domain/memory/ranking.ts'
import type { MatchKind } from '../../domain/memory/search-doc.ts'
import { SAMPLED_OF } from './doc-number.ts'
import { type Row, restored, type Sql } from './sql.ts'

/**
 * Which document has which term: PostgreSQL's inverted index over terms that are cut already. Its parser, dictionaries and ranking
 * have no part in it; the scoring is the domain's, so that every backend scores alike.
 *
 * GIN knows no second column without an extension, so it cannot begin with project_id; each term does instead. `fastupdate` is off: with
 * it, documents wait in a list that every search reads through, and now and then a writer sorts in all of them, some hundred ms long.
 */
export const TERM_SCHEMA = `
  CREATE INDEX search_docs_by_term ON rutter.search_docs USING gin (terms) WITH (fastupdate = off);
  CREATE INDEX search_docs_by_term_sampled ON rutter.search_docs USING gin (terms) WITH (fastupdate = off) WHERE sampled;
`

/** In characters; the server takes 2,046 bytes. Beyond it a digest stands for the term. */
const LONGEST_WORD = 120

/** The terms of one document may have 1 MB; what comes after is not found by. */
const MOST_BYTES = 1_000_000

/** A corpus with fewer documents in the sample, some two thousand, is counted, and so are all of its terms. */
export const SMALL_CORPUS = 32
/** No corpus that is small by its sample has so many documents. */
export const CORPUS_COUNTED = 8192
/** In a larger one, a term of so many sampled documents is common; one in thirty thousand is taken for that and is not. */
const SURELY_COMMON = 16
/** Its other terms are counted so far, beyond whatever is scored. */
const COUNTED = 600
/** Counted no further in the sample. */
const SAMPLED_COUNTED = 4000

/** Among so many of the newest documents those with a common term are looked for first. */
const NEWEST = 2000

/** What is written of a document's terms. */
export interface IndexedTerms {
  /** Lexemes, with a space between. */
  readonly lexemes: string
  /** JSON, the weights of those words that have more than 1. */
  readonly weights: string
}

/** A document that a search came upon. */
export interface Place {
  readonly project_id: string
  readonly kind: MatchKind
  /** As it stands in the index, see `keyOf`. */
  readonly key: string
  readonly moment: number
  readonly length: number
}

/** The terms of several projects' documents, each project apart from the others. */
export class TermIndex {
  readonly #sql: Sql
  /** One object for each document, so that it can be a key. */
  readonly #places = new Map<string, Place>()

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /**
   * How many documents have each of the terms, counted when asked: counters would be rows that all writers of a project change, and wait
   * for each other until they commit. Exact for what few have, and from a sample for what many have.
   */
  async uses(terms: readonly string[], projects: readonly string[]): Promise<TermUse[]> {
    const rows = await this.#sql.all(USES, [terms.map((term) => anyOf(term, projects)), projects])
    const docs = new Map(rows.map((row) => [Number(row['nth']), usesOf(row)]))
    return terms.map((term, i) => ({ term, docs: docs.get(i + 1) ?? 0 }))
  }

  /** The scored terms with all of their documents, and the common ones in these documents. */
  async postings(
    { scored, common }: { scored: readonly TermUse[]; common: readonly TermUse[] },
    projects: readonly string[],
  ): Promise<ScoredTerm<Place>[]> {
    if (scored.length === 0) return []
    const beside = common.slice(0, SEARCH_COST.common_terms_beside)
    const rows = await this.#sql.all(POSTINGS, [
      scored.map(({ term }) => anyOf(term, projects)),
      scored.map(({ term }) => wordOf(term)),
      beside.map(({ term }) => anyOf(term, projects)),
      projects,
    ])
    const postings = scored.map((): Posting<Place>[] => [])
    // How often a common term stands in a document is not worth the asking.
    const besides = beside.map(() => new Map<Place, Posting<Place>>())
    for (const row of rows) {
      const key = this.#place(row)
      const { length } = key
      postings[Number(row['nth']) - 1]?.push({ key, weight: Number(row['weight']), length })
      for (const [i, has] of (row['beside'] as boolean[]).entries()) {
        if (has) besides[i]?.set(key, { key, weight: 1, length })
      }
    }
    return [
      ...scored.map((use, i) => ({ ...use, postings: postings[i] ?? [] })),
      ...beside.map((use, i) => ({ ...use, postings: [...(besides[i]?.values() ?? [])] })),
    ]
  }

  /**
   * The newest documents of these kinds that have all of the terms; as long as these are too few, then those that have all but the
   * last term, and so on.
   */
  async newestWith(
    terms: readonly TermUse[],
    projects: readonly string[],
    kinds: readonly MatchKind[],
    limit: number,
  ): Promise<Place[]> {
    if (terms.length === 0) return []
    const queries = terms.map((_, i) =>
      allOf(terms.slice(0, terms.length - i).map(({ term }) => anyOf(term, projects))),
    )
    const rows = await this.#sql.all(NEWEST_WITH, [queries, projects, kinds, limit])
    const found = new Set<Place>()
    for (const [i, query] of queries.entries()) {
      if (found.size >= limit) break
      const newest = rows.filter((row) => Number(row['nth']) === i + 1)
      // Where the newest have too few, all that have the terms are few enough to be asked for.
      const all = newest.length < limit ? await this.#sql.all(ALL_WITH, [query, projects, kinds, limit]) : newest
      for (const row of all) found.add(this.#place(row))
    }
    return [...found]
  }

  #place(row: Row): Place {
    const name = `${row['kind']} ${row['id']} ${row['project_id']}`
    const known = this.#places.get(name)
    if (known !== undefined) return known
    const place: Place = {
      project_id: restored(row['project_id']),
      kind: String(row['kind']) as MatchKind,
      key: restored(row['id']),
      moment: Number(row['moment']),
      length: Number(row['length']),
    }
    this.#places.set(name, place)
    return place
  }
}

/** What is to be written of a document with these terms. */
export function indexedTerms(projectId: string, title: readonly string[], text: readonly string[]): IndexedTerms {
  const weights = new Map<string, number>()
  const weigh = (terms: readonly string[], weight: number) => {
    for (const word of terms.map(wordOf)) weights.set(word, (weights.get(word) ?? 0) + weight)
  }
  weigh(title, TITLE_WEIGHT)
  weigh(text, 1)
  const prefix = prefixOf(projectId)
  const lexemes: string[] = []
  let bytes = 0
  for (const word of weights.keys()) {
    bytes += prefix.length + Buffer.byteLength(word)
    if (bytes > MOST_BYTES) break
    lexemes.push(prefix + word)
  }
  return {
    lexemes: lexemes.join(' '),
    weights: JSON.stringify(Object.fromEntries([...weights].filter(([, n]) => n > 1))),
  }
}

const PLACE = 'd.project_id, d.kind, d.id, d.moment, d.length'
// Of equals in time the later id first: most ids begin with their time.
const NEWEST_FIRST = 'moment DESC, kind DESC, id DESC'
// Two projects may share a prefix, however unlikely that is; nobody may see another's documents for that. Not as a plain column:
// the planner takes that for the better index, and a plan that was made without knowing the values reads a whole large project by it.
const ofProjects = (projects: string) => `(d.project_id || '') = ANY (${projects}::text[])`

// Of the projects by the terms' prefixes alone: a count shows nobody anything, and may be wrong once in a world's lifetime.
const USES = `
  SELECT asked.nth, corpus.is_small, sample.docs AS sampled, CASE WHEN corpus.is_small OR sample.docs < ${SURELY_COMMON} THEN (
    SELECT count(*) FROM (
      SELECT 1 FROM rutter.search_docs AS d WHERE d.terms @@ asked.query
      LIMIT CASE WHEN corpus.is_small THEN ${CORPUS_COUNTED} ELSE ${COUNTED} END
    ) AS counted) END AS docs
  FROM unnest($1::tsquery[]) WITH ORDINALITY AS asked (query, nth)
  CROSS JOIN (SELECT count(*) < ${SMALL_CORPUS} AS is_small FROM (
    SELECT 1 FROM rutter.search_docs WHERE project_id = ANY ($2::text[]) AND sampled LIMIT ${SMALL_CORPUS}
  ) AS sampled) AS corpus
  CROSS JOIN LATERAL (SELECT count(*) AS docs FROM (
    SELECT 1 FROM rutter.search_docs AS d
    WHERE d.terms @@ asked.query AND d.sampled LIMIT ${SAMPLED_COUNTED}
  ) AS counted) AS sample`

// The bound is no news to what a search scores, but to the planner: it compiles what it believes to be much, ten milliseconds long.
const POSTINGS = `
  SELECT asked.nth, ${PLACE}, coalesce((d.weights ->> asked.word)::integer, 1) AS weight,
    ARRAY (SELECT d.terms @@ query FROM unnest($3::tsquery[]) WITH ORDINALITY AS beside (query, nth) ORDER BY nth) AS beside
  FROM unnest($1::tsquery[], $2::text[]) WITH ORDINALITY AS asked (query, word, nth)
  CROSS JOIN LATERAL (
    SELECT ${PLACE}, d.terms, d.weights FROM rutter.search_docs AS d
    WHERE d.terms @@ asked.query AND ${ofProjects('$4')} LIMIT ${SEARCH_COST.common_docs}
  ) AS d`

const NEWEST_WITH = `
  WITH newest AS MATERIALIZED (
    SELECT d.* FROM unnest($2::text[]) AS asked (project_id) CROSS JOIN LATERAL (
      SELECT ${PLACE}, d.terms FROM rutter.search_docs AS d WHERE d.project_id = asked.project_id
      ORDER BY ${NEWEST_FIRST} LIMIT ${NEWEST}
    ) AS d ORDER BY ${NEWEST_FIRST} LIMIT ${NEWEST}
  )
  SELECT asked.nth, ${PLACE} FROM unnest($1::tsquery[]) WITH ORDINALITY AS asked (query, nth) CROSS JOIN LATERAL (
    SELECT * FROM newest WHERE terms @@ asked.query AND kind = ANY ($3::text[]) ORDER BY ${NEWEST_FIRST} LIMIT $4
  ) AS d ORDER BY asked.nth, ${NEWEST_FIRST}`

const ALL_WITH = `
  SELECT ${PLACE} FROM rutter.search_docs AS d
  WHERE d.terms @@ $1::tsquery AND ${ofProjects('$2')} AND d.kind = ANY ($3::text[])
  ORDER BY ${NEWEST_FIRST} LIMIT $4`

function usesOf(row: Row): number {
  const estimated = Number(row['sampled']) * SAMPLED_OF
  if (row['docs'] === null) return estimated
  const counted = Number(row['docs'])
  // A count that was ended by its bound says no more than the sample does.
  return row['is_small'] === true || counted < COUNTED ? counted : Math.max(counted, estimated)
}

/**
 * Stands before every term of a project's documents, so that a project is an index of its own: its words are counted, and their cost
 * bounded, without another's.
 */
function prefixOf(projectId: string): string {
  return `${createHash('sha256').update(projectId).digest('hex').slice(0, 10)}|`
}

/** The term as it can be kept: no term has an equals sign, so no digest is another term. */
function wordOf(term: string): string {
  if (term.length > LONGEST_WORD) return `=${createHash('sha256').update(term).digest('hex')}`
  return term.toWellFormed()
}

/** A text query. Within its quotes only quotes and backslashes have a meaning; doubled they are themselves. */
function anyOf(term: string, projects: readonly string[]): string {
  const word = wordOf(term).replaceAll(/['\\]/g, '$&$&')
  return projects.map((project) => `'${prefixOf(project)}${word}'`).join(' | ')
}

function allOf(queries: readonly string[]): string {
  return queries.map((query) => `(${query})`).join(' & ')
}
