import type { RecordedEvent } from '../domain/event.ts'
import { isMemoryEvent } from '../domain/memory/events.ts'
import { isSessionEvent, type SessionEvent } from '../domain/session/events.ts'
import { memoryPhrase } from './memory/phrases.ts'

/** One event as a line of a timeline: `null` for those that only keep the books. */
export function sentenceOf(event: RecordedEvent): string | null {
  if (isMemoryEvent(event)) return memoryPhrase(event)
  if (!isSessionEvent(event)) return `${event.type} (not known to this Rutter)`
  return phrase(event)
}

function phrase(event: SessionEvent): string | null {
  switch (event.type) {
    case 'session.started':
      return `started as ${event.data.session_type} in slot "${event.data.slot}"${event.data.workflow === null ? '' : `, workflow ${event.data.workflow}`}`
    case 'lease.granted':
      return `lock ${event.data.reason === 'adopted' ? 'taken over' : 'taken'} by process ${event.data.holder.pid} on ${event.data.holder.host} (token ${event.data.token})`
    case 'session.touched':
      return null
    case 'session.paused':
      return event.data.reason === 'circuit_opened' ? 'paused by the circuit breaker' : 'paused'
    case 'session.resumed':
      return 'resumed'
    case 'session.ended':
      return `ended: ${event.data.reason.replaceAll('_', ' ')}${event.data.detail === null ? '' : ` (${event.data.detail})`}`
    case 'auth_method.set':
      return `authenticates with ${event.data.auth_method}`
    case 'counters.reported':
      return `reported ${Object.entries(event.data)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')}`
    case 'circuit.opened':
      return `circuit opened: ${event.data.consecutive_failures} failures in a row, more than ${event.data.threshold}`
    case 'circuit.closed':
      return 'circuit closed'
    case 'task.started':
      return `task ${event.data.task_id} started`
    case 'task.cleared':
      return 'no task any more'
    case 'task.completed':
      return `task ${event.data.task_id ?? '(none named)'} completed`
    case 'task.failed':
    case 'task.skipped':
      return `task ${event.data.task_id ?? '(none named)'} ${event.type === 'task.failed' ? 'failed' : 'skipped'}: ${event.data.error.message}`
    case 'task.added':
      return `task ${event.data.task_id} added: ${event.data.title}`
    case 'task.marked_done':
      return `task ${event.data.task_id} marked done${event.data.note === null ? '' : `: ${event.data.note}`}`
    case 'turn.recorded':
      return turnPhrase(event.data)
    case 'whisper.sent':
      return `operator whispers (${event.data.priority}): ${event.data.instruction}`
    case 'whisper.delivered':
      return `${plural(event.data.whisper_ids.length, 'whisper')} delivered`
    case 'whisper.acknowledged':
      return `${plural(event.data.whisper_ids.length, 'whisper')} acknowledged`
  }
}

function turnPhrase(turn: Extract<SessionEvent, { type: 'turn.recorded' }>['data']): string {
  const { tokens } = turn
  const parts = [`turn of ${turn.model ?? 'an unnamed model'}`]
  if (tokens !== null) {
    const read = tokens.input + tokens.cache_read + tokens.cache_write
    parts.push(`${read} tokens in (${tokens.cache_read} from cache), ${tokens.output} out`)
  }
  if (turn.cost_usd !== null) parts.push(`${turn.cost_is_estimated ? '~' : ''}$${turn.cost_usd.toFixed(4)}`)
  return parts.join(', ')
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
