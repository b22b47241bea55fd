import type { MemoryReader } from '../../../ports/memory.ts'
import type { DatedEvent } from './facts.ts'

/** What becomes of an item: it is new, takes the place of another, was known already, or waits for a person. */
export type Outcome = 'saved' | 'superseding' | 'known' | 'waiting'
export type Tally = Readonly<Record<Outcome, number>>

/** What one lot of items comes to. */
export interface Plan<Learned = unknown> {
  readonly events: readonly DatedEvent[]
  readonly outcomes: readonly Outcome[]
  /** What the next lots must know of this one. */
  readonly learned: Learned
}

/** Decides what is to be recorded of a file, lot by lot. To plan changes nothing, since a write may have to be done again. */
export interface Planner<Learned = unknown> {
  readonly items: number
  /** Items that are judged and recorded in one write; more would keep others waiting for seconds. */
  readonly at_once: number
  /** Which items belong to the global book, or to this one; in the order in which they are to be taken. */
  indexes(isGlobal: boolean): readonly number[]
  projects(): Readonly<Record<string, number>>
  plan(memory: MemoryReader, lot: readonly number[]): Promise<Plan<Learned>>
  /** Once a plan was carried out. */
  keep(plan: Plan<Learned>): readonly Outcome[]
}

/** How many of some items belong to each project. */
export function countByProject(ids: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1
  return counts
}
