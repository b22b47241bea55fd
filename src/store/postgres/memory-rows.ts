import type { Approval } from '../../domain/memory/approval.ts'
import { type Artifact, isInForce } from '../../domain/memory/artifact.ts'
import type { Review } from '../../domain/memory/review.ts'
import { roomKey } from '../../domain/memory/room.ts'
import { restored, type Sql } from './sql.ts'
import { indexable } from './word-numbers.ts'

/** Something that was folded from the facts about it; `undefined` where these make nothing. */
export interface Folded<T> {
  readonly id: string
  readonly now: T | undefined
}

/** Statements that put rows in and take rows out, and what the first is given. */
interface Table<T> {
  readonly put: string
  readonly remove: string
  readonly columns: (all: readonly T[]) => (string | null)[][]
}

/** The rows of what is folded from the facts: artifacts, reviews and approvals, many at once. */
export class MemoryRows {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Those of the artifacts that are there, by id. */
  async artifacts(projectId: string, ids: readonly string[]): Promise<Map<string, Artifact>> {
    if (ids.length === 0) return new Map()
    const rows = await this.#sql.all(
      'SELECT state FROM rutter.artifacts WHERE project_id = $1 AND artifact_id = ANY ($2::text[])',
      [projectId, ids.map(indexable)],
    )
    const artifacts = rows.map((row) => JSON.parse(restored(row['state'])) as Artifact)
    return new Map(artifacts.map((artifact) => [artifact.id, artifact]))
  }

  async putArtifacts(projectId: string, folded: readonly Folded<Artifact>[]): Promise<void> {
    await this.#put(ARTIFACTS, projectId, folded)
  }

  async putReviews(projectId: string, folded: readonly Folded<Review>[]): Promise<void> {
    await this.#put(REVIEWS, projectId, folded)
  }

  async putApprovals(projectId: string, folded: readonly Folded<Approval>[]): Promise<void> {
    await this.#put(APPROVALS, projectId, folded)
  }

  async #put<T>({ put, remove, columns }: Table<T>, projectId: string, folded: readonly Folded<T>[]): Promise<void> {
    const there = folded.flatMap(({ now }) => (now === undefined ? [] : [now]))
    const gone = folded.filter(({ now }) => now === undefined)
    await Promise.all([
      there.length === 0 ? 0 : this.#sql.run(put, [projectId, ...columns(there)]),
      gone.length === 0 ? 0 : this.#sql.run(remove, [projectId, gone.map(({ id }) => indexable(id))]),
    ])
  }
}

const ARTIFACTS: Table<Artifact> = {
  put: `
    INSERT INTO rutter.artifacts (project_id, artifact_id, kind, scope, focus, room, content_hash, in_force, saved_at, state)
    SELECT $1, given.* FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[],
      $9::text[], $10::text[]) AS given
    ON CONFLICT (project_id, artifact_id) DO UPDATE SET kind = excluded.kind, scope = excluded.scope, focus = excluded.focus,
      room = excluded.room, content_hash = excluded.content_hash, in_force = excluded.in_force,
      saved_at = excluded.saved_at, state = excluded.state`,
  remove: 'DELETE FROM rutter.artifacts WHERE project_id = $1 AND artifact_id = ANY ($2::text[])',
  columns: (all) => [
    all.map(({ id }) => indexable(id)),
    all.map(({ kind }) => kind),
    all.map(({ scope }) => scope),
    // It is listed by its own name; one that no index can have is found by the room, and not listed.
    all.map(({ focus }) => (focus === null || indexable(focus) !== focus.toWellFormed() ? null : focus)),
    all.map((artifact) => indexable(roomKey(artifact))),
    all.map(({ content_hash }) => (content_hash === null ? null : indexable(content_hash))),
    all.map((artifact) => String(isInForce(artifact))),
    all.map(({ saved_at }) => indexable(saved_at)),
    all.map((artifact) => JSON.stringify(artifact)),
  ],
}

const REVIEWS: Table<Review> = {
  put: `
    INSERT INTO rutter.reviews (project_id, review_id, status, opened_at, state)
    SELECT $1, given.* FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS given
    ON CONFLICT (project_id, review_id) DO UPDATE SET status = excluded.status, opened_at = excluded.opened_at,
      state = excluded.state`,
  remove: 'DELETE FROM rutter.reviews WHERE project_id = $1 AND review_id = ANY ($2::text[])',
  columns: (all) => [
    all.map(({ id }) => indexable(id)),
    all.map(({ status }) => status),
    all.map(({ opened_at }) => indexable(opened_at)),
    all.map((review) => JSON.stringify(review)),
  ],
}

const APPROVALS: Table<Approval> = {
  put: `
    INSERT INTO rutter.approvals (project_id, approval_id, state)
    SELECT $1, given.* FROM unnest($2::text[], $3::text[]) AS given
    ON CONFLICT (project_id, approval_id) DO UPDATE SET state = excluded.state`,
  remove: 'DELETE FROM rutter.approvals WHERE project_id = $1 AND approval_id = ANY ($2::text[])',
  columns: (all) => [all.map(({ id }) => indexable(id)), all.map((approval) => JSON.stringify(approval))],
}
