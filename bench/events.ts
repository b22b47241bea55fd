/** Events as an agent's run makes them. */
import type { NewSessionEvent } from '../src/domain/session/events.ts'

/** Turns between the start of a task and its end. */
const TURNS = 3

/**
 * The work of a session without end: a task is started, takes some turns, and is completed and marked done; every eighth one
 * fails instead, and the failures are reported as totals.
 */
export function* workEvents(sessionId: string): Generator<NewSessionEvent, never> {
  let failed = 0
  for (let n = 1; ; n++) {
    const taskId = `${sessionId.slice(-6)}-task-${n}`
    yield { type: 'task.started', data: { task_id: taskId } }
    for (let turn = 1; turn <= TURNS; turn++) yield turnRecorded(`req_${taskId}-${turn}`, n * TURNS + turn)
    if (n % 8 === 0) {
      yield { type: 'counters.reported', data: { tasks_failed: ++failed, consecutive_failures: 1 } }
    } else {
      yield { type: 'task.completed', data: { task_id: taskId } }
      yield { type: 'task.marked_done', data: { task_id: taskId, note: null } }
    }
  }
}

function turnRecorded(requestId: string, n: number): NewSessionEvent {
  return {
    type: 'turn.recorded',
    data: {
      request_id: requestId,
      provider: 'anthropic',
      model: n % 5 === 0 ? 'claude-haiku-4-5' : 'claude-sonnet-4-5',
      tokens: { input: 1200 + (n % 700), output: 300 + (n % 150), cache_read: 20_000, cache_write: 900, reasoning: 0 },
      cost_usd: 0.0123,
      cost_is_estimated: true,
      started_at: null,
      ended_at: null,
      stop_reason: 'tool_use',
    },
  }
}
