/**
 * What a fleet must have left in the log, judged from the log's lines and the workers' notes alone: nothing of Rutter's is asked, so
 * that a mistake of its own is not made here a second time.
 */

/** What a worker writes of each call: answered with what, or not. */
export type FleetNote =
  | { readonly call: 'start'; readonly session_id: string; readonly slot: string; readonly token: number }
  | { readonly call: 'turn'; readonly session_id: string; readonly request_id: string }
  | { readonly call: 'update' | 'completed'; readonly session_id: string; readonly task_id: string }
  | { readonly call: 'stop'; readonly session_id: string }
  | { readonly call: 'refused' | 'failed'; readonly message: string }

/** As much of an event as is judged. */
export interface LoggedEvent {
  readonly type: string
  /** ISO 8601 UTC with milliseconds, so that the order of the texts is that of the times. */
  readonly at: string
  /** When the server committed it, by its own clock, in microseconds; the order of the texts is that of the times. */
  readonly committed_at: string
  readonly data: {
    readonly request_id?: string | null
    readonly task_id?: string | null
    readonly slot?: string
    readonly token?: number
    readonly reason?: string
  }
}

/** The events of each session, in the order of its record. */
export type FleetLog = ReadonlyMap<string, readonly LoggedEvent[]>

/** What is wrong, each with what it was found by; all of it empty where nothing is. */
export interface Findings {
  /** Answered, and not in the log of the session that was answered. */
  readonly lost: readonly string[]
  /** There more than once, in one session or in several. */
  readonly doubled: readonly string[]
  readonly heldTwice: readonly string[]
  /** Tokens that were given out, by those around them, and are nowhere. */
  readonly missingGrants: readonly string[]
  readonly withoutGrant: readonly string[]
  readonly behindEnd: readonly string[]
  /** Records whose times go back: what is said of two sessions at once would mean nothing. */
  readonly backInTime: readonly string[]
}

export const RECORDING_CALLS = ['start', 'update', 'turn', 'completed', 'stop'] as const

export function examine(log: FleetLog, notes: readonly FleetNote[]): Findings {
  const traces = tracesIn(log)
  const slots = [...grantsBySlot(log)]
  return {
    lost: notes.flatMap((note) => lostOf(note, traces)),
    doubled: [...traces].flatMap(([trace, by]) =>
      by.length === 1 ? [] : [`${trace}: ${by.length} times, in ${by.join(', ')}`],
    ),
    heldTwice: slots.flatMap(([slot, grants]) => pairs(grants).flatMap((pair) => overlapIn(log, slot, ...pair))),
    missingGrants: slots.flatMap(([slot, grants]) => missingIn(slot, grants)),
    withoutGrant: inEachSession(log, beforeGrant),
    behindEnd: inEachSession(log, behindEnd),
    backInTime: inEachSession(log, backInTime),
  }
}

/** By what each call that records something is known again, with the sessions in which that is found. */
function tracesIn(log: FleetLog): Map<string, string[]> {
  const traces = new Map<string, string[]>()
  for (const [session_id, events] of log) {
    for (const event of events) {
      const trace = traceOf(session_id, event)
      if (trace === null) continue
      traces.set(trace, [...(traces.get(trace) ?? []), session_id])
    }
  }
  return traces
}

/** Requests and tasks have names that no worker gives twice, so they may not be in another session either. */
function traceOf(session_id: string, { type, data }: LoggedEvent): string | null {
  switch (type) {
    case 'session.started':
      return `beginning of ${session_id} in ${data.slot}`
    case 'lease.granted':
      return `grant ${data.token} of ${data.slot} to ${session_id}`
    case 'turn.recorded':
      return `turn ${data.request_id}`
    case 'task.started':
      return `task ${data.task_id}`
    case 'task.completed':
      return `completed ${data.task_id}`
    case 'session.ended':
      return data.reason === 'stopped_by_agent' ? `stop of ${session_id}` : null
    default:
      return null
  }
}

function tracesOf(note: FleetNote): string[] {
  switch (note.call) {
    case 'start':
      return [
        `beginning of ${note.session_id} in ${note.slot}`,
        `grant ${note.token} of ${note.slot} to ${note.session_id}`,
      ]
    case 'turn':
      return [`turn ${note.request_id}`]
    case 'update':
      return [`task ${note.task_id}`]
    case 'completed':
      return [`completed ${note.task_id}`]
    case 'stop':
      return [`stop of ${note.session_id}`]
    default:
      return []
  }
}

function lostOf(note: FleetNote, traces: ReadonlyMap<string, readonly string[]>): string[] {
  if (!('session_id' in note)) return []
  const { call, session_id } = note
  const missing = tracesOf(note).filter((trace) => !traces.get(trace)?.includes(session_id))
  return missing.map((trace) => `${call} answered to ${session_id}: no ${trace} there`)
}

interface Grant {
  readonly session_id: string
  readonly token: number
  readonly committed_at: string
}

/** In the order of their tokens. A session that was adopted has several. */
function grantsBySlot(log: FleetLog): Map<string, Grant[]> {
  const slots = new Map<string, Grant[]>()
  for (const [session_id, events] of log) {
    for (const { type, committed_at, data } of events) {
      if (type !== 'lease.granted') continue
      const { slot = '', token = 0 } = data
      slots.set(slot, [...(slots.get(slot) ?? []), { session_id, token, committed_at }])
    }
  }
  for (const grants of slots.values()) grants.sort((a, b) => a.token - b.token)
  return slots
}

function pairs<T>(of: readonly T[]): [T, T][] {
  return of.slice(1).map((next, i) => [of[i] as T, next])
}

/**
 * The first was over when the second was granted, and did nothing from then on. The times are those of the commits, which the server
 * notes: what a writer believed of the time, and how long it took from there to its commit, makes no difference. Who ends a dead
 * session to take its slot does both with one commit.
 */
function overlapIn(log: FleetLog, slot: string, first: Grant, second: Grant): string[] {
  const grants = `${slot}: ${first.token} to ${first.session_id}, ${second.token} to ${second.session_id} at ${second.committed_at}`
  if (first.token === second.token) return [`${grants}: the same token`]
  if (first.session_id === second.session_id) return []
  const events = log.get(first.session_id) ?? []
  const end = events.find(isEnd)
  if (end === undefined) return [`${grants}: the first never ended`]
  if (end.committed_at > second.committed_at) return [`${grants}: the first ended at ${end.committed_at}`]
  const later = events.find(({ committed_at }) => committed_at > second.committed_at)
  return later === undefined ? [] : [`${grants}: the first has a ${later.type} at ${later.committed_at}`]
}

/** A grant is recorded by the write that gives out its token, and no token is given out without. */
function missingIn(slot: string, grants: readonly Grant[]): string[] {
  const tokens = [0, ...grants.map(({ token }) => token)]
  return pairs(tokens).flatMap(([one, next]) => (next > one + 1 ? [`${slot}: nothing between ${one} and ${next}`] : []))
}

function inEachSession(log: FleetLog, find: (events: readonly LoggedEvent[]) => LoggedEvent | undefined): string[] {
  return [...log].flatMap(([session_id, events]) => {
    const found = find(events)
    return found === undefined ? [] : [`${session_id}: ${found.type} at ${found.at}`]
  })
}

function beforeGrant(events: readonly LoggedEvent[]): LoggedEvent | undefined {
  const granted = events.findIndex(({ type }) => type === 'lease.granted')
  const before = granted === -1 ? events : events.slice(0, granted)
  // To begin and to be granted the slot is one step, in this order.
  return before.find(({ type }) => granted === -1 || type !== 'session.started')
}

function behindEnd(events: readonly LoggedEvent[]): LoggedEvent | undefined {
  const end = events.findIndex(isEnd)
  return end === -1 ? undefined : events[end + 1]
}

function backInTime(events: readonly LoggedEvent[]): LoggedEvent | undefined {
  return pairs(events).find(([one, next]) => next.at < one.at)?.[1]
}

function isEnd({ type }: LoggedEvent): boolean {
  return type === 'session.ended'
}
