import { mergeReport, type TaskReport } from '../../domain/session/projection.ts'
import { TASK_STATUSES } from '../../domain/task.ts'
import type { Scalar } from './sql.ts'

/**
 * Puts what `reports` selects, merged with what is known as `mergeReport` does it; each task may come once. The server sets up each
 * part of the merge with every call, also where there is nothing to merge with, so it is said in as few as there can be.
 */
export const putReports = (reports: string) => `
  INSERT INTO rutter.task_reports AS known
    (project_id, session_id, task_id, title, status, updated_at, completed, marked_done)
  ${reports}
  ON CONFLICT (project_id, session_id, task_id) DO UPDATE SET
    title = greatest(known.title, excluded.title),
    updated_at = CASE WHEN excluded.status > known.status
        OR excluded.status = known.status AND excluded.updated_at < known.updated_at
      THEN excluded.updated_at ELSE known.updated_at END,
    status = greatest(known.status, excluded.status),
    completed = known.completed OR excluded.completed, marked_done = known.marked_done OR excluded.marked_done`

const TYPES = ['text', 'text', 'smallint', 'text', 'boolean', 'boolean'] as const

/** One report, or columns of many, as parameters from `first` on. */
export const reportParameters = (first: number, how: 'one' | 'many') =>
  TYPES.map((type, nth) => `$${first + nth}::${type}${how === 'one' ? '' : '[]'}`).join(', ')

/** What `reportParameters` stand for, of one report. */
export function reportValues({ task_id, title, status, updated_at, completed, marked_done }: TaskReport): Scalar[] {
  return [task_id, title, TASK_STATUSES.indexOf(status), updated_at, completed, marked_done]
}

/** The same of many. */
export function reportColumns(reports: readonly TaskReport[]): Scalar[][] {
  const rows = reports.map(reportValues)
  return TYPES.map((_, nth) => rows.map((row) => row[nth] ?? null))
}

/** Of several reports on a task one that says what they say together. */
export function mergedReports(said: readonly TaskReport[]): TaskReport[] {
  const reports = new Map<string, TaskReport>()
  for (const report of said) reports.set(report.task_id, mergeReport(reports.get(report.task_id), report))
  return [...reports.values()]
}
