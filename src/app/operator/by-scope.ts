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

/** Artifacts of one scope that are counted, where more are known than are shown. */
const MOST_COUNTED = 10_001

/** Projects that are named to somebody who named none of them. */
const MOST_NAMED = 20

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

/** What a limit left out. */
export interface LeftOut {
  readonly scope: Scope
  readonly count: number
  /** True where nobody counted to the end. */
  readonly or_more: boolean
}

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
  /** How much more that is, each in turn. */
  readonly left_out: readonly LeftOut[]
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
    const left_out: LeftOut[] = []
    const look = async (memory: MemoryReader, inProject: string, scope: Scope) => {
      const inFocus = scope === 'focus' ? (focus ?? undefined) : undefined
      const wanted = { project_id: inProject, scope, focus: inFocus, kinds: [kind], in_force: !all } as const
      const found = await memory.artifacts({ ...wanted, limit: limit + 1 })
      if (found.length > limit) {
        const counted = (await memory.artifacts({ ...wanted, limit: MOST_COUNTED })).length
        left_out.push({ scope, count: Math.max(counted - limit, 1), or_more: counted === MOST_COUNTED })
      }
      const byFocus = Map.groupBy(found.slice(0, limit), (artifact) => artifact.focus)
      for (const [focus, artifacts] of byFocus) {
        const entries = artifacts.map(viewOf).filter((view) => view !== undefined)
        groups.push({ scope, project_id: inProject === GLOBAL_PROJECT ? null : inProject, focus, entries })
      }
    }
    await look(book.memory, project, 'focus')
    await look(book.memory, project, 'project')
    if (global !== null) await look(global.memory, GLOBAL_PROJECT, 'global')
    const others = await otherProjects(book.memory, ledger.project_id)
    const isKnown = project === ledger.project_id || others.includes(project)
    const message = isKnown ? null : `${nothingKnown(project, ledger.project_id)} ${knownProjects(others)}`
    return { project_id: project, groups, truncated_scopes: left_out.map(({ scope }) => scope), left_out, message }
  })
}

/** Projects beside the repository's own of which this book knows something. */
export async function otherProjects(memory: MemoryReader, own: string): Promise<string[]> {
  return (await memory.projects()).filter((project) => project !== own)
}

/** What else could have been asked for. */
export function knownProjects(others: readonly string[]): string {
  if (others.length === 0) return 'This book knows no other.'
  const left = others.length - MOST_NAMED
  return `Others that this book knows: ${others.slice(0, MOST_NAMED).join(', ')}${left > 0 ? `, and ${left} more` : ''}.`
}
