import type { Worker } from './harness.ts'

/** Begins a session that the checker knows by `mark`; gives its id. */
export async function initialize(worker: Worker, mark = 's'): Promise<string> {
  const args = { session_type: 'autonomous', metadata: { mark } }
  return sessionOf(await worker.call('session_initialize', args, [`init:${mark}`]))
}

/** The session that a worker says it has begun. */
export function sessionOf(message: Record<string, unknown> | null): string {
  const result = message?.['result'] as { session_id: string } | undefined
  if (result === undefined) throw new Error(`No session was started: ${JSON.stringify(message)}`)
  return result.session_id
}

export function startTask(worker: Worker, session_id: string, task: string) {
  return worker.call('session_update', { session_id, current_task_id: task }, [`start:${task}`])
}

/** Starts a task in a call in which the worker meets its fate. */
export function startTaskFatally(worker: Worker, session_id: string, task: string) {
  return worker.fatal('session_update', { session_id, current_task_id: task }, [`start:${task}`])
}
