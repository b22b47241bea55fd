import type { MemoryReader } from '../../ports/memory.ts'
import type { Context } from '../context.ts'
import { clipped } from './brief-items.ts'
import type { Brief } from './brief-shape.ts'
import { nothingKnown } from './surface.ts'

/** Where a brief looked, and what to say of it. */
interface Place {
  readonly scope_state: Brief['scope_state']
  /** `null` where everything that was named is known. */
  readonly note: string | null
}

/** Whether the project and the focus that were named are known, and what to say where one is not. */
export async function placed(
  { ledger, settings }: Context,
  memory: MemoryReader,
  projectId: string,
  focus: string | null,
): Promise<Place> {
  const own = ledger.project_id
  if (projectId !== own && !(await memory.projects()).includes(projectId)) {
    const note = nothingKnown(clipped(projectId, 60), own)
    return { scope_state: settings.strict_projects ? 'unresolved' : 'uncertain', note }
  }
  if (focus === null) return { scope_state: 'resolved', note: null }
  const known = await memory.focuses(projectId)
  if (known.includes(focus)) return { scope_state: 'resolved', note: null }
  const named = known.slice(0, 5).map((one) => `"${clipped(one, 30)}"`)
  const others =
    named.length === 0 ? 'There is none yet.' : `There are: ${named.join(', ')}${known.length > 5 ? ', …' : ''}.`
  return { scope_state: 'uncertain', note: `Nothing was saved in focus "${clipped(focus, 60)}". ${others}` }
}
