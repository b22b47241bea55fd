import type { StreamRef } from '../../domain/event.ts'
import { foldApproval } from '../../domain/memory/approval.ts'
import { type Artifact, foldArtifact, isInForce } from '../../domain/memory/artifact.ts'
import type { MemoryEvent } from '../../domain/memory/events.ts'
import { wordsOfDecision } from '../../domain/memory/judge.ts'
import { type Subject, subjectsOf } from '../../domain/memory/projection.ts'
import { foldReview } from '../../domain/memory/review.ts'
import { roomKey } from '../../domain/memory/room.ts'
import { docOf } from '../../domain/memory/search-doc.ts'
import { factsAbout } from './memory-facts.ts'
import { MemoryRows } from './memory-rows.ts'
import { SearchIndex } from './search-index.ts'
import { type Row, restored, type Sql } from './sql.ts'
import { indexable } from './word-numbers.ts'
import { WordSets } from './word-sets.ts'

/** Folded anew together. More at once gain nothing, and what is on its way is kept in memory. */
const SUBJECTS_AT_ONCE = 1000
const EVENTS_AT_ONCE = 1000

/**
 * Keeps the tables of what was learned. Whatever comes or goes, the artifacts that it is about are folded anew from all that is
 * known of them, so the order in which logs are read makes no difference.
 *
 * A log may speak of other projects than its own, so all of this goes on under the memory locks of each project that is spoken of:
 * those of the events in `take`, those that `projects` gives for the rest. It has no `lastAt`: the end of a stream is asked of the log.
 */
export class MemoryProjection {
  readonly #sql: Sql
  readonly #book: string
  readonly #rows: MemoryRows
  readonly #wordSets: WordSets
  readonly #search: SearchIndex

  /** `projectId` is the project whose log the streams are in. */
  constructor(sql: Sql, projectId: string) {
    this.#sql = sql
    this.#book = projectId
    this.#rows = new MemoryRows(sql)
    this.#wordSets = new WordSets(sql)
    this.#search = new SearchIndex(sql)
  }

  /** Takes in events of a stream, which the tables do not have yet. The waits for the database do not grow with their number. */
  async take(stream: StreamRef, events: readonly MemoryEvent[]): Promise<void> {
    // No call can name a project like that, and no index can have it.
    const nameable = events.filter(({ data }) => indexable(data.project_id) === data.project_id.toWellFormed())
    const projects = Map.groupBy(nameable, ({ data }) => data.project_id)
    await Promise.all([...projects].map(([projectId, about]) => this.#takeAbout(projectId, stream, about)))
  }

  /** True where the tables have this very event. */
  async has(event: MemoryEvent): Promise<boolean> {
    const [subject] = subjectsOf(event)
    if (subject === undefined) return false
    const [facts] = await factsAbout(this.#sql, subject.project_id, [subject.id])
    return facts?.some((fact) => fact.event.id === event.id) ?? false
  }

  /** Every project that the log speaks of, its own first. */
  async projects(): Promise<string[]> {
    const rows = await this.#sql.all(
      'SELECT about_id FROM rutter.memory_reach WHERE project_id = $1 ORDER BY about_id',
      [this.#book],
    )
    return [this.#book, ...rows.map((row) => restored(row['about_id']))]
  }

  /** Takes back all that a stream said. */
  async dropStream(stream: StreamRef): Promise<void> {
    for (const projectId of await this.projects()) {
      const gone = await this.#sql.all(
        `DELETE FROM rutter.memory_events WHERE ${OF_BOOK} AND ${OF_STREAM} RETURNING event`,
        [...[projectId, this.#book], ...[stream.kind, stream.id]],
      )
      const subjects = subjectsIn(gone)
      const removed = this.#sql.run(
        `DELETE FROM rutter.memory_subjects WHERE ${OF_BOOK} AND ${OF_STREAM} AND subject_id = ANY ($5::text[])`,
        [projectId, this.#book, stream.kind, stream.id, subjects.map(({ id }) => indexable(id))],
      )
      await Promise.all([removed, this.#foldAll(projectId, subjects)])
    }
  }

  /** Takes back all that the log said, and empties both indexes of its own project. What other projects' logs say of it stays. */
  async dropAll(): Promise<void> {
    const [own, ...others] = await this.projects()
    for (const projectId of others) {
      const gone = await this.#sql.all(`DELETE FROM rutter.memory_events WHERE ${OF_BOOK} RETURNING event`, [
        ...[projectId, this.#book],
      ])
      const removed = this.#sql.run(`DELETE FROM rutter.memory_subjects WHERE ${OF_BOOK}`, [projectId, this.#book])
      await Promise.all([removed, this.#foldAll(projectId, subjectsIn(gone))])
    }
    const project = own ?? this.#book
    const [left] = await Promise.all([
      this.#sql.all('SELECT event FROM rutter.memory_events WHERE project_id = $1 AND book_id <> $1', [project]),
      ...['memory_events', 'memory_subjects'].map((table) =>
        this.#sql.run(`DELETE FROM rutter.${table} WHERE ${OF_BOOK}`, [project, this.#book]),
      ),
      ...['memory_reach', 'artifacts', 'reviews', 'approvals'].map((table) =>
        this.#sql.run(`DELETE FROM rutter.${table} WHERE project_id = $1`, [project]),
      ),
      this.#wordSets.dropAll(project),
      this.#search.dropAll(project),
    ])
    await this.#foldAll(project, subjectsIn(left))
  }

  async #takeAbout(projectId: string, stream: StreamRef, events: readonly MemoryEvent[]): Promise<void> {
    const of = [projectId, this.#book, stream.kind, stream.id]
    const about = events.flatMap((event) => subjectsOf(event).map((subject) => ({ seq: event.seq, subject })))
    // All sent at once and in this order, so that the facts are read with these among them.
    const taken = [
      ...slices(events, EVENTS_AT_ONCE).map((some) =>
        this.#sql.run(PUT_EVENTS, [
          ...of,
          some.map(({ seq }) => seq),
          some.map((event) => JSON.stringify({ ...event, prev: '' })),
        ]),
      ),
      ...slices(about, EVENTS_AT_ONCE).map((some) =>
        this.#sql.run(PUT_SUBJECTS, [
          ...of,
          some.map(({ seq }) => seq),
          some.map(({ subject }) => indexable(subject.id)),
        ]),
      ),
      ...(projectId === this.#book ? [] : [this.#sql.run(PUT_REACH, [this.#book, projectId])]),
    ]
    await Promise.all([...taken, this.#foldAll(projectId, distinct(about.map(({ subject }) => subject)))])
  }

  async #foldAll(projectId: string, subjects: readonly Subject[]): Promise<void> {
    for (const some of slices(subjects, SUBJECTS_AT_ONCE)) await this.#fold(projectId, some)
  }

  async #fold(projectId: string, subjects: readonly Subject[]): Promise<void> {
    const [facts, before] = await Promise.all([
      factsAbout(
        this.#sql,
        projectId,
        subjects.map(({ id }) => id),
      ),
      this.#rows.artifacts(
        projectId,
        subjects.filter(({ kind }) => kind === 'artifact').map(({ id }) => id),
      ),
    ])
    const known = subjects.map(({ kind, id }, i) => ({ kind, id, facts: facts[i]?.map(({ event }) => event) ?? [] }))
    const of = <T>(kind: Subject['kind'], fold: (id: string, facts: readonly MemoryEvent[]) => T | undefined) =>
      known.filter((one) => one.kind === kind).map(({ id, facts }) => ({ id, now: fold(id, facts) }))
    const artifacts = of('artifact', foldArtifact).filter(
      ({ id, now }) => JSON.stringify(now) !== JSON.stringify(before.get(id)),
    )
    await Promise.all([
      this.#rows.putArtifacts(projectId, artifacts),
      this.#rows.putReviews(projectId, of('review', foldReview)),
      this.#rows.putApprovals(projectId, of('approval', foldApproval)),
      this.#index(artifacts.map(({ id, now }) => ({ was: before.get(id), now }))),
    ])
  }

  /** Brings both indexes from what they have of some artifacts, as these were, to what is in force now. */
  async #index(changes: readonly { was: Artifact | undefined; now: Artifact | undefined }[]): Promise<void> {
    const isShown = (artifact: Artifact | undefined) => artifact !== undefined && isInForce(artifact)
    const seen = changes.map(({ was, now }) => ({
      was: isShown(was) ? was : undefined,
      now: isShown(now) ? now : undefined,
    }))
    const gone = seen.flatMap(({ was, now }) => (was !== undefined && now === undefined ? [was] : []))
    // Its words never change while it is in force: they are part of what it is named by.
    const sets = seen.flatMap(({ was, now }) =>
      was === undefined && now?.kind === 'decision' && now.text !== null
        ? [{ room: wordRoomOf(now), doc: now.id, words: wordsOfDecision(now.text) }]
        : [],
    )
    // How they are written does, when the record comes in of somebody who said them before.
    const docs = seen.flatMap(({ was, now }) => {
      const doc = now === undefined ? undefined : docOf(now)
      const shown = was === undefined ? undefined : docOf(was)
      return doc === undefined || JSON.stringify(doc) === JSON.stringify(shown) ? [] : [doc]
    })
    const unset = gone.filter(({ kind }) => kind === 'decision').map((one) => ({ room: wordRoomOf(one), doc: one.id }))
    await Promise.all([
      this.#wordSets.removeAll(unset),
      this.#wordSets.putAll(sets),
      this.#search.removeMany(gone),
      this.#search.putAll(docs),
    ])
  }
}

const OF_BOOK = 'project_id = $1 AND book_id = $2'
const OF_STREAM = 'stream_kind = $3 AND stream_id = $4'

const PUT_EVENTS = `
  INSERT INTO rutter.memory_events (project_id, book_id, stream_kind, stream_id, seq, event)
  SELECT $1, $2, $3, $4, seq, event FROM unnest($5::bigint[], $6::text[]) AS given (seq, event)
  ON CONFLICT (project_id, book_id, stream_kind, stream_id, seq) DO UPDATE SET event = excluded.event`
const PUT_SUBJECTS = `
  INSERT INTO rutter.memory_subjects (project_id, book_id, stream_kind, stream_id, seq, subject_id)
  SELECT $1, $2, $3, $4, seq, subject_id FROM unnest($5::bigint[], $6::text[]) AS given (seq, subject_id)
  ON CONFLICT DO NOTHING`
const PUT_REACH = 'INSERT INTO rutter.memory_reach (project_id, about_id) VALUES ($1, $2) ON CONFLICT DO NOTHING'

function wordRoomOf(artifact: Artifact) {
  return { project_id: artifact.project_id, room: roomKey(artifact) }
}

function subjectsIn(rows: readonly Row[]): Subject[] {
  return distinct(rows.flatMap((row) => subjectsOf(JSON.parse(restored(row['event'])) as MemoryEvent)))
}

/** Each once, of one project. */
function distinct(subjects: readonly Subject[]): Subject[] {
  return [...new Map(subjects.map((subject) => [`${subject.kind} ${subject.id}`, subject])).values()]
}

function slices<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))
}
