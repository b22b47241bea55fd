import { type Artifact, isInForce } from '../../../domain/memory/artifact.ts'
import type { Review } from '../../../domain/memory/review.ts'
import { GLOBAL_PROJECT } from '../../../domain/memory/room.ts'
import type { MemoryReader } from '../../../ports/memory.ts'
import type { Context } from '../../context.ts'
import { type Heirs, hashOf, missingFacts, missingReviewFacts } from './facts.ts'
import { type Books, countByProject, type DatedEvent, type Plan, type Planner, PlanSheet } from './planner.ts'
import type { OwnSource } from './source.ts'

/** By which id this book knows something that the file has under another. */
type Aliases = ReadonlyMap<string, string>

type Item = Artifact | Review

/**
 * Our own export: what was judged once is not judged again, and what stands in one file is not held against each other. Ids stay, so
 * the same thing is the same wherever it is imported. Only a text that is in force here already, under another id, is not put beside it.
 */
export class OwnPlanner implements Planner {
  readonly #identity: Context['identity']
  readonly #items: readonly Item[]
  /** What supersedes each artifact, as those say themselves. */
  readonly #heirs = new Map<string, Map<string, string>>()

  constructor({ identity }: Context, source: OwnSource, projectId: string | null) {
    this.#identity = identity
    const here = <T extends { readonly project_id: string }>(item: T): T =>
      projectId === null || item.project_id === GLOBAL_PROJECT ? item : { ...item, project_id: projectId }
    this.#items = [...source.artifacts.map(here), ...source.reviews.map(here)]
    for (const { id, supersedes, saved_at } of source.artifacts) {
      if (supersedes === null) continue
      const heirs = this.#heirs.get(supersedes) ?? new Map<string, string>()
      this.#heirs.set(supersedes, heirs.set(id, saved_at))
    }
  }

  get items(): number {
    return this.#items.length
  }

  projects(): Record<string, number> {
    return countByProject(this.#items.map(({ project_id }) => project_id))
  }

  async plan(books: Books, onItem: () => void): Promise<Plan> {
    const sheet = new PlanSheet()
    const aliases = new Map<string, string>()
    const seen = new Set<string>()
    /** What belongs behind an item that is still to come. */
    const waiting = new Map<string, DatedEvent[]>()
    for (const item of this.#items) {
      const place = item.project_id === GLOBAL_PROJECT ? 'global' : 'own'
      const key = keyOf(item.project_id, item.id)
      const facts = seen.has(key)
        ? KNOWN
        : 'kind' in item
          ? await this.#factsOf(books[place], item, aliases)
          : await this.#reviewFactsOf(books[place], item, aliases)
      seen.add(key)
      const now = [...facts.said, ...(waiting.get(key) ?? [])]
      for (const { after, ...event } of facts.retirements) {
        const heir = after === null ? key : keyOf(item.project_id, after)
        if (seen.has(heir)) now.push(event)
        else waiting.set(heir, [...(waiting.get(heir) ?? []), event])
      }
      sheet.note(place, now, facts.isKnown ? 'known' : 'saved')
      onItem()
    }
    return sheet
  }

  async #factsOf(memory: MemoryReader, artifact: Artifact, aliases: Map<string, string>) {
    const known = await memory.artifact(artifact.project_id, artifact.id)
    if (known === undefined && isInForce(artifact) && artifact.kind !== 'summary' && artifact.text !== null) {
      const same = await memory.withHash(artifact, artifact.kind, hashOf(artifact.text, this.#identity))
      const twin = same.find(isInForce)
      if (twin !== undefined) {
        aliases.set(artifact.id, twin.id)
        return KNOWN
      }
    }
    const heirs: Heirs = this.#heirs.get(artifact.id) ?? new Map()
    const facts = missingFacts(withIds(artifact, aliases), known, heirs, this.#identity)
    return { ...facts, isKnown: known !== undefined }
  }

  async #reviewFactsOf(memory: MemoryReader, review: Review, aliases: Aliases) {
    const known = await memory.review(review.project_id, review.id)
    const { candidate_id, artifact_id } = review
    const renamed = {
      ...review,
      candidate_id: aliases.get(candidate_id) ?? candidate_id,
      artifact_id: artifact_id === null ? null : (aliases.get(artifact_id) ?? artifact_id),
    }
    const said = missingReviewFacts(renamed, known, this.#identity)
    return { said, retirements: [], isKnown: known !== undefined }
  }
}

const keyOf = (projectId: string, id: string) => JSON.stringify([projectId, id])

const KNOWN = { said: [], retirements: [], isKnown: true }

function withIds(artifact: Artifact, aliases: Aliases): Artifact {
  const renamed = (id: string) => aliases.get(id) ?? id
  const { supersedes, superseded_by } = artifact
  return {
    ...artifact,
    supersedes: supersedes === null ? null : renamed(supersedes),
    superseded_by: superseded_by.map(renamed),
  }
}
