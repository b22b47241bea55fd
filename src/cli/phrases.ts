import type { Gone } from '../app/operator/status.ts'
import type { SessionView } from '../domain/session/view.ts'
import type { Out } from './out.ts'

type Status = SessionView['status']

const COLOURS = { running: 'green', paused: 'yellow', stopped: 'gray', interrupted: 'red' } as const
const GONE: Readonly<Record<Gone, string>> = {
  process_gone: 'but its process is gone',
  lease_expired: 'but its process let its lease run out',
}

/** A session as it is told of: how it stands by its record, and why nobody keeps its slot where somebody should. */
export interface Standing {
  readonly status: Status
  /** True while it has its slot here. */
  readonly active: boolean
  readonly end_time: string | null
  readonly gone: Gone | null
}

/** A session with what only the store knows: who is gone left no word in the record. */
export function withGone<T extends { session_id: string; status: Status }>(
  session: T,
  leftBehind: ReadonlyMap<string, Gone>,
): T & { gone: Gone | null } {
  const isOver = session.status === 'stopped' || session.status === 'interrupted'
  return { ...session, gone: isOver ? null : (leftBehind.get(session.session_id) ?? null) }
}

/** How a session stands, in the same words wherever it is told of. */
export function standing(out: Out, { status, active, end_time, gone }: Standing): string {
  if (gone !== null) return out.paint('yellow', `${status}, ${GONE[gone]}`)
  if (end_time === null && !active) return out.paint('yellow', `${status} elsewhere, or left behind`)
  return out.paint(COLOURS[status], status)
}

export function taskFigures(session: Pick<SessionView, 'tasks_completed' | 'tasks_failed' | 'tasks_skipped'>): string {
  return `${session.tasks_completed} done, ${session.tasks_failed} failed, ${session.tasks_skipped} skipped`
}
