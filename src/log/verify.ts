import { basename, join } from 'node:path'
import type { StreamRef } from '../domain/event.ts'
import type { Finding, Progress, VerifyReport } from '../ports/ledger.ts'
import { EMPTY_HEAD, endsAt, type Head, type Observation } from './chain.ts'
import type { Disk } from './disk.ts'
import { otherCopy, UnknownEvents } from './findings.ts'
import { type BookLayout, isForkFile, streamOfFile } from './layout.ts'
import { type Reading, walkRecord } from './record.ts'

const KINDS: readonly StreamRef['kind'][] = ['session', 'memory']

/** A file in a record folder. */
export interface RecordFile {
  readonly kind: StreamRef['kind']
  readonly path: string
}

export type KnownHead = (stream: StreamRef) => Head | undefined

/** Every file in a book's record folders. */
export function recordFiles(disk: Disk, layout: BookLayout): RecordFile[] {
  return KINDS.flatMap((kind) =>
    disk.list(layout.folder(kind)).map((name) => ({ kind, path: join(layout.folder(kind), name) })),
  )
}

/** Walks records and says what is not as it was written. Changes nothing. */
export function verifyRecords(
  disk: Disk,
  files: readonly RecordFile[],
  knownHead: KnownHead,
  onProgress?: (progress: Progress) => void,
): VerifyReport {
  const findings: Finding[] = []
  let streams = 0
  let events = 0
  for (const [index, file] of files.entries()) {
    const stream = streamOfFile(file.kind, basename(file.path))
    if (stream !== null) {
      const tell = (observation: Observation) => findings.push({ stream, where: file.path, ...observation })
      streams++
      events += verifyRecord(disk, file.path, knownHead(stream), tell)
    } else if (isForkFile(file.path)) {
      findings.push(forkBeside(file))
    }
    onProgress?.({ done: index + 1, total: files.length })
  }
  return { streams, events, findings }
}

/** Records that must be there, since their sessions run here, and are not. */
export function missingRecords(disk: Disk, layout: BookLayout, live: readonly StreamRef[]): Finding[] {
  const gone = live.filter((stream) => disk.stat(layout.record(stream)) === null)
  const message = 'the record of a running session is gone; its next call writes it again'
  return gone.map((stream) => ({
    stream,
    where: layout.record(stream),
    line: null,
    kind: 'missing_file',
    message,
    damage: true,
  }))
}

/** Walks one record; gives the number of its events. */
function verifyRecord(disk: Disk, path: string, known: Head | undefined, tell: (o: Observation) => void): number {
  const file = disk.open(path, false)
  if (file === null) return 0
  try {
    const unknown = new UnknownEvents()
    let isKnownThere = known === undefined || endsAt(file, known)
    const reading = walkRecord(
      file,
      EMPTY_HEAD,
      (links) => {
        for (const link of links) {
          // Line ends that a checkout converted move every line and change none.
          if (link.head.seq === known?.seq && link.head.hash === known.hash) isKnownThere = true
          unknown.see(link)
        }
      },
      { remember: true },
    )
    for (const observation of reading.observations) tell(observation)
    for (const observation of unknown.observations()) tell(observation)
    const end = endOf(reading, isKnownThere ? undefined : known)
    if (end !== undefined) tell(end)
    return reading.events
  } finally {
    file.close()
  }
}

/** What is wrong with a record's end; `lost` is the head that the store knows and the file does not have. */
function endOf({ tail, lines, head }: Reading, lost: Head | undefined): Observation | undefined {
  if (tail === 'torn' || tail === 'incomplete_step') {
    const message = 'the end was cut short; the next call puts it aside, since it was never answered'
    return { kind: tail === 'torn' ? 'torn_tail' : 'incomplete_step', line: lines, message, damage: true }
  }
  if (lost === undefined) return undefined
  const wasCut = lost.seq > head.seq
  const message = wasCut
    ? `the record ends at event ${head.seq}, the store knew it up to event ${lost.seq}: it was cut, or git put an older copy in its place`
    : `event ${lost.seq} is not as it was written: it was changed, or git put another copy in its place`
  return { kind: wasCut ? 'shortened' : 'altered_line', line: lines, message, damage: true }
}

function forkBeside({ kind, path }: RecordFile): Finding {
  const name = basename(path)
  const stream = { kind, id: name.slice(0, name.indexOf('.fork-')) }
  return otherCopy(stream, path)
}
