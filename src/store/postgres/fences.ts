import { sessionStream } from '../../domain/session/projection.ts'
import { streamKey } from '../../domain/stream.ts'
import { Overtaken, type Sql } from './sql.ts'
import type { SeenHead } from './streams.ts'
import type { TouchedStream } from './touched.ts'

/*
 * What writers go by and is in no event, the slot and the heartbeat of a session, counts in the fence of its stream. Whoever changes it
 * raises the fence, so that each writer finds everything that it went by unchanged in the one row that it changes anyway.
 */

/** Of the sessions of which something changes those that no new event tells of. */
export function untold(changed: Iterable<string>, written: readonly TouchedStream[]): string[] {
  const told = new Set(written.map(({ stream }) => streamKey(stream)))
  return [...new Set(changed)].filter((id) => !told.has(streamKey(sessionStream(id)))).sort()
}

/** Fails as a conflict where the session is not as it was seen; `undefined` where nobody looked. */
export async function raiseFence(sql: Sql, projectId: string, id: string, seen: SeenHead | undefined): Promise<void> {
  // A slot may be held by a session of which there is no record.
  if (seen === undefined || seen.seq === 0) {
    await sql.run(RAISE, [projectId, id])
    return
  }
  const raised = await sql.run(RAISE_AS_SEEN, [projectId, id, seen.seq, seen.hash, seen.fence])
  if (raised === 0) throw new Overtaken(`session ${id} has gone on`)
}

const RAISE = `UPDATE rutter.streams SET fence = fence + 1 WHERE project_id = $1 AND kind = 'session' AND id = $2`
const RAISE_AS_SEEN = `${RAISE} AND seq = $3 AND hash = $4 AND fence = $5`
