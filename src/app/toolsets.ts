import { Refusal } from '../domain/refusal.ts'
import type { Operation, Toolset } from './operation.ts'
import { operations } from './operations/index.ts'

export const TOOLSETS: readonly Toolset[] = ['session', 'task', 'steering', 'memory']

/** The operations of some toolsets, as `--toolsets session,task` names them; all of them when nothing is named. */
export function selectToolsets(named: string | undefined): readonly Operation[] {
  if (named === undefined) return operations
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
  return operations.filter(({ toolset }) => wanted.includes(toolset))
}
