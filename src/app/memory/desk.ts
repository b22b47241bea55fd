import { type Artifact, type ArtifactKind, type Decision, isInForce } from '../../domain/memory/artifact.ts'
import { REVIEWED_AT, type Surroundings, wordsOfDecision } from '../../domain/memory/judge.ts'
import { type Room, roomKey } from '../../domain/memory/room.ts'
import { jaccard } from '../../domain/memory/similarity.ts'
import type { MemoryReader } from '../../ports/memory.ts'

/**
 * What is known of one book's memory, with what this very write is about to add: the second of two equal items of a batch must meet
 * the first, although nothing of the batch is recorded before all of it has been decided.
 */
export class Desk {
  readonly #memory: MemoryReader
  readonly #added = new Map<string, Artifact>()
  readonly #words = new Map<string, ReadonlySet<string>>()
  /** By what each artifact is superseded in this write. */
  readonly #retired = new Map<string, string>()
  /** Summaries with which an artifact is said in this write. */
  readonly #produced = new Set<string>()

  constructor(memory: MemoryReader) {
    this.#memory = memory
  }

  async artifact(room: Room, id: string): Promise<Artifact | undefined> {
    const known = this.#added.get(id) ?? (await this.#memory.artifact(room.project_id, id))
    return known === undefined ? undefined : this.#now(known)
  }

  /** Every artifact of the room with these very words, newest first. */
  async withHash(room: Room, kind: ArtifactKind, hash: string): Promise<Artifact[]> {
    const added = [...this.#added.values()].filter(
      (one) => one.kind === kind && one.content_hash === hash && isInRoom(one, room),
    )
    return [...added.reverse(), ...(await this.#memory.withHash(room, kind, hash))].map((one) => this.#now(one))
  }

  /** What must be known of a decision's room to judge it by its words. `named` is what the caller says it supersedes. */
  async around(
    room: Room,
    words: ReadonlySet<string>,
    hash: string,
    named: Decision | undefined,
  ): Promise<Surroundings> {
    const alike = (await this.withHash(room, 'decision', hash)).filter(isDecision)
    const same = alike.find(isInForce) ?? alike[0]
    if (same !== undefined && isInForce(same)) return { same, successor: undefined, named, nearest: undefined }
    const successor = same === undefined ? undefined : await this.successor(room, same)
    const nearest = successor === undefined && named === undefined ? await this.#nearest(room, words) : undefined
    return { same, successor, named, nearest }
  }

  /** The newest decision in force that, over however many steps, took the place of this one. */
  async successor(room: Room, from: Decision): Promise<Decision | undefined> {
    const seen = new Set([from.id])
    const waiting = [...from.superseded_by]
    const inForce: Decision[] = []
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      if (seen.has(id)) continue
      seen.add(id)
      const next = await this.artifact(room, id)
      if (next === undefined || !isDecision(next)) continue
      if (isInForce(next)) inForce.push(next)
      waiting.push(...next.superseded_by)
    }
    return inForce.sort((a, b) => (a.saved_at < b.saved_at ? 1 : -1))[0]
  }

  async #nearest(room: Room, words: ReadonlySet<string>): Promise<Surroundings['nearest']> {
    for (const { id, similarity } of await this.#similarOfAll(room, words)) {
      const decision = await this.artifact(room, id)
      if (decision !== undefined && isDecision(decision) && isInForce(decision)) return { decision, similarity }
    }
    return undefined
  }

  /** Those of this write come first among equals: they are the newest. */
  async #similarOfAll(room: Room, words: ReadonlySet<string>): Promise<{ id: string; similarity: number }[]> {
    const added = [...this.#words]
      .filter(([id]) => isInRoom(this.#added.get(id), room))
      .map(([id, others]) => ({ id, similarity: jaccard(words, others) }))
      .filter(({ similarity }) => similarity >= REVIEWED_AT)
      .reverse()
    const stored = await this.#memory.similar(room, words, REVIEWED_AT)
    return [...added, ...stored].sort((a, b) => b.similarity - a.similarity)
  }

  /** From now on this artifact is known too. */
  add(artifact: Artifact, words?: ReadonlySet<string>): void {
    this.#added.set(artifact.id, artifact)
    if (artifact.supersedes !== null) this.#retired.set(artifact.supersedes, artifact.id)
    if (artifact.kind === 'decision' && artifact.text !== null)
      this.#words.set(artifact.id, words ?? wordsOfDecision(artifact.text))
  }

  retire(id: string, supersededBy: string): void {
    this.#retired.set(id, supersededBy)
  }

  /** True for the first time that an artifact is said with a summary. */
  links(artifact: Artifact, summaryId: string | null): boolean {
    if (summaryId === null || artifact.produced_by.includes(summaryId)) return false
    const edge = `${summaryId} ${artifact.id}`
    if (this.#produced.has(edge)) return false
    this.#produced.add(edge)
    return true
  }

  #now<T extends Artifact>(artifact: T): T {
    const by = this.#retired.get(artifact.id)
    return by === undefined ? artifact : { ...artifact, superseded_by: [...artifact.superseded_by, by] }
  }
}

export function isDecision(artifact: Artifact): artifact is Decision {
  return artifact.kind === 'decision'
}

function isInRoom(artifact: Artifact | undefined, room: Room): boolean {
  return artifact !== undefined && artifact.project_id === room.project_id && roomKey(artifact) === roomKey(room)
}
