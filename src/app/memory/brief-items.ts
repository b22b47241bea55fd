import type { Artifact } from '../../domain/memory/artifact.ts'
import { freshnessOf } from '../../domain/memory/freshness.ts'
import type { RepeatedError } from '../../domain/memory/repeated-errors.ts'
import { GLOBAL_PROJECT } from '../../domain/memory/room.ts'
import type { BriefItem } from './brief-shape.ts'

/** Characters of one item's texts together, of one text, and entries of one list: an item is to remind, not to fill the answer. */
const MOST_CHARACTERS = 1_600
const LONGEST_TEXT = 800
const MOST_ENTRIES = 12

/** An artifact, last said at `saidAt`, as a brief shows it; `undefined` once it was forgotten. */
export function itemOf(artifact: Artifact, saidAt: string, ownProject: string, now: string): BriefItem | undefined {
  if (artifact.text === null) return undefined
  const { id, kind, focus, project_id, origin, saved_at } = artifact
  const cut = new Cut()
  const said = fieldsOf(artifact, cut)
  return {
    id,
    kind,
    scope: artifact.scope,
    ...(focus === null ? {} : { focus }),
    ...(project_id === ownProject || project_id === GLOBAL_PROJECT ? {} : { project_id }),
    freshness: freshnessOf(saidAt, now),
    ...said,
    session_id: origin.session_id,
    saved_at,
    ...(cut.happened ? { shortened: true } : {}),
  }
}

function fieldsOf({ kind, text }: Artifact, cut: Cut): Partial<BriefItem> {
  if (text === null) return {}
  switch (kind) {
    case 'decision':
      return { title: cut.text(text.title), rationale: cut.text(text.rationale), confidence: text.confidence }
    case 'pattern':
      return {
        trigger: cut.text(text.trigger),
        repeatable_steps: cut.list(text.repeatable_steps),
        ...(text.exclusions.length === 0 ? {} : { exclusions: cut.list(text.exclusions) }),
      }
    case 'summary':
      return {
        objective: cut.text(text.objective),
        ...(text.actions_taken.length === 0 ? {} : { actions_taken: cut.list(text.actions_taken) }),
        ...(text.decisions_made.length === 0 ? {} : { decisions_made: cut.list(text.decisions_made) }),
      }
  }
}

/** An error that repeats, as a brief shows it. `id` is made of what its messages have in common. */
export function errorItem(id: string, error: RepeatedError, now: string): BriefItem {
  const { times, sessions, session_id, at } = error
  const cut = new Cut()
  return {
    id,
    kind: 'error',
    scope: 'project',
    freshness: freshnessOf(at, now),
    message: cut.text(error.message),
    times,
    sessions,
    session_id,
    saved_at: at,
    ...(cut.happened ? { shortened: true } : {}),
  }
}

/** Cuts the texts of one item so that together they stay in bounds, and knows whether it had to. */
class Cut {
  happened = false
  #left = MOST_CHARACTERS

  text(text: string): string {
    const kept = clipped(text, Math.min(LONGEST_TEXT, this.#left))
    this.#left = Math.max(0, this.#left - kept.length)
    if (kept !== text) this.happened = true
    return kept
  }

  list(entries: readonly string[]): string[] {
    const kept: string[] = []
    for (const entry of entries.slice(0, MOST_ENTRIES)) {
      if (this.#left === 0) break
      kept.push(this.text(entry))
    }
    if (kept.length < entries.length) this.happened = true
    return kept
  }
}

/** The beginning of a text, with an ellipsis where something was cut off; no half of a character at its end. */
export function clipped(text: string, most: number): string {
  if (text.length <= most) return text
  if (most <= 1) return most === 1 ? '…' : ''
  const end = most - 1
  const unit = text.charCodeAt(end)
  const splits = unit >= 0xdc00 && unit <= 0xdfff
  return `${text.slice(0, splits ? end - 1 : end)}…`
}
