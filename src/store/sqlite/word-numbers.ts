import type { Database } from './database.ts'

/**
 * The numbers that one project's words, rooms and word sets go by, each looked up once. Words are numbered in the order of their
 * first appearance. What is given anew is in no table until it is saved, so a search may ask for words that nobody has used.
 */
export class WordNumbers {
  readonly #db: Database
  readonly #project: string
  readonly #saved: { readonly word: number; readonly room: number; readonly set: number }
  readonly #words = new Map<string, number>()
  readonly #rooms = new Map<string, number>()
  readonly #newWords: string[] = []
  readonly #newRooms: string[] = []
  #lastSet: number

  constructor(db: Database, projectId: string) {
    this.#db = db
    this.#project = projectId
    const row = db
      .sql('SELECT last_word, last_room, last_set FROM word_set_numbers WHERE project_id = ?')
      .get(projectId)
    this.#saved = {
      word: Number(row?.['last_word'] ?? 0),
      room: Number(row?.['last_room'] ?? 0),
      set: Number(row?.['last_set'] ?? 0),
    }
    this.#lastSet = this.#saved.set
  }

  /** The words' numbers, each once, in descending order: the newest words first. */
  ofWords(words: Iterable<string>): Uint32Array {
    const numbers = new Set<number>()
    for (const word of words) numbers.add(this.#words.get(word) ?? this.#ofWord(asStored(word)))
    return Uint32Array.from(numbers).sort().reverse()
  }

  ofRoom(name: string): number {
    const room = asStored(name)
    const number =
      this.#rooms.get(room) ??
      this.#look('SELECT number FROM word_set_rooms WHERE project_id = ? AND room = ?', room, this.#saved.room) ??
      this.#saved.room + this.#newRooms.push(room)
    this.#rooms.set(room, number)
    return number
  }

  ofNextSet(): number {
    return ++this.#lastSet
  }

  isNewWord(number: number): boolean {
    return number > this.#saved.word
  }

  isNewRoom(number: number): boolean {
    return number > this.#saved.room
  }

  /** Writes what was given anew; to be done once, as the last thing. */
  save(): void {
    const { word, room } = this.#saved
    const putWord = this.#db.sql('INSERT INTO word_set_words (project_id, word, number) VALUES (?, ?, ?)')
    for (const [i, text] of this.#newWords.entries()) putWord.run(this.#project, text, word + i + 1)
    const putRoom = this.#db.sql('INSERT INTO word_set_rooms (project_id, room, number) VALUES (?, ?, ?)')
    for (const [i, text] of this.#newRooms.entries()) putRoom.run(this.#project, text, room + i + 1)
    this.#db
      .sql(`INSERT INTO word_set_numbers (project_id, last_word, last_room, last_set) VALUES (?, ?, ?, ?)
            ON CONFLICT (project_id) DO UPDATE SET last_word = excluded.last_word, last_room = excluded.last_room,
              last_set = excluded.last_set`)
      .run(this.#project, word + this.#newWords.length, room + this.#newRooms.length, this.#lastSet)
  }

  #ofWord(word: string): number {
    const number =
      this.#words.get(word) ??
      this.#look('SELECT number FROM word_set_words WHERE project_id = ? AND word = ?', word, this.#saved.word) ??
      this.#saved.word + this.#newWords.push(word)
    this.#words.set(word, number)
    return number
  }

  /** Where none was ever given, as when everything is read anew, there is none to be found. */
  #look(sql: string, text: string, lastGiven: number): number | undefined {
    if (lastGiven === 0) return undefined
    const row = this.#db.sql(sql).get(this.#project, text)
    return row === undefined ? undefined : Number(row['number'])
  }
}

/** Half a character is no text to SQLite, which keeps U+FFFD for it: two words that differ in nothing else are one to the tables. */
const asStored = (text: string) => text.toWellFormed()
