export const SCOPES = ['global', 'project', 'focus'] as const
export type Scope = (typeof SCOPES)[number]

/** Stands where a project id would for what belongs to none; nobody's project may be called so. */
export const GLOBAL_PROJECT = '*'

/**
 * Where something learned belongs. Duplicates are looked for within one room only: a decision in one project never touches one in
 * another, and `global` is one room that all projects share.
 */
export interface Room {
  readonly project_id: string
  readonly scope: Scope
  /** The area within the project; for the scope `focus` only. */
  readonly focus: string | null
}

export function roomOf(scope: Scope, projectId: string, focus: string | null): Room {
  if (scope === 'global') return { project_id: GLOBAL_PROJECT, scope, focus: null }
  if (scope === 'focus' && focus !== null) return { project_id: projectId, scope, focus }
  return { project_id: projectId, scope: 'project', focus: null }
}

/** The room within its project, as one text. */
export function roomKey({ scope, focus }: Pick<Room, 'scope' | 'focus'>): string {
  return scope === 'focus' ? `focus:${focus}` : scope
}
