import type { Toolset } from '../app/operation.ts'

/** The whole ritual in a breath: some clients show their model no more than the first 240 characters. */
function ritual(hasRuns: boolean, hasMemory: boolean): string {
  const begin = [...(hasRuns ? ['session_initialize'] : []), ...(hasMemory ? ['retrieve_context'] : [])]
  const go = [...(hasRuns ? ['session_update for each task'] : []), ...(hasMemory ? ['save_decision'] : [])]
  const end = [
    ...(hasMemory ? ['store_session_with_learnings'] : []),
    ...(hasRuns ? ['session_update { "status": "stopped" }'] : []),
  ]
  return `Logbook and memory of your runs. First ${begin.join(', ')}; then ${go.join(', ')}; at the end ${end.join(', ')}.`
}

const RUN = `Report each task with session_update (current_task_id), then session_increment_completed and task_mark_done, or session_record_failure. After a reconnect just call on: your session is still yours. Call steering_heartbeat between major steps and obey its control.`

const MEMORY = `Before you decide, and when something fails, ask memory_surface. Keep each decision with save_decision when it is made; at the end, before the session is stopped, call store_session_with_learnings.`

/** What an agent is told when it connects; of the tools that it was given only. */
export function instructionsFor(toolsets: readonly Toolset[]): string {
  const [hasRuns, hasMemory] = [toolsets.includes('session'), toolsets.includes('memory')]
  if (!hasRuns && !hasMemory) return ''
  return [ritual(hasRuns, hasMemory), ...(hasRuns ? [RUN] : []), ...(hasMemory ? [MEMORY] : [])].join('\n\n')
}
