import type { StreamRef } from '../../domain/event.ts'
import { ChainWalker, EMPTY_HEAD, type Observation } from '../../log/chain.ts'
import { otherCopy, UnknownEvents } from '../../log/findings.ts'
import type { Finding, Progress, VerifyReport } from '../../ports/ledger.ts'
import type { Sql } from './sql.ts'
import { forked, type StreamHead, Streams } from './streams.ts'

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
    if (forked(stream) !== null) findings.push(otherCopy(stream, where))
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
  const findings: Observation[] = []
  const unknown = new UnknownEvents()
  let events = 0
  for await (const lines of streams.pages(stream)) {
    for (const line of lines) {
      const { link, observation } = walker.next({ bytes: Buffer.from(line), offset: 0, terminated: true })
      if (observation !== undefined) findings.push(observation)
      if (link === undefined) continue
      events++
      unknown.see(link)
    }
  }
  findings.push(...unknown.observations())
  const { seq, hash } = walker.head
  if (seq !== known.seq || hash !== known.hash) {
    const message = `its events end at ${seq}, and its writers go by ${known.seq}: rows were changed by somebody else`
    findings.push({ kind: seq < known.seq ? 'shortened' : 'altered_line', line: events, message, damage: true })
  }
  return { findings, events }
}
