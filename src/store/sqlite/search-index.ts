import { stemmer } from 'stemmer'
import {
  type Corpus,
  candidatesFor,
  chooseTerms,
  rankDocuments,
  ranksOf,
  SEARCH_COST,
  scoreTexts,
} from '../../domain/memory/ranking.ts'
import type { DocRef, MatchKind, SearchDoc } from '../../domain/memory/search-doc.ts'
import { snippetOf } from '../../domain/memory/snippet.ts'
import { termsWith } from '../../domain/memory/terms.ts'
import { byText } from '../../domain/order.ts'
import type { Match, SearchFilter } from '../../ports/memory.ts'
import { firstNumber, isOfKind, kindMask, lengthOf, nextNumber, SECOND } from './doc-number.ts'
import { type Statements, TERM_SCHEMA, TermCounts, TermIndex } from './term-index.ts'

/**
 * `search_docs` has what is found, `search_terms` by what, `search_corpora` how much there is. Texts are long, and a table
 * WITHOUT ROWID gives every row of more than a quarter of a page another page of its own.
 */
export const SEARCH_SCHEMA = `
  CREATE TABLE search_docs (
    project_id TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, doc INTEGER NOT NULL,
    scope TEXT NOT NULL, focus TEXT, session_id TEXT, at TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (project_id, kind, id)
  );
  CREATE UNIQUE INDEX search_docs_by_doc ON search_docs (doc);

  CREATE TABLE search_corpora (
    project_id TEXT NOT NULL, docs INTEGER NOT NULL, terms INTEGER NOT NULL,
    PRIMARY KEY (project_id)
  ) WITHOUT ROWID;
  ${TERM_SCHEMA}`

const terms = termsWith(stemmer)

export interface SearchChanges {
  readonly put: readonly SearchDoc[]
  readonly remove: readonly DocRef[]
}

/** A document without its text. */
type Candidate = Omit<SearchDoc, 'text'> & { readonly doc: number }

/** Text search over what was learned and done; everything happens in the caller's transaction. */
export class SearchIndex {
  readonly #db: Statements
  readonly #terms: TermIndex

  constructor(db: Statements) {
    this.#db = db
    this.#terms = new TermIndex(db)
  }

  /** Adds a document, in place of the one with the same project, kind and id. */
  put(doc: SearchDoc): void {
    this.change({ put: [doc], remove: [] })
  }

  /** Takes a document out; nothing where there is none. */
  remove(projectId: string, kind: MatchKind, id: string): void {
    this.change({ put: [], remove: [{ project_id: projectId, kind, id }] })
  }

  /** Takes out the documents whose ids begin with a text. */
  removeAll(projectId: string, kind: MatchKind, idPrefix: string): void {
    const ids = this.#db
      .sql('SELECT id FROM search_docs WHERE project_id = ? AND kind = ? AND id >= ? AND id < ?')
      .all(projectId, kind, idPrefix, `${idPrefix}\u{10FFFF}`)
    const remove = ids.map((row) => ({ project_id: projectId, kind, id: String(row['id']) }))
    this.change({ put: [], remove })
  }

  /** Takes documents out and puts others in, in place of those with the same project, kind and id. Much faster than one by one. */
  change({ put, remove }: SearchChanges): void {
    const corpora = new Map<string, CorpusChange>()
    for (const doc of remove) this.#remove(corpusOf(corpora, doc.project_id), doc)
    const lastNumbers = new Map<number, number | null>()
    for (const doc of put.toSorted((a, b) => byText(a.at, b.at))) {
      const corpus = corpusOf(corpora, doc.project_id)
      this.#remove(corpus, doc)
      this.#put(corpus, doc, lastNumbers)
    }
    const save = this.#db.sql(`INSERT INTO search_corpora (project_id, docs, terms) VALUES (?, ?, ?)
                               ON CONFLICT DO UPDATE SET docs = docs + excluded.docs, terms = terms + excluded.terms`)
    for (const [projectId, { docs, terms, counts }] of corpora) {
      if (docs !== 0 || terms !== 0) save.run(projectId, docs, terms)
      counts.save(this.#db)
    }
  }

  #put(corpus: CorpusChange, doc: SearchDoc, lastNumbers: Map<number, number | null>): void {
    const title = terms.of(doc.title)
    const text = terms.of(doc.text)
    const number = this.#freeNumber(doc, title.length + text.length, lastNumbers)
    const { project_id, kind, id, scope, focus, session_id, at } = doc
    this.#db
      .sql(`INSERT INTO search_docs (project_id, kind, id, doc, scope, focus, session_id, at, title, text)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
      .run(project_id, kind, id, number, scope, focus, session_id, at, doc.title, doc.text)
    this.#terms.put(corpus.counts, number, title, text)
    corpus.docs++
    corpus.terms += lengthOf(number)
  }

  #remove(corpus: CorpusChange, { project_id, kind, id }: DocRef): void {
    const gone = this.#db
      .sql('DELETE FROM search_docs WHERE project_id = ? AND kind = ? AND id = ? RETURNING doc, title, text')
      .get(project_id, kind, id)
    if (gone === undefined) return
    const number = Number(gone['doc'])
    const had = [...terms.of(String(gone['title'])), ...terms.of(String(gone['text']))]
    this.#terms.remove(corpus.counts, number, had)
    corpus.docs--
    corpus.terms -= lengthOf(number)
  }

  /** Takes out every document of every project. */
  dropAll(): void {
    this.#db.sql('DELETE FROM search_docs').run()
    this.#db.sql('DELETE FROM search_corpora').run()
    this.#terms.dropAll()
  }

  /**
   * The documents that fit the text best, the best first. Any text may be asked for: it is cut into terms like every document, and
   * nothing in it is syntax. Its cost hardly grows with the index, but for a kind that hardly a document has.
   */
  search({ project_ids, text, limit, kinds, now }: SearchFilter): Match[] {
    const wanted = new Set(terms.of(text.slice(0, SEARCH_COST.query_characters)))
    const { projects, ...corpus } = this.#corpus(project_ids)
    if (wanted.size === 0 || projects.length === 0 || limit <= 0) return []
    const chosen = chooseTerms(this.#terms.uses([...wanted].slice(0, SEARCH_COST.query_terms), projects))

    const mask = kindMask(kinds)
    const enough = candidatesFor(limit)
    const ranked = [...scoreTexts(this.#terms.postings(chosen, projects), corpus)]
      .map(([key, score]) => ({ key, score }))
      .filter(({ key }) => isOfKind(key, mask))
      .sort((a, b) => b.score - a.score || b.key - a.key)
      .slice(0, enough)
    if (ranked.length < limit) {
      const more = this.#terms.newestWith(chosen.common, projects, mask, enough)
      ranked.push(...more.map((key, i) => ({ key, score: -i })))
    }
    const docs = this.#candidates(ranked.map(({ key }) => key))
    // Two projects may share a prefix, however unlikely that is; nobody may see another's documents for that.
    for (const [key, doc] of docs) if (!projects.includes(doc.project_id)) docs.delete(key)
    const found = ranked.flatMap(({ key, score }) => placed(docs.get(key), score))
    return rankDocuments([...docs.values()], ranksOf(found), now)
      .slice(0, limit)
      .map(({ doc, score }) => this.#match(doc, score, wanted))
  }

  /** Those of the projects that have documents, and how much that is together. */
  #corpus(projectIds: readonly string[]): Corpus & { projects: string[] } {
    const sum = { projects: [] as string[], docs: 0, terms: 0 }
    for (const projectId of new Set(projectIds)) {
      const row = this.#db
        .sql('SELECT docs, terms FROM search_corpora WHERE project_id = ? AND docs > 0')
        .get(projectId)
      if (row === undefined) continue
      sum.projects.push(projectId)
      sum.docs += Number(row['docs'])
      sum.terms += Number(row['terms'])
    }
    return sum
  }

  #candidates(docs: readonly number[]): Map<number, Candidate> {
    const rows = this.#db
      .sql(`SELECT d.project_id, d.kind, d.id, d.doc, d.scope, d.focus, d.session_id, d.at, d.title
            FROM json_each(?) AS wanted CROSS JOIN search_docs AS d ON d.doc = wanted.value`)
      .all(JSON.stringify(docs)) as unknown as Candidate[]
    return new Map(rows.map((row) => [row.doc, row]))
  }

  #match({ doc, ...found }: Candidate, score: number, wanted: ReadonlySet<string>): Match {
    const text = String(this.#db.sql('SELECT text FROM search_docs WHERE doc = ?').get(doc)?.['text'] ?? '')
    return { ...found, score, snippet: snippetOf(text.trim() === '' ? found.title : text, wanted, terms) }
  }

  /** A free number of the document's second; where that is full, of the next. `lastNumbers` are the last of seconds that were asked for. */
  #freeNumber({ at, kind }: SearchDoc, length: number, lastNumbers: Map<number, number | null>): number {
    for (let first = firstNumber(at); ; first += SECOND) {
      const last = lastNumbers.has(first) ? (lastNumbers.get(first) ?? null) : this.#lastNumber(first)
      const free = nextNumber(first, last, kind, length)
      lastNumbers.set(first, free ?? last)
      if (free !== null) return free
    }
  }

  #lastNumber(first: number): number | null {
    const last = this.#db
      .sql('SELECT max(doc) AS last FROM search_docs WHERE doc >= ? AND doc < ?')
      .get(first, first + SECOND)?.['last']
    return typeof last === 'number' ? last : null
  }
}

/** What changes in one project. */
interface CorpusChange {
  docs: number
  terms: number
  readonly counts: TermCounts
}

function corpusOf(corpora: Map<string, CorpusChange>, projectId: string): CorpusChange {
  const known = corpora.get(projectId)
  if (known !== undefined) return known
  const corpus = { docs: 0, terms: 0, counts: new TermCounts(projectId) }
  corpora.set(projectId, corpus)
  return corpus
}

function placed(doc: Candidate | undefined, score: number): { key: Candidate; score: number }[] {
  return doc === undefined ? [] : [{ key: doc, score }]
}
