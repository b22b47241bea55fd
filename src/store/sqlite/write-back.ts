import type { StreamRef } from '../../domain/event.ts'
import { endsAt } from '../../log/chain.ts'
import { asText, prevOf } from '../../log/text.ts'
import type { Finding } from '../../ports/ledger.ts'
import type { MeetingParts } from './meeting.ts'
import type { KeptLine } from './stream-rows.ts'

/** The lines that the store has of a record and the working tree lacks; empty where there are none, or they do not fit. */
function missingLines({ streams }: MeetingParts, stream: StreamRef): KeptLine[] {
  const row = streams.get(stream)
  const missing = streams.keptLines(stream, row?.seq ?? 0)
  const [first] = missing
  if (first === undefined) return []
  if (row === undefined) return first.seq === 1 ? missing : []

  return prevOf(first.line) === row.hash ? missing : []
}

/** Records of which the store has lines that the working tree lacks: after a switch of branches, a `git clean`, a deletion. */
export function lackingRecords(parts: MeetingParts): Finding[] {
  return parts.streams.keptStreams().flatMap((stream) => {
    const missing = missingLines(parts, stream)
    const from = missing.at(0)?.seq
    const to = missing.at(-1)?.seq
    if (from === undefined || to === undefined) return []
    const whole = from === 1
    const message = whole
      ? `the record is not in the working tree; the store has a copy of its ${to} events`
      : `the record ends at event ${from - 1}; the store has a copy up to event ${to}`
    const kind = whole ? 'missing_file' : 'shortened'
    return [{ stream, where: parts.layout.record(stream), line: null, kind, message, damage: false } as const]
  })
}

/** Writes the missing lines of a record back; gives their number. Inside a write transaction, with the record met. */
export function writeBack(parts: MeetingParts, stream: StreamRef): number {
  const { disk, layout, streams } = parts
  const missing = missingLines(parts, stream)
  if (missing.length === 0) return 0
  const text = asText(missing)
  const row = streams.get(stream)
  if (row === undefined) {
    disk.replace(layout.record(stream), text)
    return missing.length
  }
  const file = disk.open(layout.record(stream), false)
  if (file === null) return 0
  try {
    if (!endsAt(file, row)) return 0
    file.append(Buffer.from(text))
    file.sync()
    return missing.length
  } finally {
    file.close()
  }
}
