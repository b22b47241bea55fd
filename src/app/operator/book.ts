import { explain } from '../../domain/invalid.ts'
import { Refusal } from '../../domain/refusal.ts'
import { settingsSchema } from '../../domain/settings.ts'

/** For a command that only reads, in a place that has no book: looking must not make one. */
export function noBook(root: string): Refusal {
  return new Refusal('store_unavailable', `There is no Rutter book in ${root}.`, {
    hint: 'Run rutter init to begin one, or name the project with --root.',
    details: { root },
  })
}

/** Says what is wrong with a project's id; `null` when nothing is. */
export function projectIdFault(id: string): string | null {
  const parsed = settingsSchema.pick({ project_id: true }).safeParse({ project_id: id })
  return parsed.success ? null : explain(parsed.error, { project_id: id })
}

/** For an id that was asked for in a book that has another one: records carry no project, but everybody's store does. */
export function otherProject(wanted: string, present: string, settingsFile: string): Refusal {
  return new Refusal(
    'invalid_argument',
    `This book belongs to project "${present}" already; it was not renamed to "${wanted}".`,
    { hint: `To rename it, change project_id in ${settingsFile}, in every clone.` },
  )
}
