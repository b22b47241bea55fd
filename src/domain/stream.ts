import type { RecordedEvent, StreamRef } from './event.ts'
import { isMemoryEvent, type MemoryEvent } from './memory/events.ts'
import { byText } from './order.ts'
import { isSessionEvent, type SessionEvent } from './session/events.ts'

/** Tells streams apart, as the key of a map. */
export function streamKey({ kind, id }: StreamRef): string {
  return `${kind} ${id}`
}

export function isSameStream(a: StreamRef, b: StreamRef): boolean {
  return a.kind === b.kind && a.id === b.id
}

/** By kind, then by id; ids sort by time. */
export function byStream(a: StreamRef, b: StreamRef): number {
  return byText(a.kind, b.kind) || byText(a.id, b.id)
}

/** What events of a stream tell of the session that it is of, and what was learned in them; the rest is not known to this version. */
export function toldIn(
  stream: StreamRef,
  events: readonly RecordedEvent[],
): { own: SessionEvent[]; learned: MemoryEvent[] } {
  const own = stream.kind === 'session' ? events.filter(isSessionEvent) : []
  // Nearly all events are the session's own, and are not looked at twice.
  return { own, learned: own.length === events.length ? [] : events.filter(isMemoryEvent) }
}
