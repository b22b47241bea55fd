import type { Actor } from '../event.ts'
import { Refusal } from '../refusal.ts'
import type { SessionChanges, SessionCommand } from './commands.ts'
import type { NewSessionEvent } from './events.ts'
import { hasEnded, type SessionState } from './state.ts'
import { inOrderOfUrgency } from './whispers.ts'

/** Whispers that may wait for one session; an operator who sends more is talking to nobody. */
export const MAX_WAITING_WHISPERS = 100

/**
 * What happens when `actor` wants `command` of a session: the events, in order, that make it so, or a thrown `Refusal`.
 * Pure; nothing is changed here. An agent's call also acknowledges the whispers that it was handed before.
 */
export function decide(state: SessionState, command: SessionCommand, actor: Actor): NewSessionEvent[] {
  if (hasEnded(state)) {
    if (wantsNothingNew(command)) return []
    throw sessionOver(state)
  }
  return [...(actor.kind === 'agent' ? acknowledge(state) : []), ...carryOut(state, command, actor)]
}

function carryOut(state: SessionState, command: SessionCommand, actor: Actor): NewSessionEvent[] {
  switch (command.kind) {
    case 'update':
      return update(state, command.changes, actor)
    case 'complete_task':
      return [{ type: 'task.completed', data: { task_id: state.current_task?.task_id ?? null } }]
    case 'record_failure':
      return recordFailure(state, command)
    case 'record_turn':
      return command.already_counted ? [] : [{ type: 'turn.recorded', data: command.turn }]
    case 'add_tasks':
      return command.tasks.map((task) => ({ type: 'task.added', data: { ...task } }))
    case 'mark_task_done':
      return command.already_done
        ? []
        : [{ type: 'task.marked_done', data: { task_id: command.task_id, note: command.note } }]
    case 'whisper':
      return whisper(state, command)
    case 'hand_over_whispers':
      return handOver(state)
    case 'end':
      return end(command)
  }
}

function update(state: SessionState, changes: SessionChanges, actor: Actor): NewSessionEvent[] {
  refuseRegression(state, changes)
  const events: NewSessionEvent[] = []
  const open = state.circuit.state === 'open'
  const failures = changes.consecutive_failures
  // A report of too many failures outweighs a "running" beside it: together they would only close and open again.
  const resumes = changes.status === 'running' && !isTooMany(state, failures ?? 0)

  if (resumes && open) events.push({ type: 'circuit.closed', data: {} })
  if (resumes && state.status === 'paused') events.push({ type: 'session.resumed', data: {} })
  if (changes.auth_method !== undefined && changes.auth_method !== state.auth_method) {
    events.push({ type: 'auth_method.set', data: { auth_method: changes.auth_method } })
  }
  events.push(...changeTask(state, changes.current_task_id, open && !resumes))
  const { tasks_failed, tasks_skipped } = changes
  if (tasks_failed !== undefined || tasks_skipped !== undefined || failures !== undefined) {
    const counters = given({ tasks_failed, tasks_skipped, consecutive_failures: failures })
    events.push({ type: 'counters.reported', data: counters })
  }
  if (changes.status === 'paused' && state.status === 'running') {
    events.push({ type: 'session.paused', data: { reason: 'requested' } })
  }
  if (!open || resumes) {
    const paused = changes.status === 'paused' || (state.status === 'paused' && !resumes)
    events.push(...consultBreaker(state, failures ?? 0, paused))
  }
  if (changes.status === 'stopped') {
    const reason = actor.kind === 'operator' ? 'stopped_by_operator' : 'stopped_by_agent'
    events.push({ type: 'session.ended', data: { reason, detail: null, command: null } })
  }
  return events.length === 0 ? [{ type: 'session.touched', data: {} }] : events
}

function changeTask(state: SessionState, taskId: string | undefined, circuitHolds: boolean): NewSessionEvent[] {
  if (taskId === undefined) return []
  if (taskId === '') return state.current_task === null ? [] : [{ type: 'task.cleared', data: {} }]
  if (state.current_task?.task_id === taskId) return []
  if (circuitHolds) throw circuitOpen(state, taskId)
  return [{ type: 'task.started', data: { task_id: taskId } }]
}

function recordFailure(
  state: SessionState,
  command: Extract<SessionCommand, { kind: 'record_failure' }>,
): NewSessionEvent[] {
  const data = { task_id: command.task_id ?? state.current_task?.task_id ?? null, error: command.error }
  if (command.outcome === 'skipped') return [{ type: 'task.skipped', data }]
  const failed: NewSessionEvent = { type: 'task.failed', data }
  if (state.circuit.state === 'open') return [failed]
  return [failed, ...consultBreaker(state, state.consecutive_failures + 1, state.status === 'paused')]
}

/** The circuit opens strictly above the threshold: with 3, the fourth failure in a row opens it. */
function isTooMany(state: SessionState, consecutiveFailures: number): boolean {
  return consecutiveFailures > state.circuit.threshold
}

function consultBreaker(state: SessionState, consecutiveFailures: number, paused: boolean): NewSessionEvent[] {
  const { threshold } = state.circuit
  if (!isTooMany(state, consecutiveFailures)) return []
  const opened: NewSessionEvent = {
    type: 'circuit.opened',
    data: { threshold, consecutive_failures: consecutiveFailures },
  }
  return paused ? [opened] : [opened, { type: 'session.paused', data: { reason: 'circuit_opened' } }]
}

function whisper(state: SessionState, command: Extract<SessionCommand, { kind: 'whisper' }>): NewSessionEvent[] {
  if (state.whispers_waiting.length >= MAX_WAITING_WHISPERS) {
    throw new Refusal(
      'invalid_argument',
      `Session ${state.session_id} has ${state.whispers_waiting.length} whispers waiting that the agent has not fetched; ${MAX_WAITING_WHISPERS} may wait.`,
      {
        hint:
          'The agent fetches whispers with steering_heartbeat. See whether it still runs: rutter show ' +
          state.session_id,
      },
    )
  }
  const { whisper_id, instruction, priority } = command
  return [{ type: 'whisper.sent', data: { whisper_id, instruction, priority } }]
}

function handOver(state: SessionState): NewSessionEvent[] {
  if (state.whispers_waiting.length === 0) return []
  const ids = inOrderOfUrgency(state.whispers_waiting).map((w) => w.id)
  return [{ type: 'whisper.delivered', data: { whisper_ids: ids } }]
}

function end(command: Extract<SessionCommand, { kind: 'end' }>): NewSessionEvent[] {
  const { reason, detail } = command
  return [{ type: 'session.ended', data: { reason, detail, command: command.command } }]
}

function acknowledge(state: SessionState): NewSessionEvent[] {
  if (state.whispers_unacknowledged.length === 0) return []
  return [{ type: 'whisper.acknowledged', data: { whisper_ids: [...state.whispers_unacknowledged] } }]
}

/** A stop of what has stopped, and nothing beside it. */
function wantsNothingNew(command: SessionCommand): boolean {
  if (command.kind === 'end') return true
  if (command.kind !== 'update') return false
  const named = Object.entries(command.changes).filter(([, value]) => value !== undefined)
  return named.length === 1 && command.changes.status === 'stopped'
}

function refuseRegression(state: SessionState, changes: SessionChanges): void {
  for (const counter of ['tasks_failed', 'tasks_skipped'] as const) {
    const wanted = changes[counter]
    if (wanted === undefined || wanted >= state[counter]) continue
    throw new Refusal(
      'counter_regression',
      `${counter} is cumulative and stands at ${state[counter]}; ${wanted} would take it back.`,
      {
        hint: `Send the total so far (>= ${state[counter]}), or use session_record_failure, which counts by itself.`,
        details: { counter, recorded: state[counter], given: wanted },
      },
    )
  }
}

function circuitOpen(state: SessionState, taskId: string): Refusal {
  return new Refusal(
    'circuit_open',
    `${state.consecutive_failures} failures in a row (more than ${state.circuit.threshold}) opened the circuit at ${state.circuit.opened_at}; task "${taskId}" was not started.`,
    {
      hint: 'Find out why the tasks fail. Then session_update { "status": "running" } closes the circuit, or ask the operator to resume.',
      details: {
        session_id: state.session_id,
        circuit: state.circuit,
        consecutive_failures: state.consecutive_failures,
      },
    },
  )
}

function sessionOver(state: SessionState): Refusal {
  return new Refusal(
    'session_stopped',
    `Session ${state.session_id} ended at ${state.end_time} (${state.end_reason}); nothing was changed.`,
    {
      hint: 'session_initialize starts a new session.',
      details: { session_id: state.session_id, end_time: state.end_time, end_reason: state.end_reason },
    },
  )
}

/** Drops what was not supplied: a record says only what somebody said. */
function given<T extends Record<string, unknown>>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }
}
