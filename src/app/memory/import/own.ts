import { type Artifact, isInForce } from '../../../domain/memory/artifact.ts'
import type { Review } from '../../../domain/memory/review.ts'
import { GLOBAL_PROJECT } from '../../../domain/memory/room.ts'
import type { MemoryReader } from '../../../ports/memory.ts'
import type { Context } from '../../context.ts'
import { type DatedEvent, hashOf, missingFacts, missingReviewFacts } from './facts.ts'
import { countByProject, type Outcome, type Plan, type Planner } from './planner.ts'
import type { Source } from './source.ts'

/** By which id this book knows something that the file has under another. */
type Aliases = ReadonlyMap<string, string>

/**
 * Our own export: what was judged once is not judged again. Ids stay, so the same thing is the same wherever it is imported. Only a text
 * that is in force here already, under another id, is not put beside it.
 */
export class OwnPlanner implements Planner<Aliases> {
  readonly at_once = 5000
  readonly #context: Context
  readonly #items: readonly (Artifact | Review)[]
  /** What supersedes each artifact, as those say themselves. */
  readonly #told = new Map<string, Set<string>>()
  readonly #aliases = new Map<string, string>()

  constructor(context: Context, source: Extract<Source, { format: 'rutter' }>, projectId: string | null) {
    this.#context = context
    const here = <T extends { readonly project_id: string }>(item: T): T =>
      projectId === null || item.project_id === GLOBAL_PROJECT ? item : { ...item, project_id: projectId }
    this.#items = [...source.artifacts.map(here), ...source.reviews.map(here)]
    for (const { id, supersedes } of source.artifacts) {
      if (supersedes !== null) this.#told.set(supersedes, (this.#told.get(supersedes) ?? new Set()).add(id))
    }
  }

  get items(): number {
    return this.#items.length
  }

  indexes(isGlobal: boolean): number[] {
    return [...this.#items.keys()].filter((i) => (this.#items[i]?.project_id === GLOBAL_PROJECT) === isGlobal)
  }

  projects(): Record<string, number> {
    return countByProject(this.#items.map(({ project_id }) => project_id))
  }

  async plan(memory: MemoryReader, lot: readonly number[]): Promise<Plan<Aliases>> {
    const aliases = new Map(this.#aliases)
    const seen = new Set<string>()
    const events: DatedEvent[] = []
    const outcomes: Outcome[] = []
    for (const index of lot) {
      const item = this.#items[index] as Artifact | Review
      const key = `${item.project_id} ${item.id}`
      const facts = seen.has(key)
        ? { events: [], isKnown: true }
        : 'kind' in item
          ? await this.#factsOf(memory, item, aliases)
          : await this.#reviewFactsOf(memory, item, aliases)
      seen.add(key)
      events.push(...facts.events)
      outcomes.push(facts.isKnown ? 'known' : 'saved')
    }
    return { events, outcomes, learned: aliases }
  }

  keep({ learned, outcomes }: Plan<Aliases>): readonly Outcome[] {
    for (const [id, known] of learned) this.#aliases.set(id, known)
    return outcomes
  }

  async #factsOf(memory: MemoryReader, artifact: Artifact, aliases: Map<string, string>) {
    const { identity } = this.#context
    const known = await memory.artifact(artifact.project_id, artifact.id)
    if (known === undefined && isInForce(artifact) && artifact.kind !== 'summary' && artifact.text !== null) {
      const same = await memory.withHash(artifact, artifact.kind, hashOf(artifact.text, identity))
      const twin = same.find(isInForce)
      if (twin !== undefined) {
        aliases.set(artifact.id, twin.id)
        return { events: [], isKnown: true }
      }
    }
    const renamed = withIds(artifact, aliases)
    const told = this.#told.get(artifact.id) ?? new Set()
    return { events: missingFacts(renamed, known, told, identity), isKnown: known !== undefined }
  }

  async #reviewFactsOf(memory: MemoryReader, review: Review, aliases: Aliases) {
    const known = await memory.review(review.project_id, review.id)
    const { candidate_id, artifact_id } = review
    const renamed = {
      ...review,
      candidate_id: aliases.get(candidate_id) ?? candidate_id,
      artifact_id: artifact_id === null ? null : (aliases.get(artifact_id) ?? artifact_id),
    }
    return { events: missingReviewFacts(renamed, known, this.#context.identity), isKnown: known !== undefined }
  }
}

function withIds(artifact: Artifact, aliases: Aliases): Artifact {
  const renamed = (id: string) => aliases.get(id) ?? id
  const { supersedes, superseded_by } = artifact
  return {
    ...artifact,
    supersedes: supersedes === null ? null : renamed(supersedes),
    superseded_by: superseded_by.map(renamed),
  }
}
