import type { RecordedEvent } from '../domain/event.ts'
import type { Cursor } from '../ports/ledger.ts'
import { EMPTY_HEAD } from './chain.ts'
import type { OpenFile } from './disk.ts'
import { STOP, walkRecord } from './record.ts'

/** Events in one page; a step that begins in it is in it whole. */
const PAGE = 1000

/** The events of a record after a cursor, and where to go on. Whole steps only: the rest of one may be on its way. */
export function readPage(file: OpenFile, after: Cursor): { events: RecordedEvent[]; cursor: Cursor } {
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
