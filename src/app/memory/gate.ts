import type { Approval } from '../../domain/memory/approval.ts'
import type { Scope } from '../../domain/memory/room.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { Context } from '../context.ts'
import { notSaved } from './saving.ts'
import type { SaveResult } from './shapes.ts'

/** What stands between a call and a room: `null` where nothing does, else the answer that says how it is opened. */
export interface Gate {
  /** For project and focus. */
  readonly project: SaveResult | null
  /** For decisions and patterns in global scope. */
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
  const approval = given.token === null || global === null ? null : await approvalOf(context, global, given.token)
  return {
    project,
    global: global === null ? null : tokenProblem(context, given.token, approval),
    approval,
    isNewProject: !isKnown && project === null,
  }
}

async function approvalOf(context: Context, global: MemoryReader, token: string): Promise<Approval | null> {
  return (await global.approval(context.identity.digest(token))) ?? null
}

function tokenProblem(context: Context, token: string | null, approval: Approval | null): SaveResult | null {
  const again =
    'Call request_global_write_approval { "content_preview": "..." } and pass its token as governance_token.'
  if (token === null) {
    const message = 'Global writes require a governance token: what is global is read in every project.'
    return notSaved('blocked_scope', 'governance_required', message, again)
  }
  const why =
    approval === null
      ? 'is not known'
      : approval.spent
        ? 'was used already; it is good for one write'
        : context.clock.now() >= approval.expires_at
          ? `expired at ${approval.expires_at}`
          : null
  return why === null
    ? null
    : notSaved('blocked_scope', 'governance_invalid', `The governance token ${why}. Nothing global was saved.`, again)
}

function unknownProject({ ledger }: Context, projectId: string): SaveResult {
  return notSaved(
    'blocked_scope',
    'scope_blocked',
    `Project "${projectId}" is not known, and this repository's settings have strict_projects. Its own project is "${ledger.project_id}".`,
    `Leave project_id out, or correct it; to allow new projects, set "strict_projects": false in .bot/rutter.json.`,
  )
}
