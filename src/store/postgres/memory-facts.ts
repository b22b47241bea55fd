import type { MemoryEvent } from '../../domain/memory/events.ts'
import { restored, type Sql } from './sql.ts'
import { indexable } from './word-numbers.ts'

/** An event and the stream that it stands in. */
export interface Fact {
  readonly event: MemoryEvent
  readonly stream_id: string
}

// OFFSET 0 keeps each lookup a lookup; planned as a join, it may become one that reads the whole table.
const FACTS = `
  SELECT asked.nth, s.stream_id, e.event
  FROM unnest($2::text[]) WITH ORDINALITY AS asked (id, nth)
  CROSS JOIN LATERAL (
    SELECT book_id, stream_kind, stream_id, seq FROM rutter.memory_subjects
    WHERE project_id = $1 AND subject_id = asked.id OFFSET 0
  ) AS s
  CROSS JOIN LATERAL (
    SELECT event FROM rutter.memory_events
    WHERE project_id = $1 AND book_id = s.book_id AND stream_kind = s.stream_kind AND stream_id = s.stream_id AND seq = s.seq
    OFFSET 0
  ) AS e`

/** All that is known about each of several subjects of a project, in the order of the ids and each in no particular one. */
export async function factsAbout(sql: Sql, projectId: string, ids: readonly string[]): Promise<Fact[][]> {
  const facts: Fact[][] = ids.map(() => [])
  for (const row of await sql.all(FACTS, [projectId, ids.map(indexable)])) {
    const event = JSON.parse(restored(row['event'])) as MemoryEvent
    facts[Number(row['nth']) - 1]?.push({ event, stream_id: restored(row['stream_id']) })
  }
  return facts
}
