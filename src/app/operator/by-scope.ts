import {
  type Artifact,
  type ArtifactKind,
  type Decision,
  isInForce,
  type Pattern,
} from '../../domain/memory/artifact.ts'
import { GLOBAL_PROJECT, type Scope } from '../../domain/memory/room.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { Context } from '../context.ts'
import { readBoth } from '../memory/both-books.ts'
import { nothingKnown } from '../memory/surface.ts'

export interface ScopeQuery {
  /** `null` for the repository's own. */
  readonly project_id: string | null
  /** The one focus that is looked at; all of them where it is `null`. */
  readonly focus: string | null
  /** What was superseded or forgotten too. */
  readonly all: boolean
  /** Most of each scope. */
  readonly limit: number
}

interface CommonView {
  readonly id: string
  readonly status: 'in_force' | 'superseded' | 'forgotten'
  readonly saved_at: string
  /** The session in which it was first said. */
  readonly session_id: string | null
  /** Every session that said it. */
  readonly sessions: readonly string[]
}

export type DecisionView = CommonView & {
  /** `null` once it was forgotten. */
  readonly text: Decision['text']
  readonly supersedes: string | null
  readonly superseded_by: readonly string[]
}

export type PatternView = CommonView & { readonly text: Pattern['text'] }

/** What is known in one place. */
export interface ScopeGroup<View> {
  readonly scope: Scope
  /** `null` for global scope. */
  readonly project_id: string | null
  readonly focus: string | null
  /** Newest first. */
  readonly entries: readonly View[]
}

export interface ByScope<View> {
  readonly project_id: string
  /** What is nearest first: focuses, the project, then what all projects share. Those without an entry are left out. */
  readonly groups: readonly ScopeGroup<View>[]
  /** Scopes of which more is known than `limit`. */
  readonly truncated_scopes: readonly Scope[]
  readonly message: string | null
}

export async function decisionsByScope(context: Context, query: ScopeQuery): Promise<ByScope<DecisionView>> {
  return await byScope(context, query, 'decision', decisionView)
}

export async function patternsByScope(context: Context, query: ScopeQuery): Promise<ByScope<PatternView>> {
  return await byScope(context, query, 'pattern', (artifact) =>
    artifact.kind === 'pattern' ? { ...commonOf(artifact), text: artifact.text } : undefined,
  )
}

function decisionView(artifact: Artifact): DecisionView | undefined {
  if (artifact.kind !== 'decision') return undefined
  const { text, supersedes, superseded_by } = artifact
  return { ...commonOf(artifact), text, supersedes, superseded_by }
}

function commonOf(artifact: Artifact): CommonView {
  const { id, saved_at, origin, sessions } = artifact
  const status = artifact.forgotten ? 'forgotten' : isInForce(artifact) ? 'in_force' : 'superseded'
  return { id, status, saved_at, session_id: origin.session_id, sessions }
}

async function byScope<View>(
  { ledger }: Context,
  { project_id, focus, all, limit }: ScopeQuery,
  kind: ArtifactKind,
  viewOf: (artifact: Artifact) => View | undefined,
): Promise<ByScope<View>> {
  const project = project_id ?? ledger.project_id
  return await readBoth({ ledger }, async (book, global) => {
    const groups: ScopeGroup<View>[] = []
    const truncated: Scope[] = []
    const look = async (memory: MemoryReader, inProject: string, scope: Scope) => {
      const wanted = { project_id: inProject, scope, focus: scope === 'focus' ? (focus ?? undefined) : undefined }
      const found = await memory.artifacts({ ...wanted, kinds: [kind], in_force: !all, limit: limit + 1 })
      if (found.length > limit) truncated.push(scope)
      const byFocus = Map.groupBy(found.slice(0, limit), (artifact) => artifact.focus)
      for (const [focus, artifacts] of byFocus) {
        const entries = artifacts.map(viewOf).filter((view) => view !== undefined)
        groups.push({ scope, project_id: inProject === GLOBAL_PROJECT ? null : inProject, focus, entries })
      }
    }
    await look(book.memory, project, 'focus')
    await look(book.memory, project, 'project')
    if (global !== null) await look(global.memory, GLOBAL_PROJECT, 'global')
    const isKnown = project === ledger.project_id || (await book.memory.projects()).includes(project)
    const message = isKnown ? null : nothingKnown(project, ledger.project_id)
    return { project_id: project, groups, truncated_scopes: truncated, message }
  })
}
