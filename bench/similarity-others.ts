/** What one could do in place of the index: look at every set, or ask a text search for its five best. */
import { DatabaseSync, type StatementSync } from 'node:sqlite'

/** Matches of the text search that are looked at. */
const TOP = 5

/** Every set in memory, as lists of numbers. */
export class BruteForce {
  readonly #words = new Map<string, number>()
  #sets = new Uint32Array(1 << 20)
  #filled = 0
  readonly #ends: number[] = []

  add(words: Iterable<string>): void {
    for (const word of words) {
      let number = this.#words.get(word)
      if (number === undefined) {
        number = this.#words.size
        this.#words.set(word, number)
      }
      if (this.#filled === this.#sets.length) {
        const larger = new Uint32Array(2 * this.#sets.length)
        larger.set(this.#sets)
        this.#sets = larger
      }
      this.#sets[this.#filled++] = number
    }
    this.#ends.push(this.#filled)
  }

  /** The similarity of each set that is similar enough, by the order in which they were added. */
  similar(words: readonly string[], threshold: number): Map<number, number> {
    const asked = new Uint8Array(this.#words.size)
    for (const word of words) {
      const number = this.#words.get(word)
      if (number !== undefined) asked[number] = 1
    }
    const found = new Map<number, number>()
    let start = 0
    for (const [set, end] of this.#ends.entries()) {
      let shared = 0
      for (let i = start; i < end; i++) shared += asked[this.#sets[i] as number] as number
      const similarity = shared / (words.length + end - start - shared)
      if (similarity >= threshold) found.set(set, similarity)
      start = end
    }
    return found
  }
}

/** FTS5 with stemming: all words of a text, any of which may match, the best five by BM25. */
export class TextSearch {
  readonly #db: DatabaseSync
  readonly #insert: StatementSync
  readonly #search: StatementSync
  #added = 0

  constructor(path: string) {
    this.#db = new DatabaseSync(path)
    this.#db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
      CREATE VIRTUAL TABLE texts USING fts5 (text, content = '', tokenize = 'porter unicode61'); BEGIN`)
    this.#insert = this.#db.prepare('INSERT INTO texts (rowid, text) VALUES (?, ?)')
    this.#search = this.#db.prepare(`SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT ${TOP}`)
  }

  add(words: readonly string[]): void {
    this.#insert.run(this.#added++, words.join(' '))
  }

  /** To be called once, when all were added. */
  finish(): void {
    this.#db.exec('COMMIT')
  }

  search(words: readonly string[]): number[] {
    return this.#search.all(words.map((word) => `"${word}"`).join(' OR ')).map((row) => Number(row['rowid']))
  }

  close(): void {
    this.#db.close()
  }
}
