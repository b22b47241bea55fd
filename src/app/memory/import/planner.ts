import type { Actor } from '../../../domain/event.ts'
import type { NewMemoryEvent } from '../../../domain/memory/events.ts'
import type { MemoryReader } from '../../../ports/memory.ts'

/** What becomes of an item: it is new, takes the place of another, was known already, or waits for a person. */
export type Outcome = 'saved' | 'superseding' | 'known' | 'waiting'
export type Tally = Readonly<Record<Outcome, number>>

/** An event with who said it and when: what was imported keeps both. */
export interface DatedEvent {
  readonly event: NewMemoryEvent
  readonly at: string
  /** `null` for whoever imports it. */
  readonly actor: Actor | null
}

/** The two books that an import may add to. */
export type Place = 'own' | 'global'
export type Books = Readonly<Record<Place, MemoryReader>>

/** What all of a file comes to. */
export interface Plan {
  readonly events: Readonly<Record<Place, readonly DatedEvent[]>>
  readonly outcomes: Tally
}

/** Decides what is to be recorded of a file. To plan changes nothing, since a write may have to be done again. */
export interface Planner {
  readonly items: number
  /** How many items belong to each project; `*` is global scope. */
  projects(): Readonly<Record<string, number>>
  /** `onItem` is called once for each item. */
  plan(books: Books, onItem: () => void): Promise<Plan>
}

/** A plan that grows item by item. */
export class PlanSheet implements Plan {
  readonly events: Record<Place, DatedEvent[]> = { own: [], global: [] }
  readonly outcomes: Record<Outcome, number> = { saved: 0, superseding: 0, known: 0, waiting: 0 }

  note(place: Place, events: readonly DatedEvent[], outcome: Outcome): void {
    for (const event of events) this.events[place].push(event)
    this.outcomes[outcome]++
  }
}

/** How many of some items belong to each project. */
export function countByProject(ids: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1
  return counts
}
