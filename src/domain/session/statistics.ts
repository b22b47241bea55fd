import { costView, tokensView } from '../usage.ts'
import { activeMs, elapsedMs } from './evolve.ts'
import { hasEnded, type SessionState } from './state.ts'

/** Ids of unmatched tasks that are listed; the count beside them is always whole. */
export const UNMATCHED_LISTED = 20

/** The two counts of done tasks, by task id; see `rutter doctor`. */
export interface TaskSync {
  readonly tasks_marked_done: number
  readonly unmatched_task_ids: readonly string[]
  readonly unmatched_count: number
}

/**
 * The figures of a session at a moment. An ended session's figures are frozen at its end.
 * Minutes and rates carry one decimal; rates are percent of the tasks processed, 0 when none was.
 */
export function statistics(state: SessionState, sync: TaskSync, now: string) {
  // The clock may have been set back since the last event; a run cannot have lasted less than its record shows.
  const until = state.end_time ?? (now > state.last_at ? now : state.last_at)
  const total = state.tasks_completed + state.tasks_failed + state.tasks_skipped
  const runtime = elapsedMs(state.start_time, until)
  const active = activeMs(state, until)
  const figures = {
    session_id: state.session_id,
    status: state.status,
    runtime_minutes: minutes(runtime),
    active_minutes: minutes(active),
    tasks_completed: state.tasks_completed,
    tasks_failed: state.tasks_failed,
    tasks_skipped: state.tasks_skipped,
    total_processed: total,
    completion_rate: percent(state.tasks_completed, total),
    failure_rate: percent(state.tasks_failed, total),
    skip_rate: percent(state.tasks_skipped, total),
    avg_minutes_per_task: total === 0 ? 0 : minutes(active / total),
    turns: state.usage.turns,
    tokens: tokensView(state.usage.tokens),
    cost_usd: costView(state.usage),
    cost_is_estimated: state.usage.cost_is_estimated,
    turns_without_cost: state.usage.turns_without_cost,
    by_model: state.by_model.map((m) => ({
      provider: m.provider,
      model: m.model,
      turns: m.turns,
      tokens: tokensView(m.tokens),
      cost_usd: costView(m),
      cost_is_estimated: m.cost_is_estimated,
      turns_without_cost: m.turns_without_cost,
    })),
    sync: {
      in_sync: sync.unmatched_count === 0 && sync.tasks_marked_done === state.tasks_completed,
      tasks_completed: state.tasks_completed,
      tasks_marked_done: sync.tasks_marked_done,
      unmatched_task_ids: [...sync.unmatched_task_ids],
      unmatched_count: sync.unmatched_count,
    },
  }
  return { ...figures, summary: sentence(state, figures) }
}

export type Statistics = ReturnType<typeof statistics>

function sentence(
  state: SessionState,
  f: {
    runtime_minutes: number
    total_processed: number
    completion_rate: number
    turns: number
    cost_usd: number | null
    cost_is_estimated: boolean
    turns_without_cost: number
  },
): string {
  const tasks =
    f.total_processed === 0
      ? 'no task processed'
      : `${state.tasks_completed} of ${f.total_processed} tasks completed (${f.completion_rate}%), ${state.tasks_failed} failed, ${state.tasks_skipped} skipped`
  const bound = f.turns_without_cost > 0 ? 'at least ' : ''
  const cost =
    f.cost_usd === null
      ? 'cost unknown'
      : `${f.cost_is_estimated ? 'an estimated ' : ''}${bound}$${f.cost_usd.toFixed(2)}`
  const verb = hasEnded(state) ? 'ran' : 'has run'
  return `Session ${state.session_id} (${state.status}) ${verb} ${f.runtime_minutes} min: ${tasks}; ${f.turns} turns, ${cost}.`
}

function minutes(ms: number): number {
  return Math.round(ms / 6000) / 10
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 1000) / 10
}
