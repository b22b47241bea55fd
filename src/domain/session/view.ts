import { costView, tokensView } from '../usage.ts'
import { hasEnded, type SessionState } from './state.ts'

/** A session as the contract shows it. `live` is what the store knows beside the record. */
export function sessionView(
  state: SessionState,
  live: { leased: boolean; last_heartbeat_at: string | null; next_action: string | null },
) {
  return {
    session_id: state.session_id,
    session_type: state.session_type,
    slot: state.slot,
    workflow: state.workflow,
    provider: state.provider,
    model: state.model,
    metadata: { ...state.metadata },
    status: state.status,
    active: live.leased && !hasEnded(state),
    start_time: state.start_time,
    last_update: state.last_update,
    end_time: state.end_time,
    end_reason: state.end_reason,
    current_task_id: state.current_task?.task_id ?? null,
    auth_method: state.auth_method,
    tasks_completed: state.tasks_completed,
    tasks_failed: state.tasks_failed,
    tasks_skipped: state.tasks_skipped,
    consecutive_failures: state.consecutive_failures,
    circuit: state.circuit,
    turns: state.usage.turns,
    tokens: tokensView(state.usage.tokens),
    cost_usd: costView(state.usage),
    cost_is_estimated: state.usage.cost_is_estimated,
    errors: [...state.errors],
    tasks: [...state.tasks],
    next_action: live.next_action,
    last_heartbeat_at: live.last_heartbeat_at,
  }
}

export type SessionView = ReturnType<typeof sessionView>

/** One row of a list of sessions. */
export function sessionRow(state: SessionState, leased: boolean) {
  return {
    session_id: state.session_id,
    session_type: state.session_type,
    slot: state.slot,
    workflow: state.workflow,
    status: state.status,
    active: leased && !hasEnded(state),
    start_time: state.start_time,
    end_time: state.end_time,
    end_reason: state.end_reason,
    tasks_completed: state.tasks_completed,
    tasks_failed: state.tasks_failed,
    tasks_skipped: state.tasks_skipped,
    turns: state.usage.turns,
    cost_usd: costView(state.usage),
    cost_is_estimated: state.usage.cost_is_estimated,
    turns_without_cost: state.usage.turns_without_cost,
  }
}
