import { searchPlan } from '../../domain/memory/similarity.ts'
import {
  checkSearched,
  hasSameWords,
  inOrderOfIndex,
  type Lead,
  leadsOf,
  mostSimilar,
  type RoomRef,
  type SimilarDoc,
  type StoredSet,
  type WordSet,
} from '../../domain/memory/word-sets.ts'
import { TEXT } from './column.ts'
import { type Row, restored, type Sql } from './sql.ts'
import { indexable, keysOf, WordNumbers } from './word-numbers.ts'

/**
 * Numbers are given per project, never across: to words in the order of their first appearance, to rooms, and to sets. A number
 * is not given twice; a word keeps its own when the last set that has it is gone.
 */
export const WORD_SETS_SCHEMA = `
  CREATE TABLE rutter.word_set_numbers (
    project_id ${TEXT}, last_word integer NOT NULL, last_room integer NOT NULL, last_set integer NOT NULL,
    PRIMARY KEY (project_id)
  );

  CREATE TABLE rutter.word_set_words (
    project_id ${TEXT}, word ${TEXT}, number integer NOT NULL,
    PRIMARY KEY (project_id, word)
  );

  CREATE TABLE rutter.word_set_rooms (
    project_id ${TEXT}, room ${TEXT}, number integer NOT NULL,
    PRIMARY KEY (project_id, room)
  );

  -- Each set whole: the numbers of its words, the last given first. Where the doc's id is too long for an index, doc is its digest.
  CREATE TABLE rutter.word_sets (
    project_id ${TEXT}, number integer NOT NULL, room integer NOT NULL, doc ${TEXT}, long_doc text, words integer[] NOT NULL,
    PRIMARY KEY (project_id, number)
  );
  CREATE UNIQUE INDEX word_sets_by_doc ON rutter.word_sets (project_id, room, doc);

  -- The leading words of each set: those whose numbers were given last, and that therefore few sets have.
  CREATE TABLE rutter.word_set_leads (
    project_id ${TEXT}, room integer NOT NULL, word integer NOT NULL, size integer NOT NULL, position integer NOT NULL,
    word_set integer NOT NULL,
    PRIMARY KEY (project_id, room, word, size, position, word_set)
  );
`

/** Inserted in one go, by a put of many. More at once gain nothing. */
const SETS_AT_ONCE = 5000

/**
 * Sets of words, and every one that is similar to a given one: exactly, and without looking at all of them. Everything runs in the
 * caller's transaction, a change under the project's memory lock; nothing is remembered between two calls.
 */
export class WordSets {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Puts a set in; one that the doc has in this room already is replaced. */
  async put(room: RoomRef, doc: string, words: Iterable<string>): Promise<void> {
    await this.putAll([{ room, doc, words }])
  }

  /** Puts many sets in; of those for one doc in one room, the last. As many waits for the database as for a single one. */
  async putAll(sets: Iterable<WordSet>): Promise<void> {
    for (const [projectId, all] of byProject(sets, ({ room }) => room.project_id)) {
      const last = [...new Map(all.map((set) => [JSON.stringify([set.room.room, set.doc]), set])).values()]
      for (let i = 0; i < last.length; i += SETS_AT_ONCE) await this.#put(projectId, last.slice(i, i + SETS_AT_ONCE))
    }
  }

  /** Takes a set out; nothing where there is none. */
  async remove(room: RoomRef, doc: string): Promise<void> {
    await this.removeAll([{ room, doc }])
  }

  /** Takes many sets out. */
  async removeAll(sets: Iterable<Omit<WordSet, 'words'>>): Promise<void> {
    for (const [projectId, all] of byProject(sets, ({ room }) => room.project_id)) {
      await this.#remove(projectId, [...(await this.#find(projectId, all)).values()])
    }
  }

  /**
   * Every set of the room with a similarity of at least `threshold` (0.5 to 1), the most similar first and equals by doc, the last
   * first. Words that no set has count as words. Reads only. Throws a RangeError for a threshold that the index was not made for.
   */
  async similar({ project_id, room }: RoomRef, words: Iterable<string>, threshold: number): Promise<SimilarDoc[]> {
    checkSearched(threshold)
    const keys = keysOf(words)
    const { meetings, minSize, maxSizes, lastPosition } = searchPlan(keys.length, threshold)
    const values = [keys, maxSizes, minSize, lastPosition.perWord, lastPosition.offset, meetings]
    const candidates = await this.#sql.all(SIMILAR, [project_id, indexable(room), ...values])
    const found = candidates.map((row) => ({ doc: docOf(row), words: numbersIn(row['words']) }))
    return mostSimilar(queryOf(candidates[0], keys.length), found, threshold)
  }

  /** Empties the index of a project. */
  async dropAll(projectId: string): Promise<void> {
    await Promise.all(
      TABLES.map((table) => this.#sql.run(`DELETE FROM rutter.${table} WHERE project_id = $1`, [projectId])),
    )
  }

  /** Of several sets for one doc in one room, one may be given. */
  async #put(projectId: string, sets: readonly WordSet[]): Promise<void> {
    const given = sets.map((set) => ({ ...set, words: [...set.words] }))
    const [numbers, found] = await Promise.all([
      WordNumbers.of(this.#sql, projectId, {
        words: given.flatMap(({ words }) => words),
        rooms: given.map(({ room }) => room.room),
      }),
      this.#find(projectId, given),
    ])
    const removed: StoredSet[] = []
    const added: (StoredSet & { doc: string })[] = []
    for (const [i, { room, doc, words }] of given.entries()) {
      const sorted = numbers.ofWords(words)
      const replaced = found.get(i)
      if (replaced !== undefined) {
        if (hasSameWords(sorted, replaced.words)) continue
        removed.push(replaced)
      }
      added.push({ number: numbers.ofNextSet(), room: numbers.ofRoom(room.room), doc, words: sorted })
    }
    if (added.length === 0) return
    const docs = added.map(({ doc }) => ({ key: indexable(doc), doc: doc.toWellFormed() }))
    const leads = added.flatMap(leadsOf).sort(inOrderOfIndex)
    await Promise.all([
      this.#remove(projectId, removed),
      numbers.save(),
      this.#sql.run(PUT_SETS, [
        projectId,
        added.map(({ number }) => number),
        added.map(({ room }) => room),
        docs.map(({ key }) => key),
        docs.map(({ key, doc }) => (key === doc ? null : doc)),
        added.map(({ words }) => `{${words.join(',')}}`),
      ]),
      this.#sql.run(PUT_LEADS, [projectId, ...columnsOf(leads)]),
    ])
  }

  /** The stored ones, by their places in the list. */
  async #find(projectId: string, sets: readonly Omit<WordSet, 'words'>[]): Promise<Map<number, StoredSet>> {
    const rows = await this.#sql.all(FIND, [
      projectId,
      sets.map(({ room }) => indexable(room.room)),
      sets.map(({ doc }) => indexable(doc)),
    ])
    return new Map(
      rows.map((row) => {
        const stored = { number: Number(row['number']), room: Number(row['room']), words: numbersIn(row['words']) }
        return [Number(row['nth']) - 1, stored]
      }),
    )
  }

  async #remove(projectId: string, stored: readonly StoredSet[]): Promise<void> {
    if (stored.length === 0) return
    await Promise.all([
      this.#sql.run(REMOVE_LEADS, [projectId, ...columnsOf(stored.flatMap(leadsOf))]),
      this.#sql.run('DELETE FROM rutter.word_sets WHERE project_id = $1 AND number = ANY ($2::integer[])', [
        projectId,
        stored.map(({ number }) => number),
      ]),
    ])
  }
}

/**
 * A word that nobody has used leads the query, and leads nowhere: the known ones stand behind all of those. OFFSET 0 keeps each lookup
 * a lookup; planned as a join, it may become one that reads the whole index.
 */
const SIMILAR = `
  WITH known AS MATERIALIZED (
    SELECT found.number, row_number() OVER (ORDER BY found.number DESC) AS nth, count(*) OVER () AS count
    FROM unnest($3::text[]) AS asked (word)
    CROSS JOIN LATERAL (SELECT number FROM rutter.word_set_words WHERE project_id = $1 AND word = asked.word OFFSET 0) AS found
  ), asked AS MATERIALIZED (
    SELECT r.number AS room, k.number AS word, ($4::integer[])[cardinality($3::text[]) - k.count + k.nth] AS max_size
    FROM known AS k CROSS JOIN (SELECT number FROM rutter.word_set_rooms WHERE project_id = $1 AND room = $2) AS r
  ), met AS MATERIALIZED (
    SELECT l.word_set FROM asked CROSS JOIN LATERAL (
      SELECT word_set FROM rutter.word_set_leads
      WHERE project_id = $1 AND room = asked.room AND word = asked.word
        AND size BETWEEN $5 AND asked.max_size AND position <= $6::double precision * size + $7::double precision
      OFFSET 0
    ) AS l GROUP BY l.word_set HAVING count(*) >= $8
  )
  SELECT s.doc, s.long_doc, s.words::text AS words, (SELECT array_agg(number ORDER BY nth) FROM known)::text AS known
  FROM met CROSS JOIN LATERAL (
    SELECT doc, long_doc, words FROM rutter.word_sets WHERE project_id = $1 AND number = met.word_set OFFSET 0
  ) AS s`

const FIND = `
  SELECT asked.nth, s.number, s.room, s.words::text AS words
  FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS asked (room, doc, nth)
  CROSS JOIN LATERAL (SELECT number FROM rutter.word_set_rooms WHERE project_id = $1 AND room = asked.room OFFSET 0) AS r
  CROSS JOIN LATERAL (
    SELECT number, room, words FROM rutter.word_sets WHERE project_id = $1 AND room = r.number AND doc = asked.doc OFFSET 0
  ) AS s`

/** An array for each set would become one array of all numbers, so each comes as text. */
const PUT_SETS = `
  INSERT INTO rutter.word_sets (project_id, number, room, doc, long_doc, words)
  SELECT $1, number, room, doc, long_doc, words::integer[]
  FROM unnest($2::integer[], $3::integer[], $4::text[], $5::text[], $6::text[]) AS given (number, room, doc, long_doc, words)`

const LEADS = `unnest($2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::integer[])
  AS given (room, word, size, position, word_set)`
const PUT_LEADS = `
  INSERT INTO rutter.word_set_leads (project_id, room, word, size, position, word_set)
  SELECT $1, room, word, size, position, word_set FROM ${LEADS}`
const REMOVE_LEADS = `
  DELETE FROM rutter.word_set_leads AS l USING ${LEADS}
  WHERE l.project_id = $1 AND l.room = given.room AND l.word = given.word AND l.size = given.size
    AND l.position = given.position AND l.word_set = given.word_set`

function columnsOf(leads: readonly Lead[]): number[][] {
  return (['room', 'word', 'size', 'position', 'set'] as const).map((column) => leads.map((lead) => lead[column]))
}

function byProject<T>(all: Iterable<T>, projectOf: (one: T) => string): Map<string, T[]> {
  return Map.groupBy(all, projectOf)
}

const TABLES = ['word_set_numbers', 'word_set_words', 'word_set_rooms', 'word_sets', 'word_set_leads']

/** The query's numbers: words that nobody has used have none, and stand before the others, where they are equal to nothing. */
function queryOf(row: Row | undefined, size: number): Uint32Array {
  const known = numbersIn(row?.['known'] ?? '{}')
  const query = Uint32Array.from({ length: size }, (_, i) => HIGHEST - i)
  query.set(known, size - known.length)
  return query
}

/** Far above what the database's integers can be. */
const HIGHEST = 2 ** 32 - 1

/** The numbers of an array as the database writes it. */
function numbersIn(array: unknown): Uint32Array {
  return Uint32Array.from(JSON.parse(`[${String(array).slice(1, -1)}]`) as number[])
}

function docOf(row: Row): string {
  return restored(row['long_doc'] ?? row['doc'])
}
