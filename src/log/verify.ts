import { join } from 'node:path'
import type { StreamRef } from '../domain/event.ts'
import { isSessionEvent } from '../domain/session/events.ts'
import type { Finding, Progress, VerifyReport } from '../ports/ledger.ts'
import { EMPTY_HEAD, endsAt, type Head, type Observation } from './chain.ts'
import type { Disk } from './disk.ts'
import { type BookLayout, isForkFile, streamOfFile } from './layout.ts'
import { walkRecord } from './record.ts'

const KINDS: readonly StreamRef['kind'][] = ['session', 'memory']

/** Walks every record of a book and says what is not as it was written. Changes nothing. */
export function verifyBook(
  disk: Disk,
  layout: BookLayout,
  knownHead: (stream: StreamRef) => Head | undefined,
  onProgress?: (progress: Progress) => void,
): VerifyReport {
  const files = KINDS.flatMap((kind) => disk.list(layout.folder(kind)).map((name) => ({ kind, name })))
  const findings: Finding[] = []
  let streams = 0
  let events = 0
  for (const [index, { kind, name }] of files.entries()) {
    const where = join(layout.folder(kind), name)
    const stream = streamOfFile(kind, name)
    const tell = (observation: Observation, of: StreamRef) => findings.push({ stream: of, where, ...observation })
    if (stream === null) {
      if (isForkFile(name)) {
        const of = { kind, id: name.slice(0, name.indexOf('.fork-')) }
        tell({ kind: 'forked', line: null, message: 'the other copy of a record that forked; kept beside it', damage: false }, of)
      }
      continue
    }
    streams++
    events += verifyRecord(disk, where, knownHead(stream), (observation) => tell(observation, stream))
    onProgress?.({ done: index + 1, total: files.length })
  }
  return { streams, events, findings }
}

/** Walks one record; gives the number of its events. */
function verifyRecord(disk: Disk, path: string, known: Head | undefined, tell: (o: Observation) => void): number {
  const file = disk.open(path, false)
  if (file === null) return 0
  try {
    const unknown = new Map<string, number>()
    const reading = walkRecord(
      file,
      EMPTY_HEAD,
      (links) => {
        for (const { event, understood } of links) {
          if (understood && !isSessionEvent(event)) unknown.set(event.type, (unknown.get(event.type) ?? 0) + 1)
        }
      },
      { remember: true },
    )
    for (const observation of reading.observations) tell(observation)
    for (const [type, times] of unknown) {
      const message = `${times} event${times === 1 ? '' : 's'} of a type or shape that this Rutter does not know ("${type}"); kept and passed over`
      tell({ kind: 'unknown_event', line: null, message, damage: false })
    }
    if (reading.tail === 'torn' || reading.tail === 'incomplete_step') {
      const message = 'the end was cut short; the next call puts it aside, since it was never answered'
      tell({ kind: reading.tail === 'torn' ? 'torn_tail' : 'incomplete_step', line: reading.lines, message, damage: true })
    } else if (known !== undefined && !endsAt(file, known)) {
      const message = `the record does not hold event ${known.seq} as the store knows it: it was changed or cut after it was written`
      tell({ kind: known.seq > reading.head.seq ? 'shortened' : 'altered_line', line: reading.lines, message, damage: true })
    }
    return reading.events
  } finally {
    file.close()
  }
}
