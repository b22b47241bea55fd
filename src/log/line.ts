import { hash } from 'node:crypto'
import { envelopeSchema, isEnvelope, LINE_VERSION, type RecordedEvent } from '../domain/event.ts'
import { upcast } from './upcast.ts'

/** A line of a record as it was understood. */
export type ParsedLine =
  | { readonly kind: 'event'; readonly event: RecordedEvent }
  /** Written by a later Rutter: chained and kept, passed over by this one. */
  | { readonly kind: 'newer'; readonly event: RecordedEvent }
  /** Not a line of ours at all. */
  | { readonly kind: 'foreign'; readonly why: string }

/** The line of an event, without its line feed. Field order is fixed: the same event is always the same bytes. */
export function encodeLine(event: RecordedEvent): string {
  const { v, seq, id, at, type, actor, data, more, prev } = event
  return JSON.stringify({ v, seq, id, at, type, actor, data, ...(more === undefined ? {} : { more }), prev })
}

/** What the next line's `prev` must be: SHA-256 of the line's bytes without the line feed, hex. */
export function lineHash(line: string | Uint8Array): string {
  return hash('sha256', line, 'hex')
}

/** Reads a line. Never throws: whatever stands in a record stays in it, and is reported. */
export function parseLine(line: string): ParsedLine {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    return { kind: 'foreign', why: isConflictMarker(line) ? 'a git conflict marker' : 'not JSON' }
  }
  if (!isEnvelope(json)) {
    const issue = envelopeSchema.safeParse(json).error?.issues[0]
    return { kind: 'foreign', why: `not an event: ${issue?.path.join('.') || 'the line'}: ${issue?.message}` }
  }
  if (json.v > LINE_VERSION) return { kind: 'newer', event: json }
  return { kind: 'event', event: upcast(json) }
}

function isConflictMarker(line: string): boolean {
  return /^(<{7}|={7}|>{7}|\|{7})( |$)/.test(line)
}
