import { type Change, mergeReport, type TaskReport } from '../../domain/session/projection.ts'
import { TASK_STATUSES } from '../../domain/task.ts'
import type { Value } from './sql.ts'

/** Puts reports of session $3 of project $1, in columns from the parameter `first` on; merged as `mergeReport` does it. */
export const putReports = (first: number, where: string) => `
  INSERT INTO rutter.task_reports AS known
    (project_id, session_id, task_id, title, status, updated_at, completed, marked_done)
  SELECT $1, $3, given.* FROM unnest(
    $${first}::text[], $${first + 1}::text[], $${first + 2}::smallint[], $${first + 3}::text[], $${first + 4}::boolean[], $${first + 5}::boolean[]
  ) AS given ${where}
  ON CONFLICT (project_id, session_id, task_id) DO UPDATE SET
    title = greatest(known.title, excluded.title),
    updated_at = CASE WHEN excluded.status > known.status THEN excluded.updated_at
                      WHEN excluded.status < known.status THEN known.updated_at
                      ELSE least(known.updated_at, excluded.updated_at) END,
    status = greatest(known.status, excluded.status),
    completed = known.completed OR excluded.completed, marked_done = known.marked_done OR excluded.marked_done`

export type ReportColumns = readonly Value[]

/** Reports of one session as parameters of that statement; each task once. */
export function reportColumns(reports: readonly TaskReport[]): ReportColumns {
  return [
    reports.map(({ task_id }) => task_id),
    reports.map(({ title }) => title),
    reports.map(({ status }) => TASK_STATUSES.indexOf(status)),
    reports.map(({ updated_at }) => updated_at),
    reports.map(({ completed }) => String(completed)),
    reports.map(({ marked_done }) => String(marked_done)),
  ]
}

/** Of several reports on a task one that says what they say together. */
export function mergedReports(changes: readonly Change[]): TaskReport[] {
  const reports = new Map<string, TaskReport>()
  for (const change of changes) {
    if (change.table !== 'task_reports') continue
    const { report } = change
    reports.set(report.task_id, mergeReport(reports.get(report.task_id), report))
  }
  return [...reports.values()]
}
