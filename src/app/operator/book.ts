import { explain } from '../../domain/invalid.ts'
import { GLOBAL_PROJECT } from '../../domain/memory/room.ts'
import { Refusal } from '../../domain/refusal.ts'
import { settingsSchema } from '../../domain/settings.ts'

/** For a command that only reads, in a place that has no book: looking must not make one. */
export function noBook(root: string): Refusal {
  return new Refusal('store_unavailable', `There is no Rutter book in ${root}.`, {
    hint: 'Run rutter init to begin one, or name the project with --root.',
    details: { root },
  })
}

/** The same where the book would be in a team's database: which one of them it is, is said by a file here. */
export function noProject(root: string, settingsFile: string): Refusal {
  return new Refusal(
    'store_unavailable',
    `${settingsFile} is missing, which says what project of the team's database this is.`,
    { hint: "Run rutter init here, or name the project's folder with --root.", details: { root } },
  )
}

/** Says what is wrong with a project's id; `null` when nothing is. */
export function projectIdFault(id: string): string | null {
  const parsed = settingsSchema.pick({ project_id: true }).safeParse({ project_id: id })
  return parsed.success ? null : explain(parsed.error, { project_id: id })
}

/** Ids of projects, separated by commas, with `*` for the global one. `name` is where they were given. */
export function projectList(text: string, name: string): string[] {
  const ids = text
    .split(',')
    .map((id) => id.trim())
    .filter((id) => id !== '')
  for (const id of ids) {
    const fault = id === GLOBAL_PROJECT ? null : projectIdFault(id)
    if (fault !== null) {
      const hint = `Separate project ids with commas, as in ${name}=atlas,borealis; * is the global one.`
      throw new Refusal('invalid_argument', `${name}: ${fault}`, { hint })
    }
  }
  return [...new Set(ids)]
}

/** For an id that was asked for in a book that has another one: records carry no project, but everybody's store does. */
export function otherProject(wanted: string, present: string, settingsFile: string): Refusal {
  return new Refusal(
    'invalid_argument',
    `This book belongs to project "${present}" already; it was not renamed to "${wanted}".`,
    { hint: `To rename it, change project_id in ${settingsFile}, in every clone.` },
  )
}
