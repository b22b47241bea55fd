import type { Actor } from '../../../domain/event.ts'
import { type Artifact, type ArtifactKind, foldArtifact, isInForce } from '../../../domain/memory/artifact.ts'
import type { MemoryEvent } from '../../../domain/memory/events.ts'
import { REVIEWED_AT, wordsOfDecision } from '../../../domain/memory/judge.ts'
import { type SubjectKind, subjectsOf } from '../../../domain/memory/projection.ts'
import { foldReview, type Review } from '../../../domain/memory/review.ts'
import { type Room, roomKey } from '../../../domain/memory/room.ts'
import { byText } from '../../../domain/order.ts'
import type { Identity } from '../../../ports/identity.ts'
import type { ArtifactFilter, MemoryReader, SearchFilter, Similar } from '../../../ports/memory.ts'
import { missingFacts, missingReviewFacts } from './facts.ts'
import type { DatedEvent } from './planner.ts'
import { WordSetsAhead } from './word-sets-ahead.ts'

/**
 * What a book will know once some events are recorded, as far as an item is judged by it: each item of an import meets those before
 * it, as if they had been saved one by one. What is listed or searched is as the book has it.
 */
export class MemoryAhead implements MemoryReader {
  readonly #book: MemoryReader
  readonly #identity: Identity
  readonly #nobody: Actor
  readonly #facts = new Map<string, MemoryEvent[]>()
  readonly #ids = new Set<string>()
  readonly #byHash = new Map<string, string[]>()
  readonly #wordSets = new Map<string, WordSetsAhead>()
  #count = 0

  /** `actor` is who said what nobody is named for. */
  constructor(book: MemoryReader, identity: Identity, actor: Actor) {
    this.#book = book
    this.#identity = identity
    this.#nobody = actor
  }

  add(dated: DatedEvent): void {
    const event = this.#asRecorded(dated, `1 ${String(this.#count++).padStart(12, '0')}`)
    for (const { kind, project_id, id } of subjectsOf(event)) {
      pushTo(this.#facts, factsKey(kind, project_id, id), event)
      this.#ids.add(idKey(project_id, id))
    }
    const { data, type } = event
    if (type !== 'decision.saved' && type !== 'pattern.saved') return
    const kind = type === 'decision.saved' ? 'decision' : 'pattern'
    pushTo(this.#byHash, hashKey(data, kind, data.content_hash), data.artifact_id)
    if (type !== 'decision.saved') return
    const room = wholeRoomKey(data)
    const sets = this.#wordSets.get(room) ?? new WordSetsAhead(REVIEWED_AT)
    sets.put(data.artifact_id, wordsOfDecision(data))
    this.#wordSets.set(room, sets)
  }

  async artifact(projectId: string, id: string): Promise<Artifact | undefined> {
    return this.#artifactNow(projectId, id, await this.#book.artifact(projectId, id))
  }

  async isKnownId(projectId: string, id: string): Promise<boolean> {
    return this.#ids.has(idKey(projectId, id)) || (await this.#book.isKnownId(projectId, id))
  }

  async withHash(room: Room, kind: ArtifactKind, contentHash: string): Promise<Artifact[]> {
    const { project_id } = room
    const stored = (await this.#book.withHash(room, kind, contentHash)).flatMap(
      (one) => this.#artifactNow(project_id, one.id, one) ?? [],
    )
    const added: Artifact[] = []
    for (const id of this.#byHash.get(hashKey(room, kind, contentHash)) ?? []) {
      if (stored.some((one) => one.id === id) || added.some((one) => one.id === id)) continue
      const artifact = await this.artifact(project_id, id)
      if (artifact !== undefined) added.unshift(artifact)
    }
    return [...added, ...stored].sort((a, b) => byText(b.saved_at, a.saved_at))
  }

  async similar(room: Room, words: ReadonlySet<string>, threshold: number): Promise<Similar[]> {
    const stored = await this.#book.similar(room, words, threshold)
    const added = this.#wordSets.get(wholeRoomKey(room))?.similar(words, threshold) ?? []
    const dated: (Similar & { at: string })[] = []
    for (const one of [...added, ...stored]) {
      const artifact = await this.artifact(room.project_id, one.id)
      if (artifact !== undefined && isInForce(artifact)) dated.push({ ...one, at: artifact.saved_at })
    }
    return dated
      .sort((a, b) => b.similarity - a.similarity || byText(b.at, a.at))
      .map(({ id, similarity }) => ({ id, similarity }))
  }

  async review(projectId: string, id: string): Promise<Review | undefined> {
    const stored = await this.#book.review(projectId, id)
    const added = this.#facts.get(factsKey('review', projectId, id))
    if (added === undefined) return stored
    const before = stored === undefined ? [] : missingReviewFacts(stored, undefined, this.#identity)
    return foldReview(id, [...this.#known(before), ...added])
  }

  artifacts(filter: ArtifactFilter) {
    return this.#book.artifacts(filter)
  }

  reviews(filter: Parameters<MemoryReader['reviews']>[0]) {
    return this.#book.reviews(filter)
  }

  approval(id: string) {
    return this.#book.approval(id)
  }

  projects() {
    return this.#book.projects()
  }

  focuses(projectId: string) {
    return this.#book.focuses(projectId)
  }

  search(filter: SearchFilter) {
    return this.#book.search(filter)
  }

  #artifactNow(projectId: string, id: string, stored: Artifact | undefined): Artifact | undefined {
    const added = this.#facts.get(factsKey('artifact', projectId, id))
    if (added === undefined) return stored
    const before = stored === undefined ? undefined : missingFacts(stored, undefined, new Map(), this.#identity)
    const known = before === undefined ? [] : [...before.said, ...before.retirements]
    return foldArtifact(id, [...this.#known(known), ...added])
  }

  /** Facts of the book, before all that is added at the same time. */
  #known(facts: readonly DatedEvent[]): MemoryEvent[] {
    return facts.map((dated, i) => this.#asRecorded(dated, `0 ${String(i).padStart(12, '0')}`))
  }

  #asRecorded({ event, at, actor }: DatedEvent, id: string): MemoryEvent {
    return { ...event, v: 1, seq: 1, id, at, actor: actor ?? this.#nobody, prev: '' } as MemoryEvent
  }
}

// As JSON, so that no two are written alike.
const idKey = (projectId: string, id: string) => JSON.stringify([projectId, id])
const factsKey = (kind: SubjectKind, projectId: string, id: string) => JSON.stringify([kind, projectId, id])
const wholeRoomKey = (room: Room) => JSON.stringify([room.project_id, roomKey(room)])
const hashKey = (room: Room, kind: ArtifactKind, hash: string) =>
  JSON.stringify([room.project_id, roomKey(room), kind, hash])

function pushTo<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}
