import { createHash } from 'node:crypto'
import type { StatementSync } from 'node:sqlite'
import { type Posting, type ScoredTerm, SEARCH_COST, type TermUse, TITLE_WEIGHT } from '../../domain/memory/ranking.ts'
import { IS_OF_KIND, lengthOf } from './doc-number.ts'

/** What is needed of a `Database`. It is not imported, since its migrations import the schema from here. */
export interface Statements {
  sql(text: string): StatementSync
}

/**
 * Which document has which term. The index holds no text of its own and is given terms that are cut already, so its tokenizer has
 * only to leave them whole: every sign but the space belongs to a term. The scoring is the domain's, so that every backend scores
 * alike.
 */
export const TERM_SCHEMA = `
  CREATE VIRTUAL TABLE search_terms USING fts5 (
    title, text, content = '', contentless_delete = 1, tokenize = "ascii tokenchars '._-/\\:@#+''|'"
  );
  CREATE VIRTUAL TABLE search_postings USING fts5vocab (search_terms, instance);

  -- In how many documents each term stands: FTS5 would count them anew for every query.
  CREATE TABLE search_term_counts (
    project_id TEXT NOT NULL, term TEXT NOT NULL, docs INTEGER NOT NULL,
    PRIMARY KEY (project_id, term)
  ) WITHOUT ROWID;
  `

/** What documents that come and go together change in the counts of one project's terms. */
export class TermCounts {
  readonly prefix: string
  readonly #project: string
  readonly #changes = new Map<string, number>()

  constructor(projectId: string) {
    this.#project = projectId
    this.prefix = prefixOf(projectId)
  }

  /** One document more or less has these terms. */
  change(terms: readonly string[], by: 1 | -1): void {
    for (const term of new Set(terms)) this.#changes.set(term, (this.#changes.get(term) ?? 0) + by)
  }

  /** Writes the changes, one for each term; to be done once, as the last thing. */
  save(db: Statements): void {
    const count = db.sql(`INSERT INTO search_term_counts (project_id, term, docs) VALUES (?, ?, ?)
                          ON CONFLICT DO UPDATE SET docs = docs + excluded.docs`)
    const forget = db.sql('DELETE FROM search_term_counts WHERE project_id = ? AND term = ? AND docs < 1')
    for (const [term, change] of this.#changes) {
      if (change !== 0) count.run(this.#project, term, change)
      if (change < 0) forget.run(this.#project, term)
    }
  }
}

/** The terms of several projects' documents, each project apart from the others. */
export class TermIndex {
  readonly #db: Statements

  constructor(db: Statements) {
    this.#db = db
  }

  /** Puts a document in. Several are put in fastest in the order of their numbers: FTS5 writes out what it has gathered before it goes back. */
  put(counts: TermCounts, doc: number, title: readonly string[], text: readonly string[]): void {
    const indexed = (terms: readonly string[]) => terms.map((term) => counts.prefix + term).join(' ')
    this.#db
      .sql('INSERT INTO search_terms (rowid, title, text) VALUES (?, ?, ?)')
      .run(doc, indexed(title), indexed(text))
    counts.change([...title, ...text], 1)
  }

  /** Takes out a document that was put in with these terms. */
  remove(counts: TermCounts, doc: number, terms: readonly string[]): void {
    this.#db.sql('DELETE FROM search_terms WHERE rowid = ?').run(doc)
    counts.change(terms, -1)
  }

  dropAll(): void {
    this.#db.sql(`INSERT INTO search_terms (search_terms) VALUES ('delete-all')`).run()
    this.#db.sql('DELETE FROM search_term_counts').run()
  }

  /** How many documents have each of the terms. */
  uses(terms: readonly string[], projects: readonly string[]): TermUse[] {
    const count = this.#db.sql('SELECT docs FROM search_term_counts WHERE project_id = ? AND term = ?')
    return terms.map((term) => ({
      term,
      docs: projects.reduce((sum, project) => sum + Number(count.get(project, term)?.['docs'] ?? 0), 0),
    }))
  }

  /** The scored terms with all of their documents, and the common ones in these documents. */
  postings(
    { scored, common }: { scored: readonly TermUse[]; common: readonly TermUse[] },
    projects: readonly string[],
  ): ScoredTerm<number>[] {
    if (scored.length === 0) return []
    const words = scored.map(({ term }) => term)
    const beside = (term: string) => `(${anyOf(words, projects)}) AND (${anyOf([term], projects)})`
    return [
      ...scored.map((use) => ({ ...use, postings: projects.flatMap((project) => this.#postings(project, use.term)) })),
      ...common
        .slice(0, SEARCH_COST.common_terms_beside)
        .map((use) => ({ ...use, postings: this.#matches(beside(use.term)) })),
    ]
  }

  #postings(project: string, term: string): Posting<number>[] {
    // All in one row: that of each place by itself takes as long as to find them, and a group for each document longer.
    const found = this.#db
      .sql(`SELECT json_group_array(doc) AS docs, json_group_array(col = 'title') AS in_title
            FROM search_postings WHERE term = ?`)
      .get(prefixOf(project) + term)
    const inTitle = JSON.parse(String(found?.['in_title'] ?? '[]')) as number[]
    const weights = new Map<number, number>()
    for (const [i, doc] of (JSON.parse(String(found?.['docs'] ?? '[]')) as number[]).entries()) {
      weights.set(doc, (weights.get(doc) ?? 0) + (inTitle[i] === 1 ? TITLE_WEIGHT : 1))
    }
    return [...weights].map(([key, weight]) => ({ key, weight, length: lengthOf(key) }))
  }

  /** How often a common term stands in a document is not worth the asking. */
  #matches(query: string): Posting<number>[] {
    return this.#db
      .sql('SELECT rowid AS doc FROM search_terms WHERE search_terms MATCH ?')
      .all(query)
      .map((row) => ({ key: Number(row['doc']), weight: 1, length: lengthOf(Number(row['doc'])) }))
  }

  /**
   * The newest documents of these kinds that have all of the terms; as long as these are too few, then those that have all but the
   * last term, and so on.
   */
  newestWith(terms: readonly TermUse[], projects: readonly string[], kindMask: number, limit: number): number[] {
    const found = new Set<number>()
    for (let n = terms.length; n > 0 && found.size < limit; n--) {
      const all = terms.slice(0, n).map(({ term }) => `(${anyOf([term], projects)})`)
      const rows = this.#db
        .sql(`SELECT rowid AS doc FROM search_terms
              WHERE search_terms MATCH ? AND ${IS_OF_KIND} ORDER BY rowid DESC LIMIT ?`)
        .all(all.join(' AND '), kindMask, limit)
      for (const row of rows) found.add(Number(row['doc']))
    }
    return [...found]
  }
}

/**
 * Stands before every term of a project's documents, so that a project is an index of its own: its words are counted, and their cost
 * bounded, without another's.
 */
function prefixOf(projectId: string): string {
  return `${createHash('sha256').update(projectId).digest('hex').slice(0, 10)}|`
}

/** An FTS5 query. Terms have no quotes in them, and within quotes nothing else is syntax. */
function anyOf(terms: readonly string[], projects: readonly string[]): string {
  const prefixes = projects.map(prefixOf)
  return terms.flatMap((term) => prefixes.map((prefix) => `"${prefix}${term}"`)).join(' OR ')
}
