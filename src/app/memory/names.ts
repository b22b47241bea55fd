import { type Decision, titleOf } from '../../domain/memory/artifact.ts'

/** A decision as a message names it: its title, and its id. */
export function nameOf(decision: Decision): string {
  const title = titleOf(decision)
  return title === null ? `a forgotten one (${decision.id})` : `"${title}" (${decision.id})`
}
