import type { RecordedEvent, StreamRef } from '../domain/event.ts'
import type { Cursor } from '../ports/ledger.ts'
import { EMPTY_HEAD } from './chain.ts'
import type { Disk, OpenFile } from './disk.ts'
import { type BookLayout, isStreamId } from './layout.ts'
import { STOP, walkRecord } from './record.ts'

/** Events in one page; a step that begins in it is in it whole. */
const PAGE = 1000

/** The events of a stream after a cursor, and where to go on; none where there is no such stream. */
export function pageOf(
  { disk, layout }: { disk: Disk; layout: BookLayout },
  stream: StreamRef,
  after: Cursor = { seq: 0, position: 0 },
): { events: RecordedEvent[]; cursor: Cursor } {
  const file = isStreamId(stream.id) ? disk.open(layout.record(stream), false) : null
  if (file === null) return { events: [], cursor: after }
  try {
    return readPage(file, after)
  } finally {
    file.close()
  }
}

/** Whole steps only: the rest of one may be on its way. */
function readPage(file: OpenFile, after: Cursor): { events: RecordedEvent[]; cursor: Cursor } {
  const events: RecordedEvent[] = []
  let cursor = after
  const from = { ...EMPTY_HEAD, seq: after.seq, end: after.position }
  walkRecord(file, from, (links) => {
    for (const { event, head } of links) {
      events.push(event)
      cursor = { seq: head.seq, position: head.end }
    }
    return events.length >= PAGE ? STOP : undefined
  })
  return { events, cursor }
}
