/** An error of a session. */
export interface ErrorOfSession {
  readonly session_id: string
  /** ISO 8601 UTC. */
  readonly at: string
  readonly message: string
}

/** An error that came more than once. */
export interface RepeatedError {
  /** What its messages have in common: folded, with every number as `#`. */
  readonly pattern: string
  /** As it was worded last. */
  readonly message: string
  readonly times: number
  readonly sessions: number
  /** Where and when it came last. */
  readonly session_id: string
  readonly at: string
}

/** Longer messages are told apart by how they begin. */
const COMPARED = 500

/**
 * Errors that came more than once, in one session or in several: those that hit most sessions first, then the most frequent, then the
 * newest. Messages that differ only in numbers, ids, case and white space are the same error.
 */
export function repeatedErrors(errors: readonly ErrorOfSession[]): RepeatedError[] {
  const groups = new Map<string, { last: ErrorOfSession; times: number; sessions: Set<string> }>()
  for (const error of errors) {
    const pattern = patternOf(error.message)
    if (pattern === '') continue
    const group = groups.get(pattern) ?? { last: error, times: 0, sessions: new Set<string>() }
    group.times++
    group.sessions.add(error.session_id)
    if (error.at > group.last.at) group.last = error
    groups.set(pattern, group)
  }
  return [...groups]
    .filter(([, { times }]) => times > 1)
    .map(([pattern, { last, times, sessions }]) => ({ pattern, ...last, times, sessions: sessions.size }))
    .sort((a, b) => b.sessions - a.sessions || b.times - a.times || (a.at < b.at ? 1 : -1))
}

/** Hexadecimal numbers and ids, and every other run of digits. */
const NUMBER = /0x[0-9a-f]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b(?=[a-f]*\d)[0-9a-f]{7,64}\b|\d+/g

function patternOf(message: string): string {
  return message.slice(0, COMPARED).toLowerCase().replace(NUMBER, '#').replace(/\s+/g, ' ').trim()
}
