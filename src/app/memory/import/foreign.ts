import { isInForce } from '../../../domain/memory/artifact.ts'
import type { NewMemoryEvent } from '../../../domain/memory/events.ts'
import { GLOBAL_PROJECT, type Room, roomKey, roomOf } from '../../../domain/memory/room.ts'
import type { Context } from '../../context.ts'
import { saveDecision } from '../save-decision.ts'
import { savePattern } from '../save-pattern.ts'
import { saveSummary } from '../save-summary.ts'
import { artifactId, Draft, placeOf, type Saying } from '../saving.ts'
import type { SaveResult } from '../shapes.ts'
import { hashOf } from './facts.ts'
import { MemoryAhead } from './memory-ahead.ts'
import { type Books, countByProject, type Outcome, type Plan, type Planner, PlanSheet } from './planner.ts'
import { type ForeignItem, type ForeignSource, scopeOf } from './source.ts'

/** By which id this book knows each item of the file; what waits for review has none. */
type Ids = ReadonlyMap<string, string>

/** What became of texts that somebody was asked about, by room and words. */
type Reviewed = ReadonlyMap<string, Outcome>

/** More than any queue has. */
const ALL_REVIEWS = 1_000_000

type ForeignDecision = Extract<ForeignItem, { kind: 'decision' }>

/**
 * What another program knew. In force it is judged as everything that is saved: it may turn out to be known, take the place of something,
 * or wait for a person. What had been superseded there is history and not judged, and comes with what took its place. A text that is
 * known here, in force or not, waiting for a person, discarded or forgotten, is not said again: an import is no new decision.
 */
export class ForeignPlanner implements Planner {
  readonly #context: Context
  readonly #source: ForeignSource
  readonly #projectId: string | null

  constructor(context: Context, source: ForeignSource, projectId: string | null) {
    this.#context = context
    this.#source = source
    this.#projectId = projectId
  }

  get items(): number {
    return this.#source.items.length
  }

  projects(): Record<string, number> {
    return countByProject(this.#source.items.map((item) => this.#roomOf(item).project_id))
  }

  async plan(books: Books, onItem: () => void): Promise<Plan> {
    const { clock, connection, identity } = this.#context
    const now = clock.now()
    const ahead = {
      own: new MemoryAhead(books.own, identity, connection.actor),
      global: new MemoryAhead(books.global, identity, connection.actor),
    }
    const reviewed = await this.#reviewed(books)
    const sheet = new PlanSheet()
    const ids = new Map<string, string>()
    for (const item of this.#source.items) {
      const place = this.#roomOf(item).project_id === GLOBAL_PROJECT ? 'global' : 'own'
      const draft = new Draft(this.#context, ahead[place], now)
      const { outcome, id } = await this.#take(draft, item, ids, reviewed)
      if (id !== null) ids.set(item.key, id)
      const events = draft.events.map((event) => ({ event, at: item.at ?? now, actor: null }))
      for (const event of events) ahead[place].add(event)
      sheet.note(place, events, outcome)
      onItem()
    }
    return sheet
  }

  #roomOf(item: ForeignItem): Room {
    return roomOf(scopeOf(item), this.#project(item), item.focus)
  }

  #project(item: ForeignItem): string {
    return this.#projectId ?? item.project_id ?? this.#context.ledger.project_id
  }

  /** What became of each text that a person was asked about before. */
  async #reviewed(books: Books): Promise<Reviewed> {
    const reviewed = new Map<string, Outcome>()
    for (const project_id of Object.keys(this.projects())) {
      const memory = project_id === GLOBAL_PROJECT ? books.global : books.own
      for (const review of await memory.reviews({ project_id, limit: ALL_REVIEWS })) {
        reviewed.set(textKey(review, review.content_hash), review.status === 'open' ? 'waiting' : 'known')
      }
    }
    return reviewed
  }

  async #take(
    draft: Draft,
    item: ForeignItem,
    ids: Ids,
    reviewed: Reviewed,
  ): Promise<{ outcome: Outcome; id: string | null }> {
    const room = this.#roomOf(item)
    const summaries = item.produced_by.flatMap((key) => ids.get(key) ?? [])
    const origin = { project_id: this.#project(item), session_id: null }
    const saying: Saying = { context: this.#context, origin, summary_id: summaries[0] ?? null }
    if (item.kind === 'summary') {
      const before = draft.events.length
      const { artifact_id } = await saveSummary(draft, saying, room, item.input, `${this.#source.format}:${item.key}`)
      return { outcome: draft.events.length > before ? 'saved' : 'known', id: artifact_id }
    }
    const taken = await this.#takeJudged(draft, saying, room, item, ids, reviewed)
    if (taken.id !== null) await this.#alsoProducedBy(draft, saying, room, item, taken.id, summaries)
    return taken
  }

  async #takeJudged(
    draft: Draft,
    saying: Saying,
    room: Room,
    item: Exclude<ForeignItem, { kind: 'summary' }>,
    ids: Ids,
    reviewed: Reviewed,
  ): Promise<{ outcome: Outcome; id: string | null }> {
    const hash = hashOf(item.input, this.#context.identity)
    const known = await draft.desk.withHash(room, item.kind, hash)
    const [same] = known
    const isKnownInForce = known.some(isInForce)
    const older = item.kind === 'decision' ? item.supersedes.flatMap((key) => ids.get(key) ?? []) : []
    if (same !== undefined && !(isKnownInForce && item.kind === 'pattern' && item.is_dated)) {
      const id = known.find(({ superseded_by }) => superseded_by.length === 0)?.id ?? same.id
      for (const other of older) await this.#retire(draft, saying, room, other, id)
      return { outcome: 'known', id }
    }
    if (item.kind === 'pattern') return outcomeOf(await savePattern(draft, saying, room, item.input))
    const isHistory = item.is_superseded || older.length > 0
    const outcome = reviewed.get(textKey(room, hash))
    if (!isHistory && outcome !== undefined) return { outcome, id: null }
    return isHistory
      ? { outcome: older.length > 0 ? 'superseding' : 'saved', id: await this.#say(draft, saying, room, item, older) }
      : outcomeOf(await saveDecision(draft, saying, room, item.input))
  }

  /** As the file has it, in its place in the line: the first that it superseded by itself, the others as retired for it. */
  async #say(
    draft: Draft,
    saying: Saying,
    room: Room,
    { input }: ForeignDecision,
    older: readonly string[],
  ): Promise<string> {
    const [supersedes = null, ...others] = older
    const { title, rationale, owner, date, confidence } = input
    const content_hash = hashOf(input, this.#context.identity)
    const id = await artifactId(draft, saying, 'decision', room, content_hash, supersedes)
    const place = placeOf(room, saying)
    const text = { title, rationale, owner, date, confidence }
    const data = { artifact_id: id, ...place, ...text, content_hash, supersedes, similarity: null }
    draft.addArtifact({ type: 'decision.saved', data: { ...data, summary_id: saying.summary_id } })
    for (const other of others) await this.#retire(draft, saying, room, other, id)
    return id
  }

  /** What had been superseded in the file is not in force here, whatever became of what took its place. */
  async #retire(draft: Draft, saying: Saying, room: Room, id: string, supersededBy: string): Promise<void> {
    const artifact = await draft.desk.artifact(room, id)
    if (artifact === undefined || !isInForce(artifact) || id === supersededBy) return
    draft.add({
      type: 'decision.retired',
      data: { artifact_id: id, ...placeOf(room, saying), superseded_by: supersededBy },
    })
    draft.desk.retire(id, supersededBy)
  }

  async #alsoProducedBy(
    draft: Draft,
    saying: Saying,
    room: Room,
    item: Exclude<ForeignItem, { kind: 'summary' }>,
    id: string,
    summaries: readonly string[],
  ): Promise<void> {
    const artifact = await draft.desk.artifact(room, id)
    if (artifact === undefined || artifact.forgotten) return
    for (const summary_id of summaries) {
      if (!draft.desk.links(artifact, summary_id)) continue
      const data = { artifact_id: id, ...placeOf(room, saying), summary_id }
      const event: NewMemoryEvent =
        item.kind === 'decision'
          ? { type: 'decision.repeated', data }
          : {
              type: 'pattern.validated',
              data: { ...data, last_validated_at: new Date(item.input.last_validated_at).toISOString() },
            }
      draft.add(event)
    }
  }
}

const textKey = (room: Room, hash: string) => JSON.stringify([room.project_id, roomKey(room), hash])

function outcomeOf({ artifact_id, dedup_outcome }: SaveResult): { outcome: Outcome; id: string | null } {
  switch (dedup_outcome) {
    case 'duplicate_skip':
      return { outcome: 'known', id: artifact_id }
    case 'supersede':
      return { outcome: 'superseding', id: artifact_id }
    case 'manual_review':
      return { outcome: 'waiting', id: null }
    default:
      return { outcome: 'saved', id: artifact_id }
  }
}
