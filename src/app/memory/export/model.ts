import { type Artifact, isInForce } from '../../../domain/memory/artifact.ts'
import type { Review } from '../../../domain/memory/review.ts'
import { GLOBAL_PROJECT } from '../../../domain/memory/room.ts'

/** A run that something was learned in; what is not known of it in this book is `null`. */
export interface Run {
  readonly id: string
  readonly project_id: string
  readonly status: string | null
  readonly start_time: string | null
  readonly end_time: string | null
}

/** What some projects know. Oldest first. */
export interface Memory {
  readonly exported_at: string
  readonly project_ids: readonly string[]
  readonly artifacts: readonly Artifact[]
  readonly reviews: readonly Review[]
  readonly runs: readonly Run[]
}

export const NODE_LABELS = ['Project', 'Focus', 'Run', 'Summary', 'Decision', 'Pattern'] as const
export const EDGE_TYPES = ['PRODUCED', 'SUPERSEDES', 'CONFLICTS_WITH', 'BELONGS_TO', 'HAS_FOCUS', 'SUMMARIZES'] as const
export type Value = string | number | boolean | readonly string[]

export interface Node {
  /** Unique over all labels. */
  readonly id: string
  readonly label: (typeof NODE_LABELS)[number]
  /** What people know it by. */
  readonly name: string
  /** What is not known has no entry. */
  readonly properties: Readonly<Record<string, Value>>
}

export interface Edge {
  readonly type: (typeof EDGE_TYPES)[number]
  readonly from: string
  readonly to: string
}

export interface Graph {
  readonly nodes: readonly Node[]
  readonly edges: readonly Edge[]
}

/** What was learned, as a graph. An edge has both its ends in the graph, and stands in it once. */
export function graphOf({ project_ids, artifacts, reviews, runs }: Memory): Graph {
  const nodes = new Map<string, Node>()
  const add = (node: Node) => nodes.set(node.id, node)
  for (const id of project_ids) add(projectNode(id))
  for (const run of runs) add(runNode(run))
  for (const artifact of artifacts) {
    if (artifact.focus !== null) add(focusNode(artifact.project_id, artifact.focus))
    add(artifactNode(artifact))
  }
  const edges = new Map<string, Edge>()
  for (const edge of edgesOf(artifacts, reviews)) {
    if (!nodes.has(edge.from) || !nodes.has(edge.to)) continue
    edges.set(JSON.stringify([edge.type, edge.from, edge.to]), edge)
  }
  for (const run of runs) edges.set(`run ${run.id}`, belongsTo(runId(run.id), run.project_id))
  return { nodes: [...nodes.values()], edges: [...edges.values()] }
}

function* edgesOf(artifacts: readonly Artifact[], reviews: readonly Review[]): Generator<Edge> {
  for (const artifact of artifacts) {
    const { id, focus, project_id } = artifact
    const [from] = [artifactId(id)]
    yield belongsTo(from, project_id)
    if (focus !== null) {
      yield { type: 'HAS_FOCUS', from, to: focusId(project_id, focus) }
      yield belongsTo(focusId(project_id, focus), project_id)
    }
    if (artifact.kind === 'summary') {
      for (const session of artifact.sessions) yield { type: 'SUMMARIZES', from, to: runId(session) }
    }
    for (const summary of artifact.produced_by) yield { type: 'PRODUCED', from: artifactId(summary), to: from }
    if (artifact.supersedes !== null) yield { type: 'SUPERSEDES', from, to: artifactId(artifact.supersedes) }
    for (const later of artifact.superseded_by) yield { type: 'SUPERSEDES', from: artifactId(later), to: from }
  }
  for (const [one, other] of conflictsOf(artifacts, reviews)) {
    yield { type: 'CONFLICTS_WITH', from: artifactId(one), to: artifactId(other) }
  }
}

/**
 * Pairs of decisions that are both in force and do not go together by themselves: those that superseded the same one, and those that
 * somebody was asked about and kept both. The lesser id comes first.
 */
function conflictsOf(artifacts: readonly Artifact[], reviews: readonly Review[]): [string, string][] {
  const inForce = new Set(artifacts.filter((one) => one.kind === 'decision' && isInForce(one)).map(({ id }) => id))
  const pairs = new Map<string, [string, string]>()
  const add = (a: string, b: string) => {
    if (a === b || !inForce.has(a) || !inForce.has(b)) return
    const pair: [string, string] = a < b ? [a, b] : [b, a]
    pairs.set(pair.join(' '), pair)
  }
  const rivals = new Map<string, string[]>()
  for (const { id, supersedes } of artifacts) {
    if (supersedes !== null && inForce.has(id)) rivals.set(supersedes, [...(rivals.get(supersedes) ?? []), id])
  }
  for (const ids of rivals.values()) {
    for (const [i, one] of ids.entries()) for (const other of ids.slice(i + 1)) add(one, other)
  }
  for (const { resolution, artifact_id, candidate_id } of reviews) {
    if (resolution === 'keep_both' && artifact_id !== null) add(artifact_id, candidate_id)
  }
  return [...pairs.values()]
}

const artifactId = (id: string) => `artifact:${id}`
const runId = (id: string) => `run:${id}`
const projectId = (id: string) => `project:${id}`
const focusId = (project: string, focus: string) => `focus:${project}:${focus}`
const belongsTo = (from: string, project: string): Edge => ({ type: 'BELONGS_TO', from, to: projectId(project) })

function projectNode(id: string): Node {
  const name = id === GLOBAL_PROJECT ? 'global' : id
  return { id: projectId(id), label: 'Project', name, properties: { project_id: id } }
}

function focusNode(project: string, focus: string): Node {
  return { id: focusId(project, focus), label: 'Focus', name: focus, properties: { project_id: project, focus } }
}

function runNode({ id, ...known }: Run): Node {
  return { id: runId(id), label: 'Run', name: id, properties: withoutNulls({ session_id: id, ...known }) }
}

const LABELS = { summary: 'Summary', decision: 'Decision', pattern: 'Pattern' } as const

function artifactNode(artifact: Artifact): Node {
  const { id, kind, project_id, scope, focus, saved_at, saved_by, origin, forgotten, content_hash, text } = artifact
  const common = {
    artifact_id: id,
    project_id,
    scope,
    focus,
    saved_at,
    saved_by: saved_by.name,
    session_id: origin.session_id,
    content_hash,
    in_force: isInForce(artifact),
    forgotten,
  }
  const name = text === null ? '(forgotten)' : nameOf(artifact)
  return {
    id: artifactId(id),
    label: LABELS[kind],
    name,
    properties: withoutNulls({ ...common, ...(text as Record<string, Value> | null) }),
  }
}

function nameOf({ text }: Artifact): string {
  if (text === null) return ''
  return 'title' in text ? text.title : 'trigger' in text ? text.trigger : text.objective
}

function withoutNulls(values: Readonly<Record<string, Value | null>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, Value] => entry[1] !== null))
}
