import type { StreamRef } from '../../domain/event.ts'
import { type PurgeableText, runsWithText, withoutText } from '../../domain/memory/purged.ts'
import { lineHash } from '../../log/line.ts'
import { rewritten } from '../../log/rewrite.ts'
import { MemoryLocks } from './memory-locks.ts'
import { MemoryProjection } from './memory-projection.ts'
import { projectStream } from './rebuild.ts'
import { Rows } from './rows.ts'
import type { Slots } from './slots.ts'
import type { Sql } from './sql.ts'
import { Streams } from './streams.ts'

/** Rows that a purged text may have been in. What is deleted stays in a table's file until it is vacuumed. */
export const SCRUBBED = ['events', 'memory_events', 'artifacts', 'reviews', 'search_docs', 'word_set_words']

/**
 * Refuses while a session runs whose record has the text: its agent appends to that record. Where a copy's own memory has it, the
 * next write begins another stream, so what is recorded of the purge is in none that is written anew.
 */
export async function prepareToPurge(sql: Sql, projectId: string, slots: Slots, text: PurgeableText): Promise<void> {
  const streams = new Streams(sql, projectId)
  const held = (await slots.all()).filter((status) => status.held).map(({ lease }) => lease.session_id)
  for (const stream of await streams.mentioning(text)) {
    if ((await withoutIt(streams, stream, text)).changed === 0) continue
    if (stream.kind === 'memory') await streams.dropWriter(stream)
    else if (held.includes(stream.id)) throw runsWithText(stream)
  }
}

/** Takes a text out of every stream of a project; each is chained anew behind the first line that had it. */
export async function purge(
  sql: Sql,
  projectId: string,
  text: PurgeableText,
): Promise<{ lines: number; records: number }> {
  const streams = new Streams(sql, projectId)
  const parts = { streams, rows: new Rows(sql, projectId), memory: new MemoryProjection(sql, projectId) }
  await new MemoryLocks(sql).take(await parts.memory.projects())
  let [lines, records] = [0, 0]
  for (const stream of await streams.mentioning(text)) {
    const head = await streams.lock(stream)
    const { changed, after } = await withoutIt(streams, stream, text)
    if (changed === 0) continue
    await streams.replace(stream, after, { seq: head.seq, hash: lineHash(after.at(-1) ?? '') })
    await parts.memory.dropStream(stream)
    if (stream.kind === 'session') await parts.rows.dropSession(stream.id)
    await projectStream(parts, stream)
    lines += changed
    records++
  }
  return { lines, records }
}

async function withoutIt(streams: Streams, stream: StreamRef, text: PurgeableText) {
  const lines = await streams.lines(stream, 0, Number.MAX_SAFE_INTEGER)
  const { bytes, changed } = rewritten(Buffer.from(`${lines.join('\n')}\n`), (event) => withoutText(event, text))
  return { changed, after: bytes.toString().split('\n').slice(0, -1) }
}
