/** What to beat: SQLite's own BM25 over bare turns and sessions, every word of the question, nothing stemmed. */
import { DatabaseSync } from 'node:sqlite'
import type { Searcher } from './library.ts'
import type { Sample } from './samples.ts'

const LIMIT = 100

export function openBaseline(samples: readonly Sample[]): Searcher & { close(): void } {
  const db = new DatabaseSync(':memory:')
  const numbers = new Map(samples.map((sample, i) => [sample, i]))
  const search = (room: string) => (sample: Sample, question: string) => {
    const words = question.match(/[\p{L}\p{N}]+/gu) ?? []
    if (words.length === 0) return []
    const table = `${room}_${numbers.get(sample)}`
    return db
      .prepare(`SELECT id FROM ${table} WHERE ${table} MATCH ? ORDER BY rank, rowid LIMIT ${LIMIT}`)
      .all(words.map((word) => `text : "${word}"`).join(' OR '))
      .map((row) => String(row['id']))
  }
  for (const [i, sample] of samples.entries()) {
    for (const room of ['turns', 'sessions']) {
      db.exec(`CREATE VIRTUAL TABLE ${room}_${i} USING fts5 (id UNINDEXED, text)`)
    }
    const turn = db.prepare(`INSERT INTO turns_${i} VALUES (?, ?)`)
    const session = db.prepare(`INSERT INTO sessions_${i} VALUES (?, ?)`)
    for (const { number, turns } of sample.sessions) {
      for (const { id, text } of turns) turn.run(id, text)
      session.run(`D${number}`, turns.map(({ text }) => text).join('\n'))
    }
  }
  return { turns: search('turns'), sessions: search('sessions'), close: () => db.close() }
}
