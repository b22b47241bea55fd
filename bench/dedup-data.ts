/** The projects of a database that many share. */
import { Families } from './similarity-data.ts'

/** Decisions that each project knows. */
export const DECISIONS_EACH = 1000

export function projectOf(n: number): string {
  return `project-${String(n).padStart(4, '0')}`
}

/** What the decisions of a project are drawn from: of its own, and the same each time. */
export function familiesOf(n: number): Families {
  return new Families(n + 1)
}
