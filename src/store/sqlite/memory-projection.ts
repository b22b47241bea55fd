import type { StreamRef } from '../../domain/event.ts'
import { foldApproval } from '../../domain/memory/approval.ts'
import { type Artifact, foldArtifact, isInForce } from '../../domain/memory/artifact.ts'
import type { MemoryEvent } from '../../domain/memory/events.ts'
import { wordsOfDecision } from '../../domain/memory/judge.ts'
import { type Subject, subjectsOf } from '../../domain/memory/projection.ts'
import { foldReview } from '../../domain/memory/review.ts'
import { roomKey } from '../../domain/memory/room.ts'
import { docOf } from '../../domain/memory/search-doc.ts'
import type { Database } from './database.ts'
import { MEMORY_TABLES } from './memory-schema.ts'
import { SearchIndex } from './search-index.ts'
import { WordSets } from './word-sets.ts'

/**
 * Keeps the tables of what was learned. Whatever comes or goes, the artifacts that it is about are folded anew from all that is
 * known of them, so the order in which records are read makes no difference.
 */
export class MemoryProjection {
  readonly #db: Database
  readonly #wordSets: WordSets
  readonly #search: SearchIndex

  constructor(db: Database) {
    this.#db = db
    this.#wordSets = new WordSets(db)
    this.#search = new SearchIndex(db)
  }

  /** Takes in events of a stream, which the tables do not have yet. */
  take(stream: StreamRef, events: readonly MemoryEvent[]): void {
    const touched = new Map<string, Subject>()
    for (const event of events) {
      const { project_id } = event.data
      this.#db
        .sql(
          'INSERT OR REPLACE INTO memory_events (project_id, stream_kind, stream_id, seq, event) VALUES (?, ?, ?, ?, ?)',
        )
        .run(project_id, stream.kind, stream.id, event.seq, JSON.stringify({ ...event, prev: '' }))
      for (const subject of subjectsOf(event)) {
        touched.set(`${subject.project_id} ${subject.kind} ${subject.id}`, subject)
        this.#db
          .sql(`INSERT OR REPLACE INTO memory_subjects (project_id, subject_id, stream_kind, stream_id, seq, kind)
                VALUES (?, ?, ?, ?, ?, ?)`)
          .run(project_id, subject.id, stream.kind, stream.id, event.seq, subject.kind)
      }
    }
    for (const subject of touched.values()) this.#fold(subject)
  }

  /** True where the tables have this very event. */
  has(event: MemoryEvent): boolean {
    const [subject] = subjectsOf(event)
    return subject !== undefined && this.#factsAbout(subject).some(({ id }) => id === event.id)
  }

  /** The time of the last event that is known of a stream; empty where there is none. */
  lastAt(stream: StreamRef): string {
    const row = this.#db
      .sql(`SELECT event ->> 'at' AS at FROM memory_events WHERE stream_kind = ? AND stream_id = ?
            ORDER BY seq DESC LIMIT 1`)
      .get(stream.kind, stream.id)
    return String(row?.['at'] ?? '')
  }

  /** Takes back all that a stream said. */
  dropStream(stream: StreamRef): void {
    const subjects = this.#db
      .sql(`SELECT DISTINCT s.project_id, s.subject_id FROM memory_events AS e JOIN memory_subjects AS s
              ON s.project_id = e.project_id AND s.stream_kind = e.stream_kind AND s.stream_id = e.stream_id AND s.seq = e.seq
            WHERE e.stream_kind = ? AND e.stream_id = ?`)
      .all(stream.kind, stream.id)
    if (subjects.length === 0) return
    this.#db.sql('DELETE FROM memory_events WHERE stream_kind = ? AND stream_id = ?').run(stream.kind, stream.id)
    for (const row of subjects) {
      const [project_id, id] = [String(row['project_id']), String(row['subject_id'])]
      this.#db
        .sql(
          'DELETE FROM memory_subjects WHERE project_id = ? AND subject_id = ? AND stream_kind = ? AND stream_id = ?',
        )
        .run(project_id, id, stream.kind, stream.id)
      for (const kind of ['artifact', 'review', 'approval'] as const) this.#fold({ kind, project_id, id })
    }
  }

  dropAll(): void {
    for (const table of MEMORY_TABLES) this.#db.sql(`DELETE FROM ${table}`).run()
    this.#wordSets.dropAll()
    this.#search.dropAll()
  }

  #fold(subject: Subject): void {
    const facts = this.#factsAbout(subject)
    switch (subject.kind) {
      case 'artifact':
        this.#putArtifact(subject, foldArtifact(subject.id, facts))
        break
      case 'review': {
        const review = foldReview(subject.id, facts)
        if (review === undefined) this.#delete('reviews', 'review_id', subject)
        else {
          this.#db
            .sql(
              'INSERT OR REPLACE INTO reviews (project_id, review_id, status, opened_at, state) VALUES (?, ?, ?, ?, ?)',
            )
            .run(subject.project_id, subject.id, review.status, review.opened_at, JSON.stringify(review))
        }
        break
      }
      case 'approval': {
        const approval = foldApproval(subject.id, facts)
        if (approval === undefined) this.#delete('approvals', 'approval_id', subject)
        else {
          this.#db
            .sql('INSERT OR REPLACE INTO approvals (project_id, approval_id, state) VALUES (?, ?, ?)')
            .run(subject.project_id, subject.id, JSON.stringify(approval))
        }
      }
    }
  }

  #factsAbout({ project_id, id }: Subject): MemoryEvent[] {
    return this.#db
      .sql(`SELECT e.event FROM memory_subjects AS s JOIN memory_events AS e
              ON e.project_id = s.project_id AND e.stream_kind = s.stream_kind AND e.stream_id = s.stream_id AND e.seq = s.seq
            WHERE s.project_id = ? AND s.subject_id = ?`)
      .all(project_id, id)
      .map((row) => JSON.parse(String(row['event'])) as MemoryEvent)
  }

  #putArtifact(subject: Subject, artifact: Artifact | undefined): void {
    const row = this.#db
      .sql('SELECT state FROM artifacts WHERE project_id = ? AND artifact_id = ?')
      .get(subject.project_id, subject.id)
    const before = row === undefined ? undefined : (JSON.parse(String(row['state'])) as Artifact)
    if (artifact === undefined) this.#delete('artifacts', 'artifact_id', subject)
    else {
      const { project_id, id, kind, scope, focus, content_hash, saved_at } = artifact
      this.#db
        .sql(`INSERT OR REPLACE INTO artifacts
                (project_id, artifact_id, kind, scope, focus, room, content_hash, in_force, saved_at, state)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
        .run(
          ...[project_id, id, kind, scope, focus, roomKey(artifact), content_hash],
          ...[Number(isInForce(artifact)), saved_at, JSON.stringify(artifact)],
        )
    }
    const shown = before !== undefined && isInForce(before) ? before : undefined
    if (artifact !== undefined && isInForce(artifact)) this.#putIn(artifact, shown)
    else if (shown !== undefined) this.#takeOut(shown)
  }

  /** `shown` is what the indexes have of it so far. */
  #putIn(artifact: Artifact, shown: Artifact | undefined): void {
    const { id, project_id } = artifact
    // Its words never change while it is in force: they are part of what it is named by.
    if (shown === undefined && artifact.kind === 'decision' && artifact.text !== null) {
      this.#wordSets.put({ project_id, room: roomKey(artifact) }, id, wordsOfDecision(artifact.text))
    }
    // How they are written does, when the record comes in of somebody who said them before.
    const doc = docOf(artifact)
    const known = shown === undefined ? undefined : docOf(shown)
    if (doc !== undefined && JSON.stringify(doc) !== JSON.stringify(known)) this.#search.put(doc)
  }

  #takeOut(shown: Artifact): void {
    const { id, project_id, kind } = shown
    if (kind === 'decision') this.#wordSets.remove({ project_id, room: roomKey(shown) }, id)
    this.#search.remove(project_id, kind, id)
  }

  #delete(table: string, key: string, { project_id, id }: Subject): void {
    this.#db.sql(`DELETE FROM ${table} WHERE project_id = ? AND ${key} = ?`).run(project_id, id)
  }
}
