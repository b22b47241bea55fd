import type { Toolset } from '../app/operation.ts'

const RUN = `Rutter keeps the logbook of your run. Begin with session_initialize; report each task with session_update (current_task_id), then session_increment_completed and task_mark_done, or session_record_failure. After a reconnect just call on: your session is still yours. Call steering_heartbeat between major steps and obey its control. End with session_update { "status": "stopped" }.`

const MEMORY = `Rutter keeps what was learned. Before you start, read retrieve_context; before you decide, and when something fails, ask memory_surface. Keep each decision with save_decision when it is made; at the end, before the session is stopped, call store_session_with_learnings.`

/** What an agent is told when it connects; of the tools that it was given only. */
export function instructionsFor(toolsets: readonly Toolset[]): string {
  const parts = [...(toolsets.includes('session') ? [RUN] : []), ...(toolsets.includes('memory') ? [MEMORY] : [])]
  return parts.join('\n\n')
}
