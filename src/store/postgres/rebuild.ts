import type { StreamRef } from '../../domain/event.ts'
import type { MemoryEvent } from '../../domain/memory/events.ts'
import { type Change, project, reportsIn } from '../../domain/session/projection.ts'
import type { SessionState } from '../../domain/session/state.ts'
import { toldIn } from '../../domain/stream.ts'
import type { Progress } from '../../ports/ledger.ts'
import { MemoryLocks } from './memory-locks.ts'
import { MemoryProjection } from './memory-projection.ts'
import { Rows } from './rows.ts'
import type { Sql } from './sql.ts'
import { forked, Streams, understood } from './streams.ts'

/** Throws a project's projection away and computes it again from its log, while nobody adds to it. Locks on slots stay. */
export async function rebuild(
  sql: Sql,
  projectId: string,
  onProgress?: (progress: Progress) => void,
): Promise<{ streams: number; events: number }> {
  const streams = new Streams(sql, projectId)
  const rows = new Rows(sql, projectId)
  const memory = new MemoryProjection(sql, projectId)
  // As whoever saves takes them: the memory before the streams.
  await new MemoryLocks(sql).take(await memory.projects())
  await streams.overtakeAll()
  await Promise.all([rows.dropAll(), memory.dropAll()])
  // With those that began before what is theirs was dropped.
  const all = await streams.lockAll()
  let events = 0
  for (const [i, { stream, head }] of all.entries()) {
    await projectStream({ streams, rows, memory }, stream)
    events += head.seq
    onProgress?.({ done: i + 1, total: all.length })
  }
  return { streams: all.length, events }
}

/** Carries everything that a stream says into rows that have nothing of it yet. */
export async function projectStream(
  { streams, rows, memory }: { streams: Streams; rows: Rows; memory: MemoryProjection },
  stream: StreamRef,
): Promise<void> {
  if (forked(stream) !== null) return
  const learned: MemoryEvent[] = []
  const changes: Change[] = []
  let session: SessionState | undefined
  let seq = 0
  for await (const lines of streams.pages(stream)) {
    const events = lines.flatMap(understood)
    seq += lines.length
    const { own, learned: some } = toldIn(stream, events)
    learned.push(...some)
    if (own.length === 0 && session === undefined) continue
    const after = project(session, own, events.at(-1)?.at)
    session = after.state
    changes.push(...after.changes)
  }
  if (session !== undefined) await rows.put(session, seq, { changes, reports: reportsIn(changes) })
  await memory.take(stream, learned)
}
