import type { Summary } from '../../domain/memory/artifact.ts'
import { type OpenItem, openWork, type TermsOf } from '../../domain/memory/open-items.ts'
import { repeatedErrors } from '../../domain/memory/repeated-errors.ts'
import { byText } from '../../domain/order.ts'
import type { LedgerReader } from '../../ports/ledger.ts'
import type { Context } from '../context.ts'
import { clipped, errorItem } from './brief-items.ts'
import type { BriefItem, Part } from './brief-shape.ts'
import type { Source } from './brief-sources.ts'

/** Summaries of a scope, and sessions, that a brief looks back on. */
const LOOKED_BACK = 20
const MOST_ERRORS = 5
/** Characters of one open item. */
const LONGEST_LEFT = 300

/** What sessions left to do. */
export interface Work {
  readonly open: readonly Part[]
  readonly next: readonly Part[]
}

/**
 * What the last summaries of these sources left to do and no later one did: of the source that comes first before the others where a focus was
 * named, and else the newest first.
 */
export async function workLeft(
  sources: readonly Source[],
  isAbout: (text: string) => boolean,
  termsOf: TermsOf,
): Promise<Work> {
  const summaries: Summary[] = []
  for (const { memory, project_id, scope, focus } of sources) {
    const filter = { project_id, scope, focus: focus ?? undefined, kinds: ['summary'] as const }
    const last = await memory.artifacts({ ...filter, in_force: true, limit: LOOKED_BACK })
    summaries.push(...last.filter((artifact) => artifact.kind === 'summary'))
  }
  const isFocused = sources.some(({ focus }) => focus !== null)
  const ordered = isFocused ? summaries : summaries.toSorted((a, b) => byText(b.saved_at, a.saved_at))
  const { open_items, next_actions } = openWork(ordered, termsOf)
  const parts = (list: 'open_items' | 'next_actions', left: readonly OpenItem[]): Part[] =>
    left
      .filter(({ text }) => isAbout(text))
      .map(({ text, from }) => ({ list, value: clipped(text, LONGEST_LEFT), scope: from.scope }))
  return { open: parts('open_items', open_items), next: parts('next_actions', next_actions) }
}

/**
 * Tasks that were begun and not marked done, and that nobody is at: whoever began them is over or gone, and a run that was cut short
 * leaves no summary to say so.
 */
export async function tasksLeft(book: LedgerReader, isAbout: (text: string) => boolean): Promise<Part[]> {
  const { tasks } = await book.tasks({ status: 'in_progress', limit: LOOKED_BACK })
  if (tasks.length === 0) return []
  const held = (await book.leases()).filter((status) => status.held).map(({ lease }) => lease.session_id)
  return tasks
    .filter(({ session_id }) => !held.includes(session_id))
    .map(({ task_id, title, session_id }) => {
      const what = title === null ? task_id : `${task_id} (${title})`
      return `Task ${what} was begun in session ${session_id} and is not marked done.`
    })
    .filter(isAbout)
    .map((text) => ({ list: 'open_items', value: clipped(text, LONGEST_LEFT), scope: 'project' }))
}

/** Errors of the last sessions that came more than once. */
export async function errorsOf(
  context: Context,
  book: LedgerReader,
  isAbout: (text: string) => boolean,
  now: string,
): Promise<BriefItem[]> {
  const sessions = await book.sessions({ limit: LOOKED_BACK })
  const errors = sessions.flatMap(({ session_id, errors }) =>
    errors.map(({ at, message }) => ({ session_id, at, message })),
  )
  return repeatedErrors(errors)
    .filter(({ message }) => isAbout(message))
    .slice(0, MOST_ERRORS)
    .map((error) => {
      const id = context.identity.idOf(['error', context.ledger.project_id, error.pattern])
      return errorItem(id, error, now)
    })
}
