import type { Turn } from '../usage.ts'
import type { EndReason, Failure, WhisperPriority } from './events.ts'

/** The fields of `session_update`; only what was supplied is there. */
export interface SessionChanges {
  readonly current_task_id?: string | undefined
  readonly status?: 'running' | 'paused' | 'stopped' | undefined
  readonly auth_method?: 'claude_pro' | 'api_key' | undefined
  readonly tasks_failed?: number | undefined
  readonly tasks_skipped?: number | undefined
  readonly consecutive_failures?: number | undefined
}

/**
 * What somebody wants of a session. Where a decision depends on more than the session's own state, the fact stands in the
 * command, looked up inside the same transaction.
 */
export type SessionCommand =
  | { readonly kind: 'update'; readonly changes: SessionChanges }
  | { readonly kind: 'complete_task' }
  | {
      readonly kind: 'record_failure'
      readonly outcome: 'failed' | 'skipped'
      readonly error: Failure
      readonly task_id: string | null
    }
  | { readonly kind: 'record_turn'; readonly turn: Turn; readonly already_counted: boolean }
  | { readonly kind: 'add_tasks'; readonly tasks: readonly { readonly task_id: string; readonly title: string }[] }
  | {
      readonly kind: 'mark_task_done'
      readonly task_id: string
      readonly note: string | null
      readonly already_done: boolean
    }
  | {
      readonly kind: 'whisper'
      readonly whisper_id: string
      readonly instruction: string
      readonly priority: WhisperPriority
    }
  | { readonly kind: 'hand_over_whispers' }
  | {
      readonly kind: 'end'
      readonly reason: EndReason
      readonly detail: string | null
      readonly command: {
        readonly argv: string[]
        readonly exit_code: number | null
        readonly signal: string | null
        readonly output_tail: string[]
      } | null
    }
