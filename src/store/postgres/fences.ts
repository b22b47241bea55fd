import type { StreamRef } from '../../domain/event.ts'
import { Overtaken, type Sql } from './sql.ts'
import type { SeenHead } from './streams.ts'

/*
 * What writers go by and is in no event, the slot and the heartbeat of a session, counts in the fence of its stream. Whoever changes it
 * raises the fence, so that each writer finds everything that it went by unchanged in the one row that it changes anyway.
 */

/** Of the sessions of which something changes those that no new event tells of. */
export function untold(changed: Iterable<string>, written: readonly { readonly stream: StreamRef }[]): string[] {
  const told = new Set(written.flatMap(({ stream }) => (stream.kind === 'session' ? [stream.id] : [])))
  return [...new Set(changed).difference(told)].sort()
}

/** Fails as a conflict where the session is not as it was seen. */
export async function checkSeen(sql: Sql, projectId: string, id: string, seen: SeenHead): Promise<void> {
  const row = await sql.get(STANDS_AS_SEEN, [projectId, id, seen.seq, seen.hash, seen.fence])
  if (row === undefined) throw goneOn(id)
}

/** Raises it. Fails as a conflict where the session is not as it was seen; `undefined` where nobody looked. */
export async function raiseFence(sql: Sql, projectId: string, id: string, seen: SeenHead | undefined): Promise<void> {
  // A slot may be held by a session of which there is no record.
  if (seen === undefined || seen.seq === 0) {
    await sql.run(RAISE, [projectId, id])
    return
  }
  const raised = await sql.run(RAISE_AS_SEEN, [projectId, id, seen.seq, seen.hash, seen.fence])
  if (raised === 0) throw goneOn(id)
}

function goneOn(id: string): Overtaken {
  return new Overtaken(`session ${id} has gone on`)
}

const SESSION = `project_id = $1 AND kind = 'session' AND id = $2`
const AS_SEEN = `${SESSION} AND seq = $3 AND hash = $4 AND fence = $5`
const STANDS_AS_SEEN = `SELECT 1 FROM rutter.streams WHERE ${AS_SEEN}`
const RAISE = `UPDATE rutter.streams SET fence = fence + 1 WHERE ${SESSION}`
const RAISE_AS_SEEN = `UPDATE rutter.streams SET fence = fence + 1 WHERE ${AS_SEEN}`
