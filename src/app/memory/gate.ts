import type { Approval } from '../../domain/memory/approval.ts'
import type { NewMemoryEvent } from '../../domain/memory/events.ts'
import type { Room, Scope } from '../../domain/memory/room.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { Context } from '../context.ts'
import { notSaved, placeOf, type Saying } from './saving.ts'
import type { SaveResult } from './shapes.ts'

/** What stands between a call and a room: `null` where nothing does, else the answer that says how it is opened. */
export interface Gate {
  /** For project and focus. */
  readonly project: SaveResult | null
  /** For decisions and patterns in global scope; a project that may not write here may not write there either. */
  readonly global: SaveResult | null
  /** The approval that opens the global room; spent once something was written there. */
  readonly approval: Approval | null
  /** True where the first write makes the project known. */
  readonly isNewProject: boolean
}

export function blockedBy(gate: Gate, scope: Scope): SaveResult | null {
  return scope === 'global' ? gate.global : gate.project
}

/** Asks, under the lock, who may write where. `global` is absent where the call has nothing to do with it. */
export async function openGate(
  context: Context,
  memory: MemoryReader,
  global: MemoryReader | null,
  given: { project_id: string; token: string | null },
): Promise<Gate> {
  const isKnown = given.project_id === context.ledger.project_id || (await memory.projects()).includes(given.project_id)
  const project = !isKnown && context.settings.strict_projects ? unknownProject(context, given.project_id) : null
  const { fault, approval } =
    global === null ? { fault: null, approval: null } : await globalDoor(context, global, given.token)
  return { project, global: project ?? fault, approval, isNewProject: !isKnown && project === null }
}

/** The approval that a token stands for, and what keeps it from opening the global room, if anything does. */
export async function globalDoor(
  context: Context,
  global: MemoryReader,
  token: string | null,
): Promise<{ fault: SaveResult | null; approval: Approval | null }> {
  const approval = token === null ? null : ((await global.approval(context.identity.digest(token))) ?? null)
  return { fault: tokenProblem(context, token, approval), approval }
}

/** That an approval was used, which it can be once; recorded in the step that it was used for. */
export function spentApproval(approval: Approval, room: Room, saying: Saying): NewMemoryEvent {
  return { type: 'approval.spent', data: { approval_id: approval.id, ...placeOf(room, saying) } }
}

function tokenProblem(context: Context, token: string | null, approval: Approval | null): SaveResult | null {
  const again =
    'Call request_global_write_approval { "content_preview": "..." } and pass its token as governance_token.'
  if (token === null) {
    const message = 'Global writes require a governance token: what is global is read in every project.'
    return notSaved('blocked_scope', 'governance_required', message, again)
  }
  const why = approval === null ? 'is not known' : whyNot(approval, context.clock.now())
  return why === null
    ? null
    : notSaved('blocked_scope', 'governance_invalid', `The governance token ${why}. Nothing global was saved.`, again)
}

function whyNot({ spent, granted_at, expires_at }: Approval, now: string): string | null {
  if (spent) return 'was used already; it is good for one write'
  if (now >= expires_at) return `expired at ${expires_at}`
  if (granted_at === null || now >= granted_at) return null
  return `was given at ${granted_at}, and the clock says ${now}: it was set back, so nobody knows how old the token is`
}

function unknownProject({ ledger }: Context, projectId: string): SaveResult {
  return notSaved(
    'blocked_scope',
    'scope_blocked',
    `Project "${projectId}" is not known, and this repository's settings have strict_projects. Its own project is "${ledger.project_id}".`,
    `Leave project_id out, or correct it; to allow new projects, set "strict_projects": false in .bot/rutter.json.`,
  )
}
