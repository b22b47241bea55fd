import { type Artifact, foldArtifact } from '../../domain/memory/artifact.ts'
import type { MemoryEvent, MemoryEventData, NewMemoryEvent } from '../../domain/memory/events.ts'
import { foldReview, type Review } from '../../domain/memory/review.ts'
import { type Room, roomKey } from '../../domain/memory/room.ts'
import type { RefusalCode } from '../../domain/refusal.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { Context } from '../context.ts'
import { Desk } from './desk.ts'
import type { SaveResult } from './shapes.ts'

/** What one call is about to add to one book. */
export class Draft {
  readonly memory: MemoryReader
  readonly desk: Desk
  readonly events: NewMemoryEvent[] = []
  readonly #context: Context
  readonly #now: string

  constructor(context: Context, memory: MemoryReader, now: string) {
    this.memory = memory
    this.desk = new Desk(memory)
    this.#context = context
    this.#now = now
  }

  add(event: NewMemoryEvent): void {
    this.events.push(event)
  }

  /** Adds an event that says a new artifact, which the rest of the call then knows; with a decision's words where they are known. */
  addArtifact(
    event: Extract<NewMemoryEvent, { type: 'summary.saved' | 'decision.saved' | 'pattern.saved' }>,
    words?: ReadonlySet<string>,
  ): Artifact {
    this.add(event)
    const artifact = foldArtifact(event.data.artifact_id, [this.#asRecorded(event, 0)])
    if (artifact === undefined) throw new Error(`${event.type} says no artifact.`)
    this.desk.add(artifact, words)
    return artifact
  }

  /** A review as it stands with what this call adds. */
  async review(room: Room, id: string): Promise<Review | undefined> {
    const known = await this.memory.review(room.project_id, id)
    const added = this.events
      .filter(({ data }) => 'review_id' in data && data.review_id === id)
      .map((event, i) => this.#asRecorded(event, i))
    if (known === undefined) return foldReview(id, added)
    const end = added.find(({ type }) => type === 'review.resolved')
    if (end?.type !== 'review.resolved') return known
    const { resolution, artifact_id } = end.data
    return { ...known, status: 'resolved', resolution, resolved_at: end.at, artifact_id }
  }

  #asRecorded(event: NewMemoryEvent, index: number): MemoryEvent {
    const { actor } = this.#context.connection
    // Events of one time are in the order of their ids.
    const id = String(index).padStart(6, '0')
    return { ...event, v: 1, seq: 1, id, at: this.#now, actor, prev: '' } as MemoryEvent
  }
}

/** What all that one call saves has in common. */
export interface Saying {
  readonly context: Context
  readonly origin: MemoryEventData<'summary.saved'>['origin']
  /** The summary that is saved with it; `null` where there is none, or where it could not be saved. */
  readonly summary_id: string | null
}

/** Where an event belongs, as every event says it. */
export function placeOf(room: Room, { origin }: Saying) {
  return { project_id: room.project_id, scope: room.scope, focus: room.focus, origin }
}

/**
 * The id of a text in a room: the same in every clone. A text that comes back after it was superseded or forgotten is another
 * artifact, in another place of the line; also where only that is known here, and the record that first said it is on another branch.
 */
export async function artifactId(
  draft: Draft,
  { context }: Saying,
  kind: 'decision' | 'pattern',
  room: Room,
  contentHash: string,
  supersedes: string | null,
): Promise<string> {
  for (let time = 1; ; time++) {
    const parts = [kind, room.project_id, roomKey(room), contentHash, supersedes ?? '', String(time)]
    const id = context.identity.idOf(parts)
    const isFree = (await draft.desk.artifact(room, id)) === undefined
    if (isFree && !(await draft.memory.isKnownId(room.project_id, id))) return id
  }
}

export function saved(
  artifactId: string,
  outcome: SaveResult['dedup_outcome'],
  message: string | null,
  more: Pick<SaveResult, 'candidate_id' | 'similarity'> = {},
): SaveResult {
  return { status: 'saved', artifact_id: artifactId, dedup_outcome: outcome, message, ...more }
}

export function notSaved(
  status: 'failed' | 'blocked_scope' | 'pending_retry',
  code: RefusalCode,
  message: string,
  nextStep: string,
): SaveResult {
  const error = { code, message, hint: nextStep }
  return { status, artifact_id: null, dedup_outcome: null, message, next_step: nextStep, error }
}

/** A similarity as people read it. */
export function percent(similarity: number): string {
  return `${Math.round(similarity * 100)} %`
}
