import { FRESHNESS } from '../../domain/memory/freshness.ts'
import type { Scope } from '../../domain/memory/room.ts'
import { byText } from '../../domain/order.ts'
import { BRIEF_KINDS, type BriefItem, type BriefKind, SCOPE_ORDER } from './brief-shape.ts'

/** Something for a brief, and when it was last said or found valid. */
export interface Entry {
  readonly item: BriefItem
  /** ISO 8601 UTC. */
  readonly said_at: string
}

/**
 * Which scopes get the room where it is scarce, the first before the others. A focus that was named is what the work is about. Where none
 * was, the project holds for all of it, and each focus for a part that may not be touched.
 */
export function claims(focus: string | null): readonly Scope[] {
  return focus === null ? ['project', 'focus', 'global'] : SCOPE_ORDER
}

/** Sorts items as a brief has them: by scope, the nearest first, and otherwise as they come. */
export function nearestFirst(items: readonly BriefItem[]): BriefItem[] {
  return items.toSorted((a, b) => SCOPE_ORDER.indexOf(a.scope) - SCOPE_ORDER.indexOf(b.scope))
}

/**
 * How far apart two of a kind stand in a scope, and where the first one stands. Decisions come closest, since they are what an agent
 * must not go against; no kind pushes the others out.
 */
const SPACING: Readonly<Record<BriefKind, { readonly first: number; readonly step: number }>> = {
  decision: { first: 0, step: 1.5 },
  summary: { first: 0.5, step: 6 },
  pattern: { first: 0.75, step: 3 },
  error: { first: 1, step: 4 },
}

/**
 * One list of all kinds of a scope. Decisions and patterns stand by freshness, then confidence, then by what was said last; summaries and
 * errors in the order in which they come.
 */
export function mixed(entries: readonly Entry[]): BriefItem[] {
  const seen = new Map<BriefKind, number>()
  return entries
    .toSorted(beforeOf)
    .map(({ item }) => {
      const nth = seen.get(item.kind) ?? 0
      seen.set(item.kind, nth + 1)
      const { first, step } = SPACING[item.kind]
      return { item, place: first + nth * step }
    })
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

function beforeOf(a: Entry, b: Entry): number {
  const kind = BRIEF_KINDS.indexOf(a.item.kind) - BRIEF_KINDS.indexOf(b.item.kind)
  if (kind !== 0 || a.item.kind === 'summary' || a.item.kind === 'error') return kind
  return (
    FRESHNESS.indexOf(a.item.freshness) - FRESHNESS.indexOf(b.item.freshness) ||
    (b.item.confidence ?? 1) - (a.item.confidence ?? 1) ||
    byText(b.said_at, a.said_at)
  )
}
