import { stemmer } from 'stemmer'
import {
  type Corpus,
  candidatesFor,
  chooseTerms,
  lengthClass,
  lengthOfClass,
  rankDocuments,
  ranksOf,
  SEARCH_COST,
  scoreTexts,
} from '../../domain/memory/ranking.ts'
import { type DocRef, MATCH_KINDS, type MatchKind, type SearchDoc } from '../../domain/memory/search-doc.ts'
import { snippetOf } from '../../domain/memory/snippet.ts'
import { termsWith } from '../../domain/memory/terms.ts'
import { byText } from '../../domain/order.ts'
import type { Match, SearchFilter } from '../../ports/memory.ts'
import { TEXT } from './column.ts'
import { isSampled, keyOf, momentOf, SAMPLED_OF, startOfKey } from './doc-number.ts'
import { type Row, restored, restoredOrNull, type Sql } from './sql.ts'
import { CORPUS_COUNTED, indexedTerms, type Place, SMALL_CORPUS, TERM_SCHEMA, TermIndex } from './term-index.ts'

/**
 * One row a document: what is found, and by what. There are no counters beside it, see `TermIndex.uses`, so writers of different
 * documents never wait for each other.
 */
export const SEARCH_SCHEMA = `
  -- Where an id is too long for an index, id is a key made of it and long_id the whole.
  CREATE TABLE rutter.search_docs (
    project_id ${TEXT}, kind ${TEXT}, id ${TEXT}, long_id text,
    scope ${TEXT}, focus text, session_id text, at ${TEXT}, moment bigint NOT NULL,
    length integer NOT NULL, sampled boolean NOT NULL, terms tsvector NOT NULL, weights jsonb NOT NULL,
    title ${TEXT}, text ${TEXT},
    PRIMARY KEY (project_id, kind, id)
  );
  CREATE INDEX search_docs_by_moment ON rutter.search_docs (project_id, moment, kind, id);
  CREATE INDEX search_docs_sampled ON rutter.search_docs (project_id, length) WHERE sampled;
  ${TERM_SCHEMA}`

/** Documents in one statement; more at once gain nothing. */
const DOCS_AT_ONCE = 500

/** Bytes of a text that comes with its candidate; longer ones are fetched for the matches alone. */
const SHORT_TEXT = 4000

const terms = termsWith(stemmer)

/** What is shown of a document, and its text where that is short. */
interface Candidate extends Omit<SearchDoc, 'text'> {
  readonly place: Place
  readonly text: string | null
}

/** Text search over what was learned and done; everything happens in the caller's transaction. */
export class SearchIndex {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Adds a document, in place of the one with the same project, kind and id. */
  async put(doc: SearchDoc): Promise<void> {
    await this.putAll([doc])
  }

  /** The same for many; of two for one place the last counts. */
  async putAll(docs: readonly SearchDoc[]): Promise<void> {
    // In one order for all writers, so that two who put the same documents never wait for each other in a circle.
    const rows = inOrder(docs)
    const puts: Promise<unknown>[] = []
    for (let i = 0; i < rows.length; i += DOCS_AT_ONCE) {
      puts.push(this.#sql.run(PUT, columnsOf(rows.slice(i, i + DOCS_AT_ONCE))))
    }
    await Promise.all(puts)
  }

  /** Takes a document out; nothing where there is none. */
  async remove(projectId: string, kind: MatchKind, id: string): Promise<void> {
    await this.removeMany([{ project_id: projectId, kind, id }])
  }

  /** The same for many. */
  async removeMany(docs: readonly DocRef[]): Promise<void> {
    if (docs.length > 0) await this.#sql.run(REMOVE, refsOf(inOrder(docs)))
  }

  /** Takes out the documents whose ids begin with a text. */
  async removeAll(projectId: string, kind: MatchKind, idPrefix: string): Promise<void> {
    const start = startOfKey(idPrefix)
    await this.#sql.run(REMOVE_ALL, [projectId, kind, start, `${start}\u{10FFFF}`, idPrefix])
  }

  /** Takes out every document of a project. Not of all, as the embedded store does: this database has other teams' too. */
  async dropAll(projectId: string): Promise<void> {
    await this.#sql.run('DELETE FROM rutter.search_docs WHERE project_id = $1', [projectId])
  }

  /**
   * The documents that fit the text best, the best first. Any text may be asked for: it is cut into terms like every document, and
   * nothing in it is syntax. Its cost hardly grows with the index, but for a kind that hardly a document has.
   */
  async search({ project_ids, text, limit, kinds = MATCH_KINDS, now }: SearchFilter): Promise<Match[]> {
    const wanted = new Set(terms.of(text.slice(0, SEARCH_COST.query_characters)))
    const projects = [...new Set(project_ids)]
    if (wanted.size === 0 || projects.length === 0 || kinds.length === 0 || limit <= 0) return []
    const index = new TermIndex(this.#sql)
    const [corpus, uses] = await Promise.all([
      this.#corpus(projects),
      index.uses([...wanted].slice(0, SEARCH_COST.query_terms), projects),
    ])
    const chosen = chooseTerms(uses)

    const enough = candidatesFor(limit)
    const ranked = [...scoreTexts(await index.postings(chosen, projects), corpus)]
      .map(([key, score]) => ({ key, score }))
      .filter(({ key }) => kinds.includes(key.kind))
      .sort((a, b) => b.score - a.score || newestFirst(a.key, b.key))
      .slice(0, enough)
    if (ranked.length < limit) {
      const more = await index.newestWith(chosen.common, projects, kinds, enough)
      ranked.push(...more.map((key, i) => ({ key, score: -i })))
    }
    const docs = await this.#candidates(ranked.map(({ key }) => key))
    const found = ranked.flatMap(({ key, score }) => {
      const doc = docs.get(key)
      return doc === undefined ? [] : [{ key: doc, score }]
    })
    const best = rankDocuments([...docs.values()], ranksOf(found), now).slice(0, limit)
    const texts = await this.#texts(best.map(({ doc }) => doc))
    return best.map(({ doc, score }) => {
      const { place: _, text: __, ...shown } = doc
      const said = texts.get(doc) ?? ''
      return { ...shown, score, snippet: snippetOf(said.trim() === '' ? doc.title : said, wanted, terms) }
    })
  }

  /** How much the projects have together: counted where that is little, and otherwise told from the sample. */
  async #corpus(projects: readonly string[]): Promise<Corpus> {
    const row = await this.#sql.get(CORPUS, [projects])
    const counted = row?.['counted'] as [unknown, unknown] | null | undefined
    if (counted) return { docs: Number(counted[0]), terms: Number(counted[1]) }
    return { docs: Number(row?.['docs']) * SAMPLED_OF, terms: Number(row?.['terms']) * SAMPLED_OF }
  }

  async #candidates(places: readonly Place[]): Promise<Map<Place, Candidate>> {
    const asked = [...new Set(places)]
    if (asked.length === 0) return new Map()
    const rows = await this.#sql.all(CANDIDATES, refsOf(asked))
    return new Map(
      rows.flatMap((row) => {
        const place = asked[Number(row['nth']) - 1]
        return place === undefined ? [] : [[place, candidateOf(row, place)]]
      }),
    )
  }

  /** The texts of documents, fetched where they are long. */
  async #texts(docs: readonly Candidate[]): Promise<Map<Candidate, string>> {
    const texts = new Map(docs.flatMap((doc) => (doc.text === null ? [] : [[doc, doc.text]])))
    const long = docs.filter((doc) => doc.text === null)
    if (long.length === 0) return texts
    const rows = await this.#sql.all(TEXTS, refsOf(long.map(({ place }) => place)))
    for (const row of rows) {
      const doc = long[Number(row['nth']) - 1]
      if (doc !== undefined) texts.set(doc, restored(row['text']))
    }
    return texts
  }
}

const PUT = `
  INSERT INTO rutter.search_docs (project_id, kind, id, long_id, scope, focus, session_id, at, moment, length, sampled, terms,
    weights, title, text)
  SELECT project_id, kind, id, long_id, scope, focus, session_id, at, moment, length, sampled,
    array_to_tsvector(string_to_array(lexemes, ' ')), weights, title, text
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[],
      $10::integer[], $11::boolean[], $12::text[], $13::jsonb[], $14::text[], $15::text[])
    AS given (project_id, kind, id, long_id, scope, focus, session_id, at, moment, length, sampled, lexemes, weights, title, text)
  ON CONFLICT (project_id, kind, id) DO UPDATE SET long_id = excluded.long_id, scope = excluded.scope, focus = excluded.focus,
    session_id = excluded.session_id, at = excluded.at, moment = excluded.moment, length = excluded.length,
    sampled = excluded.sampled, terms = excluded.terms, weights = excluded.weights, title = excluded.title, text = excluded.text`

// Locked first, in the order that was given: a DELETE alone takes the rows in whatever order its plan comes upon them.
const REMOVE = `
  WITH gone AS MATERIALIZED (
    SELECT d.project_id, d.kind, d.id FROM rutter.search_docs AS d
    JOIN unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS asked (project_id, kind, id, nth)
      ON d.project_id = asked.project_id AND d.kind = asked.kind AND d.id = asked.id
    ORDER BY asked.nth FOR UPDATE OF d
  )
  DELETE FROM rutter.search_docs AS d USING gone
  WHERE d.project_id = gone.project_id AND d.kind = gone.kind AND d.id = gone.id`

const REMOVE_ALL = `
  DELETE FROM rutter.search_docs
  WHERE project_id = $1 AND kind = $2 AND id >= $3 AND id < $4 AND starts_with(coalesce(long_id, id), $5)`

// By time and with a bound, or a plan that was made without knowing the project reads the whole table for a small one.
const CORPUS = `
  SELECT sample.docs, sample.terms, CASE WHEN sample.docs < ${SMALL_CORPUS} THEN (
    SELECT ARRAY[count(*), coalesce(sum(length), 0)] FROM unnest($1::text[]) AS asked (project_id) CROSS JOIN LATERAL (
      SELECT length FROM rutter.search_docs WHERE project_id = asked.project_id
      ORDER BY moment DESC, kind DESC, id DESC LIMIT ${CORPUS_COUNTED}
    ) AS d) END AS counted
  FROM (
    SELECT count(*) AS docs, coalesce(sum(length), 0) AS terms FROM rutter.search_docs
    WHERE project_id = ANY ($1::text[]) AND sampled
  ) AS sample`

// OFFSET 0 keeps the lookup a lookup: planned as a join, it may become one that reads the whole table.
const looked = (columns: string) => `
  SELECT asked.nth, d.* FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS asked (project_id, kind, id, nth)
  CROSS JOIN LATERAL (
    SELECT ${columns} FROM rutter.search_docs
    WHERE project_id = asked.project_id AND kind = asked.kind AND id = asked.id OFFSET 0
  ) AS d`
const CANDIDATES = looked(`coalesce(long_id, id) AS id, scope, focus, session_id, at, title,
  CASE WHEN octet_length(text) <= ${SHORT_TEXT} THEN text END AS text`)
const TEXTS = looked('text')

function inOrder<D extends DocRef>(docs: readonly D[]): (D & { readonly key: string })[] {
  const keyed = docs.map((doc) => ({ ...doc, key: keyOf(doc.id) }))
  const each = new Map(keyed.map((doc) => [`${doc.kind} ${doc.key.length} ${doc.key} ${doc.project_id}`, doc]))
  return [...each.values()].sort(
    (a, b) => byText(a.project_id, b.project_id) || byText(a.kind, b.kind) || byText(a.key, b.key),
  )
}

function refsOf(docs: readonly { project_id: string; kind: string; key: string }[]): string[][] {
  return [docs.map(({ project_id }) => project_id), docs.map(({ kind }) => kind), docs.map(({ key }) => key)]
}

function columnsOf(docs: readonly (SearchDoc & { readonly key: string })[]) {
  const cut = docs.map((doc) => ({ title: terms.of(doc.title), text: terms.of(doc.text) }))
  const indexed = docs.map((doc, i) => indexedTerms(doc.project_id, cut[i]?.title ?? [], cut[i]?.text ?? []))
  return [
    ...refsOf(docs),
    docs.map(({ id, key }) => (id === key ? null : id)),
    docs.map(({ scope }) => scope),
    docs.map(({ focus }) => focus),
    docs.map(({ session_id }) => session_id),
    docs.map(({ at }) => at),
    docs.map(({ at }) => momentOf(at)),
    cut.map(({ title, text }) => lengthOfClass(lengthClass(title.length + text.length))),
    docs.map(({ kind, id }) => String(isSampled(kind, id))),
    indexed.map(({ lexemes }) => lexemes),
    indexed.map(({ weights }) => weights),
    docs.map(({ title }) => title),
    docs.map(({ text }) => text),
  ]
}

function candidateOf(row: Row, place: Place): Candidate {
  return {
    place,
    project_id: place.project_id,
    kind: place.kind,
    id: restored(row['id']),
    scope: String(row['scope']) as SearchDoc['scope'],
    focus: restoredOrNull(row['focus']),
    session_id: restoredOrNull(row['session_id']),
    at: restored(row['at']),
    title: restored(row['title']),
    text: restoredOrNull(row['text']),
  }
}

function newestFirst(a: Place, b: Place): number {
  return b.moment - a.moment || byText(b.kind, a.kind) || byText(b.key, a.key)
}
