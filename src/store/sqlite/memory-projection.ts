import type { StreamRef } from '../../domain/event.ts'
import { foldApproval } from '../../domain/memory/approval.ts'
import { type Artifact, type Decision, foldArtifact, isInForce } from '../../domain/memory/artifact.ts'
import type { MemoryEvent } from '../../domain/memory/events.ts'
import { wordsOfDecision } from '../../domain/memory/judge.ts'
import { type Subject, subjectsOf } from '../../domain/memory/projection.ts'
import { foldReview } from '../../domain/memory/review.ts'
import { roomKey } from '../../domain/memory/room.ts'
import { type DocRef, docOf, type SearchDoc } from '../../domain/memory/search-doc.ts'
import type { WordSet } from '../../domain/memory/word-sets.ts'
import type { Database } from './database.ts'
import { MEMORY_TABLES } from './memory-schema.ts'
import { SearchIndex } from './search-index.ts'
import { WordSets } from './word-sets.ts'

/** Artifacts that are folded before the indexes take them in: more at once gain little, and take memory. */
const FOLDED_AT_ONCE = 20_000

/**
 * Keeps the tables of what was learned. Whatever comes or goes, the artifacts that it is about are folded anew from all that is
 * known of them, so the order in which records are read makes no difference.
 */
export class MemoryProjection {
  readonly #db: Database
  readonly #wordSets: WordSets
  readonly #search: SearchIndex
  /** What is to be folded anew, by what it is. */
  #touched: Map<string, Subject> | undefined

  constructor(db: Database) {
    this.#db = db
    this.#wordSets = new WordSets(db)
    this.#search = new SearchIndex(db)
  }

  /**
   * Everything that comes and goes while `work` runs is folded once it has run: much faster than stream by stream, since streams are
   * about the same artifacts, and what the indexes are given at once they take in at once. Until then only facts may be asked for.
   */
  together(work: () => void): void {
    if (this.#touched !== undefined) {
      work()
      return
    }
    this.#touched = new Map()
    try {
      work()
      const touched = [...this.#touched.values()]
      for (let i = 0; i < touched.length; i += FOLDED_AT_ONCE) this.#foldAll(touched.slice(i, i + FOLDED_AT_ONCE))
    } finally {
      this.#touched = undefined
    }
  }

  /** Takes in events of a stream, which the tables do not have yet. */
  take(stream: StreamRef, events: readonly MemoryEvent[]): void {
    this.together(() => {
      for (const event of events) {
        const { project_id } = event.data
        this.#db
          .sql(
            'INSERT OR REPLACE INTO memory_events (project_id, stream_kind, stream_id, seq, event) VALUES (?, ?, ?, ?, ?)',
          )
          .run(project_id, stream.kind, stream.id, event.seq, JSON.stringify({ ...event, prev: '' }))
        for (const subject of subjectsOf(event)) {
          this.#db
            .sql(`INSERT OR REPLACE INTO memory_subjects (project_id, subject_id, stream_kind, stream_id, seq)
                  VALUES (?, ?, ?, ?, ?)`)
            .run(project_id, subject.id, stream.kind, stream.id, event.seq)
          this.#touch(subject)
        }
      }
    })
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
    this.together(() => {
      const subjects = new Map<string, Subject>()
      const said = this.#db.sql('SELECT event FROM memory_events WHERE stream_kind = ? AND stream_id = ?')
      for (const row of said.iterate(stream.kind, stream.id)) {
        for (const subject of subjectsOf(eventOf(row))) subjects.set(keyOf(subject), subject)
      }
      if (subjects.size === 0) return
      this.#db.sql('DELETE FROM memory_events WHERE stream_kind = ? AND stream_id = ?').run(stream.kind, stream.id)
      const forget = this.#db.sql(
        'DELETE FROM memory_subjects WHERE project_id = ? AND subject_id = ? AND stream_kind = ? AND stream_id = ?',
      )
      for (const subject of subjects.values()) {
        forget.run(subject.project_id, subject.id, stream.kind, stream.id)
        this.#touch(subject)
      }
    })
  }

  dropAll(): void {
    for (const table of MEMORY_TABLES) this.#db.sql(`DELETE FROM ${table}`).run()
    this.#wordSets.dropAll()
    this.#search.dropAll()
  }

  #touch(subject: Subject): void {
    this.#touched?.set(keyOf(subject), subject)
  }

  #foldAll(subjects: readonly Subject[]): void {
    const changes: IndexChanges = { sets: [], search: { put: [], remove: [] } }
    for (const subject of subjects) this.#fold(subject, changes)
    this.#wordSets.putAll(setsOf(changes.sets))
    this.#search.change(changes.search)
  }

  #fold(subject: Subject, changes: IndexChanges): void {
    const facts = this.#factsAbout(subject)
    switch (subject.kind) {
      case 'artifact':
        this.#putArtifact(subject, foldArtifact(subject.id, facts), changes)
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
      .map(eventOf)
  }

  #putArtifact(subject: Subject, artifact: Artifact | undefined, changes: IndexChanges): void {
    const row = this.#db
      .sql('SELECT state FROM artifacts WHERE project_id = ? AND artifact_id = ?')
      .get(subject.project_id, subject.id)
    const state = JSON.stringify(artifact)
    if (row?.['state'] === state) return
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
          ...[Number(isInForce(artifact)), saved_at, state],
        )
    }
    const shown = before !== undefined && isInForce(before) ? before : undefined
    if (artifact !== undefined && isInForce(artifact)) putIn(artifact, shown, changes)
    else if (shown !== undefined) this.#takeOut(shown, changes)
  }

  #takeOut(shown: Artifact, { search }: IndexChanges): void {
    const { id, project_id, kind } = shown
    if (kind === 'decision') this.#wordSets.remove({ project_id, room: roomKey(shown) }, id)
    search.remove.push({ project_id, kind, id })
  }

  #delete(table: string, key: string, { project_id, id }: Subject): void {
    this.#db.sql(`DELETE FROM ${table} WHERE project_id = ? AND ${key} = ?`).run(project_id, id)
  }
}

const keyOf = ({ kind, project_id, id }: Subject) => `${project_id} ${kind} ${id}`

const eventOf = (row: Record<string, unknown>) => JSON.parse(String(row['event'])) as MemoryEvent

/** What the indexes are to be given, all at once. */
interface IndexChanges {
  /** Decisions that came into force. */
  readonly sets: Decision[]
  readonly search: { readonly put: SearchDoc[]; readonly remove: DocRef[] }
}

/** `shown` is what the indexes have of it so far. */
function putIn(artifact: Artifact, shown: Artifact | undefined, { sets, search }: IndexChanges): void {
  // Its words never change while it is in force: they are part of what it is named by.
  if (shown === undefined && artifact.kind === 'decision') sets.push(artifact)
  // How they are written does, when the record comes in of somebody who said them before.
  const doc = docOf(artifact)
  const known = shown === undefined ? undefined : docOf(shown)
  if (doc !== undefined && JSON.stringify(doc) !== JSON.stringify(known)) search.put.push(doc)
}

/** One after the other, since the words of thousands would take much memory. */
function* setsOf(decisions: readonly Decision[]): Generator<WordSet> {
  for (const decision of decisions) {
    const { id, project_id, text } = decision
    if (text !== null) yield { room: { project_id, room: roomKey(decision) }, doc: id, words: wordsOfDecision(text) }
  }
}
