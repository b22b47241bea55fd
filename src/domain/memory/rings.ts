import { byText } from '../order.ts'
import type { Decision } from './artifact.ts'

/**
 * Decisions that took the place of each other in a ring, so that following what superseded them never comes to an end: none of them is in
 * force, and neither is anything that gave way to them. Clones that each retire a decision of the others make one, and no fold can see
 * it, since each looks at one decision alone. Each ring is given once, its newest first, and the rings by their newest.
 *
 * A line that ends in a forgotten decision, or in one of which there is no record here, has an end and is no ring. A forgotten member
 * does not open a ring: it was superseded, so forgetting it was not to take anything out of force. Where every member was forgotten,
 * nothing is left that could be in force.
 *
 * @param decisions all that are known of one project, in force or not
 */
export function ringsAmong(decisions: readonly Decision[]): Decision[][] {
  const known = new Map(decisions.map((decision) => [decision.id, decision]))
  const earlier = new Map<string, string[]>()
  for (const { id, superseded_by } of decisions) {
    for (const later of superseded_by) {
      const ids = earlier.get(later) ?? []
      ids.push(id)
      earlier.set(later, ids)
    }
  }
  const laterThan = (id: string) => known.get(id)?.superseded_by ?? []
  const earlierThan = (id: string) => earlier.get(id) ?? []

  const named = decisions.flatMap(({ superseded_by }) => superseded_by)
  const ends = [...known.keys(), ...named].filter((id) => laterThan(id).length === 0)
  const endless = new Set(known.keys())
  for (const id of reachable(ends, earlierThan)) endless.delete(id)

  const rings: Decision[][] = []
  for (const first of endless) {
    let ring = reachable([first], laterThan)
    let before = reachable([first], earlierThan)
    // What comes later and does not lead back lies nearer to the ring, or in it.
    for (let beyond = lastBeside(ring, before); beyond !== undefined; beyond = lastBeside(ring, before)) {
      ring = reachable([beyond], laterThan)
      before = reachable([beyond], earlierThan)
    }
    for (const id of before) endless.delete(id)
    const members = [...ring].map((id) => known.get(id)).filter((member) => member !== undefined)
    if (members.some(({ forgotten }) => !forgotten)) rings.push(members.sort(newestFirst))
  }
  return rings.sort(([a], [b]) => (a === undefined || b === undefined ? 0 : newestFirst(a, b)))
}

/** In an order that is the same in every clone. */
function newestFirst(a: Decision, b: Decision): number {
  return byText(b.saved_at, a.saved_at) || byText(b.id, a.id)
}

/** Everything that steps lead to, and where they begin; the nearest first. */
function reachable(from: Iterable<string>, next: (id: string) => Iterable<string>): Set<string> {
  const reached = new Set(from)
  // A set is walked on to what is added meanwhile.
  for (const id of reached) for (const other of next(id)) reached.add(other)
  return reached
}

function lastBeside(ids: ReadonlySet<string>, others: ReadonlySet<string>): string | undefined {
  return [...ids].findLast((id) => !others.has(id))
}
