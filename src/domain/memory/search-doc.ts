import { type Artifact, titleOf } from './artifact.ts'
import type { Scope } from './room.ts'

export const MATCH_KINDS = ['decision', 'pattern', 'summary', 'session', 'task', 'error'] as const
export type MatchKind = (typeof MATCH_KINDS)[number]

/** What can be searched, whatever it was made from. */
export interface SearchDoc {
  readonly project_id: string
  readonly kind: MatchKind
  readonly id: string
  readonly scope: Scope
  readonly focus: string | null
  readonly session_id: string | null
  /** ISO 8601 UTC. */
  readonly at: string
  /** Weighs more than the text. */
  readonly title: string
  readonly text: string
}

/** By what it is known. */
export type DocRef = Pick<SearchDoc, 'project_id' | 'kind' | 'id'>

/** What of an artifact is searched. */
export function docOf(artifact: Artifact): SearchDoc | undefined {
  const title = titleOf(artifact)
  if (title === null) return undefined
  const { id, kind, project_id, scope, focus, origin, saved_at } = artifact
  return {
    id,
    kind,
    project_id,
    scope,
    focus,
    session_id: origin.session_id,
    at: saved_at,
    title,
    text: restOf(artifact),
  }
}

/** What it says beside its title. */
function restOf(artifact: Artifact): string {
  if (artifact.text === null) return ''
  switch (artifact.kind) {
    case 'decision':
      return artifact.text.rationale
    case 'pattern':
      return [...artifact.text.repeatable_steps, ...artifact.text.exclusions].join('\n')
    case 'summary': {
      const { actions_taken, decisions_made, open_items, next_actions } = artifact.text
      return [...actions_taken, ...decisions_made, ...open_items, ...next_actions].join('\n')
    }
  }
}
