import type { Operation } from '../operation.ts'
import { memoryReview } from './memory_review.ts'
import { memorySurface } from './memory_surface.ts'
import { requestGlobalWriteApproval } from './request_global_write_approval.ts'
import { retrieveContext } from './retrieve_context.ts'
import { saveDecision } from './save_decision.ts'
import { savePattern } from './save_pattern.ts'
import { saveSession } from './save_session.ts'
import { sessionGetState } from './session_get_state.ts'
import { sessionGetStats } from './session_get_stats.ts'
import { sessionIncrementCompleted } from './session_increment_completed.ts'
import { sessionInitialize } from './session_initialize.ts'
import { sessionList } from './session_list.ts'
import { sessionRecordFailure } from './session_record_failure.ts'
import { sessionRecordTurn } from './session_record_turn.ts'
import { sessionUpdate } from './session_update.ts'
import { steeringHeartbeat } from './steering_heartbeat.ts'
import { storeSessionWithLearnings } from './store_session_with_learnings.ts'
import { taskAdd } from './task_add.ts'
import { taskList } from './task_list.ts'
import { taskMarkDone } from './task_mark_done.ts'

/** Every operation that is a tool, in the order in which an agent should read them. */
export const operations: readonly Operation[] = [
  sessionInitialize,
  sessionGetState,
  sessionGetStats,
  sessionUpdate,
  sessionIncrementCompleted,
  sessionRecordTurn,
  sessionRecordFailure,
  sessionList,
  steeringHeartbeat,
  taskMarkDone,
  taskAdd,
  taskList,
  retrieveContext,
  memorySurface,
  saveSession,
  saveDecision,
  savePattern,
  storeSessionWithLearnings,
  requestGlobalWriteApproval,
  memoryReview,
] as Operation[]
