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
import type { Database } from './database.ts'
import { WordNumbers } from './word-numbers.ts'

/** Inserted in one go, by a put of many: those of some 20,000 sets. More at once gain little. */
const LEADS_AT_ONCE = 240_000

/** Inserted by one statement: to call SQLite costs more than the row does. */
const LEADS_IN_ONE = 100

const INSERT_LEAD =
  'INSERT INTO word_set_leads (project_id, room, word, size, position, word_set) VALUES (?1, ?, ?, ?, ?, ?)'
const INSERT_LEADS = INSERT_LEAD + ', (?1, ?, ?, ?, ?, ?)'.repeat(LEADS_IN_ONE - 1)

/**
 * Sets of words, and every one that is similar to a given one: exactly, and without looking at all of them. Everything runs in the
 * caller's transaction; what it does not commit has not happened, and nothing is remembered between two calls.
 */
export class WordSets {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /** Puts a set in; one that the doc has in this room already is replaced. */
  put(room: RoomRef, doc: string, words: Iterable<string>): void {
    this.putAll([{ room, doc, words }])
  }

  /** Puts many sets in; of those for one doc in one room, the last. Much faster than one by one. */
  putAll(sets: Iterable<WordSet>): void {
    const projects = new Map<string, Bulk>()
    for (const { room, doc, words } of sets) {
      let bulk = projects.get(room.project_id)
      if (bulk === undefined) {
        bulk = { numbers: new WordNumbers(this.#db, room.project_id), leads: [] }
        projects.set(room.project_id, bulk)
      }
      this.#put(bulk, room, doc, words)
      if (bulk.leads.length >= LEADS_AT_ONCE) this.#insertLeads(room.project_id, bulk.leads)
    }
    for (const [projectId, { numbers, leads }] of projects) {
      this.#insertLeads(projectId, leads)
      numbers.save()
    }
  }

  /** Takes a set out; nothing where there is none. */
  remove({ project_id, room }: RoomRef, doc: string): void {
    const set = this.#find(project_id, new WordNumbers(this.#db, project_id).ofRoom(room), doc)
    if (set !== undefined) this.#remove(project_id, set)
  }

  /**
   * Every set of the room with a similarity of at least `threshold` (0.5 to 1), the most similar first and equals by doc, the last
   * first. Words that no set has count as words. Reads only. Throws a RangeError for a threshold that the index was not made for.
   */
  similar({ project_id, room }: RoomRef, words: Iterable<string>, threshold: number): SimilarDoc[] {
    checkSearched(threshold)
    const numbers = new WordNumbers(this.#db, project_id)
    const roomNumber = numbers.ofRoom(room)
    if (numbers.isNewRoom(roomNumber)) return []
    const query = numbers.ofWords(words)
    const { meetings, minSize, maxSizes, lastPosition } = searchPlan(query.length, threshold)
    // A word that nobody has used leads the query, and leads nowhere.
    const leads = [...query.subarray(0, maxSizes.length)]
      .map((word, position) => [word, maxSizes[position] as number] as const)
      .filter(([word]) => !numbers.isNewWord(word))
    const candidates = this.#db
      .sql(`SELECT s.doc, s.words FROM (
              SELECT l.word_set AS number FROM json_each(?) AS asked CROSS JOIN word_set_leads AS l
              WHERE l.project_id = ? AND l.room = ? AND l.word = asked.value ->> 0
                AND l.size BETWEEN ? AND asked.value ->> 1 AND l.position <= ? * l.size + ?
              GROUP BY l.word_set HAVING count(*) >= ?
            ) AS met CROSS JOIN word_sets AS s ON s.project_id = ? AND s.number = met.number`)
      .all(
        JSON.stringify(leads),
        project_id,
        roomNumber,
        minSize,
        lastPosition.perWord,
        lastPosition.offset,
        meetings,
        project_id,
      )
    const found = candidates.map((row) => ({ doc: String(row['doc']), words: unpacked(row['words'] as Uint8Array) }))
    return mostSimilar(query, found, threshold)
  }

  /** Empties the index, of all projects. */
  dropAll(): void {
    for (const table of TABLES) this.#db.sql(`DELETE FROM ${table}`).run()
  }

  #put({ numbers, leads }: Bulk, { project_id, room }: RoomRef, doc: string, words: Iterable<string>): void {
    const roomNumber = numbers.ofRoom(room)
    const sorted = numbers.ofWords(words)
    const replaced = this.#find(project_id, roomNumber, doc)
    if (replaced !== undefined) {
      if (hasSameWords(sorted, replaced.words)) return
      // Its leads may be among those that wait.
      this.#insertLeads(project_id, leads)
      this.#remove(project_id, replaced)
    }
    const set = { number: numbers.ofNextSet(), room: roomNumber, words: sorted }
    this.#db
      .sql('INSERT INTO word_sets (project_id, number, room, doc, words) VALUES (?, ?, ?, ?, ?)')
      .run(project_id, set.number, set.room, doc, packed(set.words))
    for (const lead of leadsOf(set)) leads.push(lead)
  }

  /** Inserts them in the order of the table, so that those that come to lie on one page are written together; and empties the list. */
  #insertLeads(projectId: string, leads: Lead[]): void {
    leads.sort(inOrderOfIndex)
    for (let i = 0; i < leads.length; ) {
      const count = leads.length - i < LEADS_IN_ONE ? 1 : LEADS_IN_ONE
      const values: number[] = []
      for (const end = i + count; i < end; i++) {
        const { room, word, size, position, set } = leads[i] as Lead
        values.push(room, word, size, position, set)
      }
      this.#db.sql(count === 1 ? INSERT_LEAD : INSERT_LEADS).run(projectId, ...values)
    }
    leads.length = 0
  }

  #find(projectId: string, room: number, doc: string): StoredSet | undefined {
    const row = this.#db
      .sql('SELECT number, words FROM word_sets WHERE project_id = ? AND room = ? AND doc = ?')
      .get(projectId, room, doc)
    if (row === undefined) return undefined
    return { number: Number(row['number']), room, words: unpacked(row['words'] as Uint8Array) }
  }

  #remove(projectId: string, stored: StoredSet): void {
    const remove = this.#db.sql(
      `DELETE FROM word_set_leads
       WHERE project_id = ? AND room = ? AND word = ? AND size = ? AND position = ? AND word_set = ?`,
    )
    for (const { room, word, size, position, set } of leadsOf(stored)) {
      remove.run(projectId, room, word, size, position, set)
    }
    this.#db.sql('DELETE FROM word_sets WHERE project_id = ? AND number = ?').run(projectId, stored.number)
  }
}

/** Puts of one project that belong together. */
interface Bulk {
  readonly numbers: WordNumbers
  /** Not inserted yet. */
  readonly leads: Lead[]
}

const TABLES = ['word_set_numbers', 'word_set_words', 'word_set_rooms', 'word_sets', 'word_set_leads']

const BYTES = 4

function packed(numbers: Uint32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(numbers.length * BYTES))
  for (const [i, number] of numbers.entries()) view.setUint32(i * BYTES, number, true)
  return new Uint8Array(view.buffer)
}

function unpacked(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const numbers = new Uint32Array(bytes.length / BYTES)
  for (let i = 0; i < numbers.length; i++) numbers[i] = view.getUint32(i * BYTES, true)
  return numbers
}
