/** Where a task stands in the project's ledger. */
export const TASK_STATUSES = ['todo', 'in_progress', 'done'] as const
export type TaskStatus = (typeof TASK_STATUSES)[number]

/**
 * A task of the project. Any session's events may touch it and records meet in any order after a git merge,
 * so its row is built from facts that only ever move one way; see `mergeTask`.
 */
export interface Task {
  readonly task_id: string
  readonly title: string | null
  readonly status: TaskStatus
  /** The session whose event put the status where it is. */
  readonly session_id: string
  /** When it got there, ISO 8601. */
  readonly updated_at: string
}

const RANK: Record<TaskStatus, number> = { todo: 0, in_progress: 1, done: 2 }

/** One more thing known about a task. Commutative and idempotent: the order in which records are read cannot matter. */
export function mergeTask(known: Task | undefined, news: Task): Task {
  if (known === undefined) return news
  const title = latestTitle(known, news)
  const newer =
    RANK[news.status] > RANK[known.status] || (RANK[news.status] === RANK[known.status] && precedes(news, known))
  return { ...(newer ? news : known), title }
}

/** Of two reports of the same status the earlier one made it so. */
function precedes(a: Task, b: Task): boolean {
  return a.updated_at < b.updated_at || (a.updated_at === b.updated_at && a.session_id < b.session_id)
}

/** Titles seldom differ; where they do, the choice must not depend on the order of reading. */
function latestTitle(a: Task, b: Task): string | null {
  if (a.title === null) return b.title
  if (b.title === null) return a.title
  return a.title > b.title ? a.title : b.title
}

/** The ids most like `wanted`, best first: for a caller who misspelt one. */
export function nearestIds(wanted: string, known: readonly string[], limit = 5): string[] {
  return known
    .map((id) => ({ id, distance: editDistance(wanted.toLowerCase(), id.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance || (a.id < b.id ? -1 : 1))
    .slice(0, limit)
    .map(({ id }) => id)
}

/** Levenshtein distance, one row at a time. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitute))
    }
    row = next
  }
  return row[b.length] ?? 0
}
