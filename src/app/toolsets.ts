import { Refusal } from '../domain/refusal.ts'
import type { Toolset } from './operation.ts'

export const TOOLSETS: readonly Toolset[] = ['session', 'task', 'steering', 'memory']

/** Some toolsets, as `--toolsets session,task` names them; all of them when nothing is named. */
export function toolsetsNamed(named: string | undefined): readonly Toolset[] {
  if (named === undefined) return TOOLSETS
  const wanted = named
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const unknown = wanted.filter((name) => !TOOLSETS.includes(name as Toolset))
  if (unknown.length > 0 || wanted.length === 0) {
    throw new Refusal(
      'invalid_argument',
      `--toolsets: ${unknown.length > 0 ? `"${unknown.join('", "')}" is not known` : 'none was named'}.`,
      {
        hint: `Allowed are, separated by commas: ${TOOLSETS.join(', ')}.`,
      },
    )
  }
  return TOOLSETS.filter((toolset) => wanted.includes(toolset))
}
