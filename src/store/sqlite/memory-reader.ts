import type { Approval } from '../../domain/memory/approval.ts'
import type { Artifact, ArtifactKind } from '../../domain/memory/artifact.ts'
import type { Review } from '../../domain/memory/review.ts'
import { GLOBAL_PROJECT, type Room, roomKey } from '../../domain/memory/room.ts'
import { byText } from '../../domain/order.ts'
import type { ArtifactFilter, Match, MemoryReader, ReviewFilter, SearchFilter, Similar } from '../../ports/memory.ts'
import type { Database } from './database.ts'
import { SearchIndex } from './search-index.ts'
import { WordSets } from './word-sets.ts'

/** Every query on what was learned. `catchUp` is called before each: a write must see what others were answered. */
export class SqliteMemory implements MemoryReader {
  readonly #db: Database
  readonly #catchUp: () => void
  readonly #wordSets: WordSets
  readonly #search: SearchIndex

  constructor(db: Database, catchUp: () => void) {
    this.#db = db
    this.#catchUp = catchUp
    this.#wordSets = new WordSets(db)
    this.#search = new SearchIndex(db)
  }

  async artifact(projectId: string, id: string): Promise<Artifact | undefined> {
    return this.#one<Artifact>('SELECT state FROM artifacts WHERE project_id = ? AND artifact_id = ?', projectId, id)
  }

  async isKnownId(projectId: string, id: string): Promise<boolean> {
    this.#catchUp()
    const row = this.#db
      .sql('SELECT 1 AS known FROM memory_subjects WHERE project_id = ? AND subject_id = ? LIMIT 1')
      .get(projectId, id)
    return row !== undefined
  }

  async withHash(room: Room, kind: ArtifactKind, contentHash: string): Promise<Artifact[]> {
    // Sorted here: asked to sort, SQLite walks all artifacts by time instead of looking up the few of this hash.
    const found = this.#all<Artifact>(
      'SELECT state FROM artifacts WHERE project_id = ? AND room = ? AND kind = ? AND content_hash = ?',
      ...[room.project_id, roomKey(room), kind, contentHash],
    )
    return found.sort((a, b) => (`${a.saved_at} ${a.id}` < `${b.saved_at} ${b.id}` ? 1 : -1))
  }

  async similar(room: Room, words: ReadonlySet<string>, threshold: number): Promise<Similar[]> {
    this.#catchUp()
    const { project_id } = room
    return this.#wordSets
      .similar({ project_id, room: roomKey(room) }, words, threshold)
      .map(({ doc, similarity }) => ({ id: doc, similarity, at: this.#savedAt(project_id, doc) }))
      .sort(
        (a, b) =>
          b.similarity - a.similarity ||
          byText(b.at, a.at) ||
          byText(this.#firstSaid(project_id, b.id), this.#firstSaid(project_id, a.id)),
      )
      .map(({ id, similarity }) => ({ id, similarity }))
  }

  async artifacts(filter: ArtifactFilter): Promise<Artifact[]> {
    const { project_id, kinds, scope, focus, id_prefix, in_force, limit } = filter
    const wheres = ['project_id = ?']
    const values: string[] = [project_id]
    if (kinds !== undefined) {
      wheres.push(`kind IN (${kinds.map(() => '?').join(', ')})`)
      values.push(...kinds)
    }
    // By room rather than by its parts, since there is an index on that.
    const room = focus !== undefined ? roomKey({ scope: 'focus', focus }) : scope === 'focus' ? undefined : scope
    if (room !== undefined) {
      wheres.push('room = ?')
      values.push(room)
    } else if (scope !== undefined) {
      wheres.push('scope = ?')
      values.push(scope)
    }
    if (in_force) wheres.push('in_force = 1')
    if (id_prefix !== undefined) {
      wheres.push('artifact_id >= ? AND artifact_id < ?')
      values.push(...rangeOf(id_prefix))
    }
    return this.#all<Artifact>(
      `SELECT state FROM artifacts WHERE ${wheres.join(' AND ')} ORDER BY saved_at DESC, artifact_id DESC LIMIT ?`,
      ...[...values, limit],
    )
  }

  async review(projectId: string, id: string): Promise<Review | undefined> {
    return this.#one<Review>('SELECT state FROM reviews WHERE project_id = ? AND review_id = ?', projectId, id)
  }

  async reviews({ project_id, status, id_prefix, limit }: ReviewFilter): Promise<Review[]> {
    const wheres = ['project_id = ?']
    const values = [project_id]
    if (status !== undefined) {
      wheres.push('status = ?')
      values.push(status)
    }
    if (id_prefix !== undefined) {
      wheres.push('review_id >= ? AND review_id < ?')
      values.push(...rangeOf(id_prefix))
    }
    return this.#all<Review>(
      `SELECT state FROM reviews WHERE ${wheres.join(' AND ')} ORDER BY opened_at, review_id LIMIT ?`,
      ...[...values, limit],
    )
  }

  async approval(id: string): Promise<Approval | undefined> {
    return this.#one<Approval>(
      'SELECT state FROM approvals WHERE project_id = ? AND approval_id = ?',
      GLOBAL_PROJECT,
      id,
    )
  }

  async projects(): Promise<string[]> {
    // From one project to the next by the primary key: the rows between are not read.
    return this.#texts(
      `WITH RECURSIVE known (project) AS (
         SELECT min(project_id) FROM artifacts
         UNION ALL
         SELECT (SELECT min(project_id) FROM artifacts WHERE project_id > project) FROM known WHERE project IS NOT NULL
       ) SELECT project AS text FROM known WHERE project IS NOT NULL`,
    )
  }

  async focuses(projectId: string): Promise<string[]> {
    return this.#texts(
      `WITH RECURSIVE known (focus) AS (
         SELECT min(focus) FROM artifacts WHERE project_id = ? AND focus IS NOT NULL
         UNION ALL
         SELECT (SELECT min(a.focus) FROM artifacts AS a WHERE a.project_id = ? AND a.focus IS NOT NULL AND a.focus > known.focus)
         FROM known WHERE known.focus IS NOT NULL
       ) SELECT focus AS text FROM known WHERE focus IS NOT NULL`,
      ...[projectId, projectId],
    )
  }

  async search(filter: SearchFilter): Promise<Match[]> {
    this.#catchUp()
    return this.#search.search(filter)
  }

  #savedAt(projectId: string, id: string): string {
    const row = this.#db
      .sql('SELECT saved_at FROM artifacts WHERE project_id = ? AND artifact_id = ?')
      .get(projectId, id)
    return String(row?.['saved_at'] ?? '')
  }

  /** Where it was said first: what one batch brought has one time, and the order of its record. */
  #firstSaid(projectId: string, id: string): string {
    const row = this.#db
      .sql(`SELECT e.stream_id, e.seq FROM memory_subjects AS s JOIN memory_events AS e
              ON e.project_id = s.project_id AND e.stream_kind = s.stream_kind AND e.stream_id = s.stream_id AND e.seq = s.seq
            WHERE s.project_id = ? AND s.subject_id = ? AND e.event ->> '$.data.artifact_id' = s.subject_id
            ORDER BY e.event ->> 'at', e.event ->> 'id' LIMIT 1`)
      .get(projectId, id)
    return `${row?.['stream_id']} ${String(row?.['seq']).padStart(16, '0')}`
  }

  #one<T>(sql: string, ...values: string[]): T | undefined {
    this.#catchUp()
    const row = this.#db.sql(sql).get(...values)
    return row === undefined ? undefined : (JSON.parse(String(row['state'])) as T)
  }

  #all<T>(sql: string, ...values: (string | number)[]): T[] {
    this.#catchUp()
    return this.#db
      .sql(sql)
      .all(...values)
      .map((row) => JSON.parse(String(row['state'])) as T)
  }

  #texts(sql: string, ...values: string[]): string[] {
    this.#catchUp()
    return this.#db
      .sql(sql)
      .all(...values)
      .map((row) => String(row['text']))
  }
}

/** Where ids that begin so begin and end; a primary key is asked for this, and not for a pattern. */
function rangeOf(prefix: string): [string, string] {
  return [prefix, `${prefix}\u{10FFFF}`]
}
