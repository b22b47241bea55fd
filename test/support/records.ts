import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent, StreamRef } from '../../src/domain/event.ts'
import type { BookLayout } from '../../src/log/layout.ts'

/** An event of whatever type. */
export type AnyEvent = RecordedEvent<string, never>

/** The streams of a kind that have a file. */
export function streamsOf(layout: BookLayout, kind: StreamRef['kind'] = 'memory'): string[] {
  const folder = layout.folder(kind)
  return existsSync(folder) ? readdirSync(folder).map((name) => name.replace(/\.jsonl$/, '')) : []
}

/** Every event of every record of a kind, file by file. */
export function eventsOf(layout: BookLayout, kind: StreamRef['kind'] = 'memory'): AnyEvent[] {
  return streamsOf(layout, kind).flatMap((id) =>
    readFileSync(layout.record({ kind, id }), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as AnyEvent),
  )
}

/**
 * Everything that the store makes of what was learned, as it can be compared: numbers that depend on the order of reading are
 * replaced by what they stand for.
 */
export function graphOf(layout: BookLayout): Record<string, unknown[]> {
  const database = new DatabaseSync(layout.database, { readOnly: true })
  try {
    const rows = (sql: string) => database.prepare(sql).all()
    const wordOf = new Map(
      rows('SELECT project_id, number, word FROM word_set_words').map((r) => [
        `${r['project_id']} ${r['number']}`,
        r['word'],
      ]),
    )
    const wordsIn = (project: unknown, packed: unknown) => {
      const bytes = packed as Uint8Array
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      return Array.from({ length: bytes.byteLength / 4 }, (_, i) =>
        wordOf.get(`${project} ${view.getUint32(i * 4, true)}`),
      ).sort()
    }
    return {
      memory_events: rows('SELECT * FROM memory_events ORDER BY project_id, stream_kind, stream_id, seq'),
      memory_subjects: rows(
        'SELECT * FROM memory_subjects ORDER BY project_id, subject_id, stream_kind, stream_id, seq',
      ),
      artifacts: rows('SELECT * FROM artifacts ORDER BY project_id, artifact_id'),
      reviews: rows('SELECT * FROM reviews ORDER BY project_id, review_id'),
      approvals: rows('SELECT * FROM approvals ORDER BY project_id, approval_id'),
      word_sets: rows(
        `SELECT s.project_id, r.room, s.doc, s.words FROM word_sets AS s JOIN word_set_rooms AS r
         ON r.project_id = s.project_id AND r.number = s.room ORDER BY s.project_id, r.room, s.doc`,
      ).map(({ words: packed, ...row }) => ({ ...row, words: wordsIn(row['project_id'], packed) })),
      search_docs: rows(
        'SELECT project_id, kind, id, scope, focus, session_id, at, title, text FROM search_docs ORDER BY project_id, kind, id',
      ),
      search_corpora: rows('SELECT * FROM search_corpora WHERE docs > 0 ORDER BY project_id'),
    }
  } finally {
    database.close()
  }
}

/** The global book of a test book that was not given another. */
export const globalFolder = ({ root }: { readonly root: string }): string => join(root, 'global')
