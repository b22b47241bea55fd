import type * as z from 'zod'

/** What is wrong with some input, for a person: each field with what was given and what is allowed. */
export function explain(error: z.ZodError, input: unknown): string {
  return error.issues.map((issue) => explainIssue(issue, input)).join('; ')
}

function explainIssue(issue: z.core.$ZodIssue, input: unknown): string {
  const path = issue.path.map((key) => String(key).slice(0, SHOWN))
  const field = path.join('.') || 'the arguments'
  const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], input)
  const given = value === undefined ? 'it was not given' : `given was ${shorten(value)}`
  switch (issue.code) {
    case 'unrecognized_keys':
      return `${named(issue.keys)} ${issue.keys.length === 1 ? 'is' : 'are'} not known${path.length > 0 ? ` in ${field}` : ''}`
    case 'invalid_value':
      return `${field} must be ${issue.values.map((v) => JSON.stringify(v)).join(' | ')}; ${given}`
    case 'invalid_type':
      return `${field} must be ${article(issue.expected)}; ${given}`
    case 'too_big':
      return `${field} may ${limit(issue, 'most')}; ${sized(value, given)}`
    case 'too_small':
      return `${field} must ${limit(issue, 'least')}; ${sized(value, given)}`
    case 'invalid_format':
      return `${field} must be ${issue.format === 'regex' ? issue.message : article(issue.format)}; ${given}`
    case 'invalid_key':
      return `${field}: ${issue.issues.map((inner) => explainIssue({ ...inner, path: ['this name'] }, { 'this name': path.at(-1) })).join('; ')}`
    default:
      return path.length > 0 ? `${field}: ${issue.message}; ${given}` : issue.message
  }
}

function limit(issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall, which: 'most' | 'least'): string {
  const bound = issue.code === 'too_big' ? issue.maximum : issue.minimum
  if (issue.origin === 'string') return `have at ${which} ${bound} characters`
  if (issue.origin === 'array' || issue.origin === 'record' || issue.origin === 'object')
    return `have at ${which} ${bound} entries`
  return `be at ${which} ${bound}`
}

function sized(value: unknown, given: string): string {
  if (typeof value === 'string' && value.length > 60) return `given were ${value.length}`
  if (Array.isArray(value)) return `given were ${value.length}`
  return given
}

/** Characters of what was given that a message repeats, and names that it lists: an answer must not be as long as what it refuses. */
const SHOWN = 80
const NAMES_LISTED = 10

function named(keys: readonly string[]): string {
  const listed = keys.slice(0, NAMES_LISTED).map(shorten).join(', ')
  return keys.length > NAMES_LISTED ? `${listed} and ${keys.length - NAMES_LISTED} more` : listed
}

function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}… (${text.length} characters)`
}

function article(expected: string): string {
  if (expected === 'int') return 'a whole number'
  if (expected === 'date') return 'a date such as 2026-11-21'
  if (expected === 'datetime') return 'an ISO 8601 time such as 2026-11-21T22:23:05Z'
  return /^[aeio]/.test(expected) ? `an ${expected}` : `a ${expected}`
}
