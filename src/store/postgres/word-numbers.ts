import { createHash } from 'node:crypto'
import type { Row, Sql } from './sql.ts'

/**
 * The numbers that one project's words, rooms and word sets go by, all that a call needs looked up at once. Words are numbered in the
 * order of their first appearance. What is given anew is in no table until it is saved; whoever saves holds the project's memory
 * lock, since two that count at once would give one number twice.
 */
export class WordNumbers {
  readonly #sql: Sql
  readonly #project: string
  readonly #saved: { readonly word: number; readonly room: number; readonly set: number }
  readonly #words: Map<string, number>
  readonly #rooms: Map<string, number>
  readonly #newWords: string[] = []
  readonly #newRooms: string[] = []
  #lastSet: number

  private constructor(
    sql: Sql,
    projectId: string,
    { last, words, rooms }: { last: Row | undefined; words: Map<string, number>; rooms: Map<string, number> },
  ) {
    this.#sql = sql
    this.#project = projectId
    this.#words = words
    this.#rooms = rooms
    this.#saved = {
      word: Number(last?.['last_word'] ?? 0),
      room: Number(last?.['last_room'] ?? 0),
      set: Number(last?.['last_set'] ?? 0),
    }
    this.#lastSet = this.#saved.set
  }

  /** `words` and `rooms` are all that will be asked for, any number of times. */
  static async of(
    sql: Sql,
    projectId: string,
    { words, rooms }: { words: Iterable<string>; rooms: Iterable<string> },
  ): Promise<WordNumbers> {
    const [wordKeys, roomKeys] = [keysOf(words), keysOf(rooms)]
    const [last, wordRows, roomRows] = await Promise.all([
      sql.get('SELECT last_word, last_room, last_set FROM rutter.word_set_numbers WHERE project_id = $1', [projectId]),
      sql.all(WORDS, [projectId, wordKeys]),
      sql.all(ROOMS, [projectId, roomKeys]),
    ])
    return new WordNumbers(sql, projectId, {
      last,
      words: numbered(wordKeys, wordRows),
      rooms: numbered(roomKeys, roomRows),
    })
  }

  /** The words' numbers, each once, in descending order: the newest words first. */
  ofWords(words: Iterable<string>): Uint32Array {
    return Uint32Array.from(keysOf(words), (word) => this.#ofWord(word))
      .sort()
      .reverse()
  }

  ofRoom(name: string): number {
    const room = indexable(name)
    const number = this.#rooms.get(room) ?? this.#saved.room + this.#newRooms.push(room)
    this.#rooms.set(room, number)
    return number
  }

  ofNextSet(): number {
    return ++this.#lastSet
  }

  /** Writes what was given anew; to be done once, as the last thing. */
  async save(): Promise<void> {
    const { word, room } = this.#saved
    const put = (text: string, keys: readonly string[], before: number) =>
      keys.length === 0 ? undefined : this.#sql.run(text, [this.#project, before, keys])
    await Promise.all([
      put(PUT_WORDS, this.#newWords, word),
      put(PUT_ROOMS, this.#newRooms, room),
      this.#sql.run(
        `INSERT INTO rutter.word_set_numbers (project_id, last_word, last_room, last_set) VALUES ($1, $2, $3, $4)
         ON CONFLICT (project_id) DO UPDATE SET last_word = excluded.last_word, last_room = excluded.last_room,
           last_set = excluded.last_set`,
        [this.#project, word + this.#newWords.length, room + this.#newRooms.length, this.#lastSet],
      ),
    ])
  }

  #ofWord(word: string): number {
    const number = this.#words.get(word) ?? this.#saved.word + this.#newWords.push(word)
    this.#words.set(word, number)
    return number
  }
}

// OFFSET 0 keeps the lookup a lookup: planned as a join, it may become one that reads the whole table.
const WORDS = `
  SELECT asked.nth, found.number FROM unnest($2::text[]) WITH ORDINALITY AS asked (word, nth)
  CROSS JOIN LATERAL (SELECT number FROM rutter.word_set_words WHERE project_id = $1 AND word = asked.word OFFSET 0) AS found`
const ROOMS = `
  SELECT asked.nth, found.number FROM unnest($2::text[]) WITH ORDINALITY AS asked (room, nth)
  CROSS JOIN LATERAL (SELECT number FROM rutter.word_set_rooms WHERE project_id = $1 AND room = asked.room OFFSET 0) AS found`
const PUT_WORDS = `
  INSERT INTO rutter.word_set_words (project_id, word, number)
  SELECT $1, word, $2 + nth FROM unnest($3::text[]) WITH ORDINALITY AS given (word, nth)`
const PUT_ROOMS = `
  INSERT INTO rutter.word_set_rooms (project_id, room, number)
  SELECT $1, room, $2 + nth FROM unnest($3::text[]) WITH ORDINALITY AS given (room, nth)`

function numbered(keys: readonly string[], rows: readonly Row[]): Map<string, number> {
  return new Map(rows.map((row) => [keys[Number(row['nth']) - 1] as string, Number(row['number'])]))
}

/** Each once, as they stand in the tables. */
export function keysOf(texts: Iterable<string>): string[] {
  return [...new Set(Array.from(texts, indexable))]
}

/** In bytes. An entry of an index has at most about 2,700, and some of ours have three texts. */
const LONGEST_KEY = 600
const DIGEST = 'sha256:'

/**
 * The text that stands for another in an index, which takes no long ones: itself, or a digest of it. Different texts have different
 * ones, but for halves of characters, which the database cannot keep: those are all U+FFFD, as they are in the embedded store.
 */
export function indexable(text: string): string {
  const wellFormed = text.toWellFormed()
  // No character has more than three bytes for each of its code units.
  const isShort = wellFormed.length * 3 <= LONGEST_KEY || Buffer.byteLength(wellFormed) <= LONGEST_KEY
  if (isShort && !wellFormed.startsWith(DIGEST)) return wellFormed
  return DIGEST + createHash('sha256').update(wellFormed).digest('hex')
}
