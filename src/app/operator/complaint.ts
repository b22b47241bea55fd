/** Something that a person should know of, and what can be done about it. */
export interface Complaint {
  readonly check: 'settings' | 'git' | 'lock' | 'record' | 'tasks' | 'store' | 'memory' | 'remote'
  /** `wrong` wants to be mended; a `note` is worth knowing. */
  readonly level: 'wrong' | 'note'
  /** A file, a slot, a session, a decision or a project. */
  readonly where: string
  readonly message: string
  /** What to do; `null` where there is nothing to do. */
  readonly mend: string | null
  /** What was done about it, where something was. */
  readonly mended: string | null
}
