import { LINE_VERSION, type RecordedEvent } from '../domain/event.ts'

type Lift = (event: RecordedEvent) => RecordedEvent

/** `lifts[n]` turns an event of version n into one of version n + 1. Version 1 is the first there is. */
const lifts: Readonly<Record<number, Lift>> = {}

/** An event of any older version as this program's version would have written it. The record itself is never rewritten. */
export function upcast(event: RecordedEvent): RecordedEvent {
  let lifted = event
  while (lifted.v < LINE_VERSION) {
    const lift = lifts[lifted.v]
    if (lift === undefined)
      throw new Error(`No way to read version ${lifted.v} of "${event.type}" lines; this is a bug in Rutter.`)
    lifted = lift(lifted)
  }
  return lifted
}
