import type { Worker } from './harness.ts'
import { batchOf } from './texts.ts'
import { argsOf, decision, thingsOf } from './things.ts'

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

/** Saves a decision that everybody says in the same words; `mark` tells the calls apart. */
export function sayTheSame(worker: Worker, mark: string, isFatal = false) {
  const said = { kind: 'decision', scope: 'project', focus: '', text: 'moor at the northern wharf', mark } as const
  const args = { decision: decision(said) }
  return isFatal ? worker.fatal('save_decision', args) : worker.call('save_decision', args)
}

/** Saves a batch in both books in a call in which the worker meets its fate. */
export async function saveBatchFatally(worker: Worker) {
  const asked = await worker.call('request_global_write_approval', { content_preview: 'a batch' })
  const governance_token = (asked?.['result'] as { token: string } | undefined)?.token
  const batch = batchOf('pair-1', true)
  return await worker.fatal('store_session_with_learnings', {
    ...argsOf(batch, thingsOf(batch, 'fatal')),
    governance_token,
  })
}
