import type { SessionView } from '../domain/session/view.ts'
import type { Out } from './out.ts'

type Status = SessionView['status']

const COLOURS = { running: 'green', paused: 'yellow', stopped: 'gray', interrupted: 'red' } as const

export function statusWord(out: Out, status: Status): string {
  return out.paint(COLOURS[status], status)
}

export function taskFigures(session: Pick<SessionView, 'tasks_completed' | 'tasks_failed' | 'tasks_skipped'>): string {
  return `${session.tasks_completed} done, ${session.tasks_failed} failed, ${session.tasks_skipped} skipped`
}
