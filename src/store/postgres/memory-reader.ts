import type { Approval } from '../../domain/memory/approval.ts'
import { ARTIFACT_KINDS, type Artifact, type ArtifactKind, inOrder } from '../../domain/memory/artifact.ts'
import type { Review } from '../../domain/memory/review.ts'
import { GLOBAL_PROJECT, type Room, roomKey } from '../../domain/memory/room.ts'
import type { SimilarDoc } from '../../domain/memory/word-sets.ts'
import { byText } from '../../domain/order.ts'
import type { ArtifactFilter, Match, MemoryReader, ReviewFilter, SearchFilter, Similar } from '../../ports/memory.ts'
import { factsAbout } from './memory-facts.ts'
import { SearchIndex } from './search-index.ts'
import { restored, type Sql, type Value } from './sql.ts'
import { indexable } from './word-numbers.ts'
import { WordSets } from './word-sets.ts'

/**
 * Every query on what was learned. `beforeMemory` is awaited before each, with the projects that it is about; none where it only asks
 * which there are. A write must see what others were answered, so it locks them.
 */
export class PostgresMemory implements MemoryReader {
  readonly #sql: Sql
  readonly #beforeMemory: (projectIds: readonly string[]) => Promise<void>
  readonly #book: string
  readonly #wordSets: WordSets
  readonly #search: SearchIndex

  /** `projectId` is the project whose book it is. */
  constructor(sql: Sql, projectId: string, beforeMemory: (projectIds: readonly string[]) => Promise<void>) {
    this.#sql = sql
    this.#beforeMemory = beforeMemory
    this.#book = projectId
    this.#wordSets = new WordSets(sql)
    this.#search = new SearchIndex(sql)
  }

  async artifact(projectId: string, id: string): Promise<Artifact | undefined> {
    const [artifact] = await this.#all<Artifact>(
      'SELECT state FROM rutter.artifacts WHERE project_id = $1 AND artifact_id = $2',
      ...[projectId, indexable(id)],
    )
    return artifact
  }

  async isKnownId(projectId: string, id: string): Promise<boolean> {
    await this.#beforeMemory([projectId])
    const row = await this.#sql.get(
      'SELECT 1 AS known FROM rutter.memory_subjects WHERE project_id = $1 AND subject_id = $2 LIMIT 1',
      [projectId, indexable(id)],
    )
    return row !== undefined
  }

  async withHash(room: Room, kind: ArtifactKind, contentHash: string): Promise<Artifact[]> {
    const found = await this.#all<Artifact>(
      'SELECT state FROM rutter.artifacts WHERE project_id = $1 AND room = $2 AND kind = $3 AND content_hash = $4',
      ...[room.project_id, indexable(roomKey(room)), kind, indexable(contentHash)],
    )
    return found.sort((a, b) => (`${a.saved_at} ${a.id}` < `${b.saved_at} ${b.id}` ? 1 : -1))
  }

  async similar(room: Room, words: ReadonlySet<string>, threshold: number): Promise<Similar[]> {
    const { project_id } = room
    await this.#beforeMemory([project_id])
    const found = await this.#wordSets.similar({ project_id, room: roomKey(room) }, words, threshold)
    // Most have a similarity of their own, and then nothing more needs to be asked.
    const savedAt = await this.#savedAt(
      project_id,
      tied(found, ({ similarity }) => String(similarity)),
    )
    const at = (id: string) => savedAt.get(id) ?? ''
    const firstSaid = await this.#firstSaid(
      project_id,
      tied(found, (one) => `${one.similarity} ${at(one.doc)}`),
    )
    return found
      .map(({ doc, similarity }) => ({ id: doc, similarity }))
      .sort(
        (a, b) =>
          b.similarity - a.similarity ||
          byText(at(b.id), at(a.id)) ||
          byText(firstSaid.get(b.id) ?? '', firstSaid.get(a.id) ?? ''),
      )
  }

  async artifacts(filter: ArtifactFilter): Promise<Artifact[]> {
    const { project_id, kinds = ARTIFACT_KINDS, scope, focus, id_prefix, in_force, limit } = filter
    // By room rather than by its parts, since there is an index on that.
    const room = focus !== undefined ? roomKey({ scope: 'focus', focus }) : scope === 'focus' ? undefined : scope
    const where = room !== undefined ? 'AND room = $5' : scope !== undefined ? 'AND scope = $5' : ''
    const value = room !== undefined ? [indexable(room)] : scope !== undefined ? [scope] : []
    const [text, range] =
      id_prefix === undefined
        ? [newestOfEachKind(where), []]
        : [newestWithPrefix(where, value.length + 5), rangeOf(id_prefix)]
    return await this.#all<Artifact>(text, project_id, kinds, in_force, limit, ...value, ...range)
  }

  async review(projectId: string, id: string): Promise<Review | undefined> {
    const [review] = await this.#all<Review>(
      'SELECT state FROM rutter.reviews WHERE project_id = $1 AND review_id = $2',
      ...[projectId, indexable(id)],
    )
    return review
  }

  async reviews({ project_id, status, id_prefix, limit }: ReviewFilter): Promise<Review[]> {
    const values = [project_id, limit, ...(status === undefined ? [] : [status])]
    const only = status === undefined ? '' : 'AND status = $3'
    const [from, range] =
      id_prefix === undefined
        ? ['rutter.reviews', []]
        : [inRange('rutter.reviews', 'review_id', values.length + 1), rangeOf(id_prefix)]
    return await this.#all<Review>(
      `SELECT state FROM ${from} WHERE project_id = $1 ${only} ORDER BY opened_at, review_id LIMIT $2`,
      ...([...values, ...range] as [string, ...Value[]]),
    )
  }

  async approval(id: string): Promise<Approval | undefined> {
    const [approval] = await this.#all<Approval>(
      'SELECT state FROM rutter.approvals WHERE project_id = $1 AND approval_id = $2',
      ...[GLOBAL_PROJECT, indexable(id)],
    )
    return approval
  }

  async projects(): Promise<string[]> {
    await this.#beforeMemory([])
    // Those that this book's own log speaks of, as where it is files: who else uses the database is none of its business.
    return await this.#texts(
      `SELECT id AS text FROM (
         SELECT $1::text COLLATE "C" AS id UNION SELECT about_id FROM rutter.memory_reach WHERE project_id = $1
       ) AS spoken_of
       WHERE EXISTS (SELECT 1 FROM rutter.artifacts AS a WHERE a.project_id = spoken_of.id) ORDER BY id`,
      this.#book,
    )
  }

  async focuses(projectId: string): Promise<string[]> {
    await this.#beforeMemory([projectId])
    // From one focus to the next by the index: the rows between are not read.
    return await this.#texts(
      `WITH RECURSIVE known (focus) AS (
         SELECT min(focus) FROM rutter.artifacts WHERE project_id = $1 AND focus IS NOT NULL
         UNION ALL
         SELECT (SELECT min(a.focus) FROM rutter.artifacts AS a
                 WHERE a.project_id = $1 AND a.focus IS NOT NULL AND a.focus > known.focus)
         FROM known WHERE known.focus IS NOT NULL
       ) SELECT focus AS text FROM known WHERE focus IS NOT NULL`,
      projectId,
    )
  }

  async search(filter: SearchFilter): Promise<Match[]> {
    await this.#beforeMemory(filter.project_ids)
    return await this.#search.search(filter)
  }

  async #savedAt(projectId: string, ids: readonly string[]): Promise<Map<string, string>> {
    if (ids.length === 0) return new Map()
    const rows = await this.#sql.all(
      'SELECT artifact_id, saved_at FROM rutter.artifacts WHERE project_id = $1 AND artifact_id = ANY ($2::text[])',
      [projectId, ids.map(indexable)],
    )
    const times = new Map(rows.map((row) => [restored(row['artifact_id']), restored(row['saved_at'])]))
    return new Map(ids.map((id) => [id, times.get(indexable(id)) ?? '']))
  }

  /** Where each was said first: what one batch brought has one time, and the order of its stream. */
  async #firstSaid(projectId: string, ids: readonly string[]): Promise<Map<string, string>> {
    if (ids.length === 0) return new Map()
    const facts = await factsAbout(this.#sql, projectId, ids)
    return new Map(
      ids.map((id, i) => {
        const said = facts[i]?.filter(({ event }) => 'artifact_id' in event.data && event.data.artifact_id === id) ?? []
        const [first] = inOrder(said.map(({ event }) => event))
        const stream = said.find(({ event }) => event === first)?.stream_id
        return [id, `${stream} ${String(first?.seq).padStart(16, '0')}`]
      }),
    )
  }

  /** States of one project, which is the first value. */
  async #all<T>(sql: string, projectId: string, ...values: Value[]): Promise<T[]> {
    await this.#beforeMemory([projectId])
    return (await this.#sql.all(sql, [projectId, ...values])).map((row) => JSON.parse(restored(row['state'])) as T)
  }

  async #texts(sql: string, ...values: string[]): Promise<string[]> {
    return (await this.#sql.all(sql, values)).map((row) => restored(row['text']))
  }
}

/** Kind by kind, since an index gives the newest of one kind and no order among several. */
function newestOfEachKind(where: string): string {
  return `
    SELECT a.state FROM unnest($2::text[]) AS asked (kind) CROSS JOIN LATERAL (
      SELECT state, saved_at, artifact_id FROM rutter.artifacts
      WHERE project_id = $1 AND kind = asked.kind AND (in_force OR NOT $3::boolean) ${where}
      ORDER BY saved_at DESC, artifact_id DESC LIMIT $4
    ) AS a ORDER BY a.saved_at DESC, a.artifact_id DESC LIMIT $4`
}

function newestWithPrefix(where: string, first: number): string {
  return `
    SELECT state FROM ${inRange('rutter.artifacts', 'artifact_id', first)}
    WHERE kind = ANY ($2::text[]) AND (in_force OR NOT $3::boolean) ${where}
    ORDER BY saved_at DESC, artifact_id DESC LIMIT $4`
}

/** By the primary key: with a limit, the planner would rather go through all of a project by time. */
function inRange(table: string, id: string, first: number): string {
  return `(SELECT * FROM ${table} WHERE project_id = $1 AND ${id} >= $${first} AND ${id} < $${first + 1} OFFSET 0) AS ranged`
}

/** Where ids that begin so begin and end. */
function rangeOf(prefix: string): [string, string] {
  return [prefix, `${prefix}\u{10FFFF}`]
}

/** Those that are equal to another by this key. */
function tied(found: readonly SimilarDoc[], keyOf: (one: SimilarDoc) => string): string[] {
  return [...Map.groupBy(found, keyOf).values()]
    .filter(({ length }) => length > 1)
    .flat()
    .map(({ doc }) => doc)
}
