import type { StreamRef } from '../../domain/event.ts'
import { isMemoryEvent } from '../../domain/memory/events.ts'
import { isSessionEvent } from '../../domain/session/events.ts'
import { ChainWalker, EMPTY_HEAD } from '../../log/chain.ts'
import type { Finding, Progress, VerifyReport } from '../../ports/ledger.ts'
import type { Sql } from './sql.ts'
import { forked, type StreamHead, Streams } from './streams.ts'

/** Lines that are read at once. */
const PAGE = 5000

/** Walks every stream's chain, as it stands in the table of events, and holds its end against what writers go by. */
export async function verify(
  sql: Sql,
  projectId: string,
  onProgress?: (progress: Progress) => void,
): Promise<VerifyReport> {
  const streams = new Streams(sql, projectId)
  const all = await streams.all()
  const findings: Finding[] = []
  let events = 0
  for (const [i, { stream, head }] of all.entries()) {
    const report = await walk(streams, stream, head)
    const where = `rutter.events of project ${projectId}, ${stream.kind} ${stream.id}`
    findings.push(...report.findings.map((finding) => ({ ...finding, stream, where })))
    if (forked(stream) !== null) {
      const message = 'the other copy of a record that forked; kept beside it'
      findings.push({ stream, where, kind: 'forked', line: null, message, damage: false })
    }
    events += report.events
    onProgress?.({ done: i + 1, total: all.length })
  }
  return {
    streams: all.length,
    events,
    findings: findings.map((finding) => ({ ...finding, ...mendInTables(finding) })),
  }
}

/** There is no git to take a line from. */
function mendInTables({ kind, damage }: Finding): Pick<Finding, 'mend'> {
  if (kind === 'forked') return { mend: 'Both copies are kept; compare them with rutter show.' }
  if (!damage) return {}
  return { mend: 'Take these rows from a backup of the database, or a clone that has the record; then rutter rebuild.' }
}

async function walk(streams: Streams, stream: StreamRef, known: StreamHead) {
  const walker = new ChainWalker(EMPTY_HEAD, { remember: true })
  const findings: Omit<Finding, 'stream' | 'where'>[] = []
  const unknown = new Map<string, number>()
  let events = 0
  for (let seq = 0, count = PAGE; count === PAGE; seq += count) {
    const lines = await streams.lines(stream, seq, PAGE)
    count = lines.length
    for (const line of lines) {
      const { link, observation } = walker.next({ bytes: Buffer.from(line), offset: 0, terminated: true })
      if (observation !== undefined) findings.push(observation)
      if (link === undefined) continue
      events++
      const { event, understood } = link
      if (understood && !isSessionEvent(event) && !isMemoryEvent(event)) {
        unknown.set(event.type, (unknown.get(event.type) ?? 0) + 1)
      }
    }
  }
  for (const [type, times] of unknown) {
    const message = `${times === 1 ? '1 event' : `${times} events`} of a type or shape that this Rutter does not know ("${type}"); kept and passed over`
    findings.push({ kind: 'unknown_event', line: null, message, damage: false })
  }
  const { seq, hash } = walker.head
  if (seq !== known.seq || hash !== known.hash) {
    const message = `its events end at ${seq}, and its writers go by ${known.seq}: rows were changed by somebody else`
    findings.push({ kind: seq < known.seq ? 'shortened' : 'altered_line', line: events, message, damage: true })
  }
  return { findings, events }
}
