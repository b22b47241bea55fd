import * as z from 'zod'
import { byText } from '../../../domain/order.ts'
import { decisionInput, patternInput, summaryInput } from '../shapes.ts'
import { broken, checked, type ForeignItem, type JsonLine, type Source } from './source.ts'

const anyId = z.union([z.string(), z.number()]).transform(String)
const end = z.union([anyId, z.looseObject({ id: anyId }).transform(({ id }) => id)])

/** As a Neo4j driver, APOC or a person writes them: several spellings of one thing. */
const nodeSchema = z
  .looseObject({
    id: anyId.optional(),
    identity: anyId.optional(),
    labels: z.array(z.string()).optional(),
    label: z.string().optional(),
    properties: z.record(z.string(), z.unknown()),
  })
  .refine(({ labels, label }) => labels !== undefined || label !== undefined, 'labels must be a list of names')
const edgeSchema = z
  .looseObject({
    type: z.string().optional(),
    label: z.string().optional(),
    start: end.optional(),
    end: end.optional(),
    startNode: end.optional(),
    endNode: end.optional(),
    source: end.optional(),
    target: end.optional(),
    from: end.optional(),
    to: end.optional(),
  })
  .transform(({ type, label, start, startNode, source, from, end: last, endNode, target, to }) => ({
    // APOC writes `"type": "relationship"` and has the name in `label`.
    type: type === undefined || type === 'relationship' ? label : type,
    from: start ?? startNode ?? source ?? from,
    to: last ?? endNode ?? target ?? to,
  }))
  .refine(
    ({ type, from, to }) => type !== undefined && from !== undefined && to !== undefined,
    'type, start and end must be given',
  )

const documentSchema = z.looseObject({ nodes: z.array(z.unknown()), relationships: z.array(z.unknown()) })

export function isGraphbase(first: unknown): boolean {
  const { nodes, type } = (first ?? {}) as { nodes?: unknown; type?: unknown }
  return Array.isArray(nodes) || type === 'node' || type === 'relationship'
}

interface Node {
  readonly where: string
  readonly key: string
  readonly labels: readonly string[]
  readonly properties: Readonly<Record<string, unknown>>
}

/** Labels of nodes that say where something belongs, and so are taken over with what belongs there. */
const PLACES: ReadonlySet<string> = new Set(['Project', 'FocusArea', 'Focus', 'GlobalScope'])
const EDGES: ReadonlySet<string> = new Set(['BELONGS_TO', 'HAS_FOCUS', 'PRODUCED', 'SUPERSEDES'])

/**
 * The graph of graphbase-memories: one JSON document with `nodes` and `relationships`, or a line for each as APOC exports them.
 * `Session`, `Decision` and `Pattern` become what they are here, with who produced and who superseded whom; `Context` and `EntityFact`
 * become patterns.
 */
export function readGraphbase(lines: readonly JsonLine[], now: string): Source {
  const { nodes, edges } = partsOf(lines)
  const byKey = new Map<string, Node>()
  for (const node of nodes) {
    byKey.set(node.key, node)
    const { id } = node.properties
    if (typeof id === 'string' && !byKey.has(id)) byKey.set(id, node)
  }
  const graph = new GraphbaseGraph(edges, byKey)
  const leftOut: Record<string, number> = {}
  const leave = (what: string) => {
    leftOut[what] = (leftOut[what] ?? 0) + 1
  }
  for (const { type } of edges) if (!EDGES.has(type)) leave(type)
  const items: ForeignItem[] = []
  for (const node of nodes) {
    const item = itemOf(node, graph, now)
    if (item !== null) items.push(item)
    else if (!node.labels.some((label) => PLACES.has(label))) leave(node.labels[0] ?? 'node without a label')
  }
  return { format: 'graphbase', items: inOrder(items), left_out: leftOut }
}

interface NamedEdge {
  readonly type: string
  readonly from: string
  readonly to: string
}

function partsOf(lines: readonly JsonLine[]): { nodes: Node[]; edges: NamedEdge[] } {
  const [first] = lines
  const isDocument = lines.length === 1 && !('type' in ((first?.json ?? {}) as object))
  const typeOf = (json: unknown) => (json as { type?: unknown } | null)?.type
  const document = isDocument ? checked(documentSchema, first?.json, first?.where ?? 'line 1') : null
  const numbered = (list: readonly unknown[], name: string) => list.map((json, i) => ({ where: `${name}[${i}]`, json }))
  for (const { where, json } of document === null ? lines : []) {
    if (typeOf(json) === 'node' || typeOf(json) === 'relationship') continue
    throw broken(where, `type must be "node" | "relationship"; given was ${JSON.stringify(typeOf(json))}`)
  }
  const given = {
    nodes: document === null ? lines.filter(({ json }) => typeOf(json) === 'node') : numbered(document.nodes, 'nodes'),
    edges:
      document === null
        ? lines.filter(({ json }) => typeOf(json) === 'relationship')
        : numbered(document.relationships, 'relationships'),
  }
  const nodes = given.nodes.map(({ where, json }): Node => {
    const { id, identity, labels, label, properties } = checked(nodeSchema, json, where)
    const key = id ?? identity ?? properties['id']
    if (key === undefined) throw broken(where, 'it has no id')
    return { where, key: String(key), labels: labels ?? [label ?? ''], properties }
  })
  const edges = given.edges.map(({ where, json }) => checked(edgeSchema, json, where) as NamedEdge)
  return { nodes, edges }
}

/** What the relationships say of a node. */
class GraphbaseGraph {
  readonly #byKey: ReadonlyMap<string, Node>
  readonly #out = new Map<string, NamedEdge[]>()
  readonly #in = new Map<string, NamedEdge[]>()

  constructor(edges: readonly NamedEdge[], byKey: ReadonlyMap<string, Node>) {
    this.#byKey = byKey
    for (const { type, from, to } of edges) {
      // An end may be named by Neo4j's own id or by the node's.
      const edge = { type, from: byKey.get(from)?.key ?? from, to: byKey.get(to)?.key ?? to }
      this.#out.set(edge.from, [...(this.#out.get(edge.from) ?? []), edge])
      this.#in.set(edge.to, [...(this.#in.get(edge.to) ?? []), edge])
    }
  }

  to({ key }: Node, type: string): Node[] {
    return this.#nodes((this.#out.get(key) ?? []).filter((edge) => edge.type === type).map((edge) => edge.to))
  }

  from({ key }: Node, type: string): Node[] {
    return this.#nodes((this.#in.get(key) ?? []).filter((edge) => edge.type === type).map((edge) => edge.from))
  }

  #nodes(keys: readonly string[]): Node[] {
    return [...new Set(keys)].flatMap((key) => this.#byKey.get(key) ?? [])
  }
}

function itemOf(node: Node, graph: GraphbaseGraph, now: string): ForeignItem | null {
  const { where, key, properties: said } = node
  const project = graph.to(node, 'BELONGS_TO').find(({ labels }) => labels.includes('Project'))
  const focus = graph.to(node, 'HAS_FOCUS')[0]?.properties['name']
  const at = momentOf(said['created_at'])
  const common = {
    key,
    project_id: project === undefined ? null : String(project.properties['id'] ?? project.key),
    focus: typeof focus === 'string' ? focus : null,
    at: at === null || at > now ? null : at,
    produced_by: graph.from(node, 'PRODUCED').map((summary) => summary.key),
  }
  const { scope } = said
  const labelled = (label: string) => node.labels.includes(label)
  if (labelled('Session')) {
    const { objective, save_scope } = said
    const lists = listsOf(said, ['actions_taken', 'decisions_made', 'open_items', 'next_actions'])
    const input = checked(summaryInput, { objective, ...lists, save_scope }, where)
    return { ...common, kind: 'summary', input }
  }
  if (labelled('Decision')) {
    const { title, rationale, owner, confidence = 1 } = said
    const date = typeof said['date'] === 'string' ? said['date'].slice(0, 10) : said['date']
    const input = checked(decisionInput, { title, rationale, owner, date, scope, confidence }, where)
    const supersedes = graph.to(node, 'SUPERSEDES').map((older) => older.key)
    return { ...common, kind: 'decision', input, supersedes, is_superseded: graph.from(node, 'SUPERSEDES').length > 0 }
  }
  const pattern = patternOf(node, now)
  return pattern === null
    ? null
    : { ...common, kind: 'pattern', input: checked(patternInput, pattern, where), is_dated: labelled('Pattern') }
}

function patternOf({ labels, properties: said }: Node, now: string): Record<string, unknown> | null {
  const { trigger, topic, content, entity_name, fact, scope } = said
  if (labels.includes('Pattern')) {
    const last_validated_at = momentOf(said['last_validated_at']) ?? said['last_validated_at']
    return { trigger, ...listsOf(said, ['repeatable_steps', 'exclusions']), scope, last_validated_at }
  }
  if (labels.includes('Context')) return { trigger: topic, repeatable_steps: [content], scope, last_validated_at: now }
  if (labels.includes('EntityFact')) {
    return { trigger: entity_name, repeatable_steps: [fact], scope, last_validated_at: now }
  }
  return null
}

/** Neo4j keeps no empty lists: what is not there is one. */
function listsOf(said: Node['properties'], names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, said[name] ?? []]))
}

/** ISO 8601 UTC with milliseconds; Neo4j writes nanoseconds, and may add the name of a time zone in brackets. */
function momentOf(value: unknown): string | null {
  if (typeof value !== 'string') return null
  const time = Date.parse(value.replace(/\[[^\]]*\]$/, '').replace(/(\.\d{3})\d+/, '$1'))
  return Number.isNaN(time) ? null : new Date(time).toISOString()
}

/** Summaries before what they produced, and what was superseded before what took its place. */
function inOrder(items: readonly ForeignItem[]): ForeignItem[] {
  const byKey = new Map(items.map((item) => [item.key, item]))
  const state = new Map<string, 'begun' | 'done'>()
  const ordered: ForeignItem[] = []
  const sorted = items.toSorted((a, b) => byText(a.at ?? '', b.at ?? ''))
  for (const root of sorted) {
    const waiting = [root]
    for (let item = waiting.at(-1); item !== undefined; item = waiting.at(-1)) {
      const before = [...item.produced_by, ...(item.kind === 'decision' ? item.supersedes : [])]
      const open = before.flatMap((key) => (state.get(key) === 'done' ? [] : (byKey.get(key) ?? [])))
      const circle = open.find(({ key }) => state.get(key) === 'begun')
      if (circle !== undefined) throw broken(`node ${circle.key}`, 'it superseded itself, over one or more others')
      if (open.length > 0 && state.get(item.key) !== 'done') {
        state.set(item.key, 'begun')
        waiting.push(...open)
        continue
      }
      waiting.pop()
      if (state.get(item.key) === 'done') continue
      state.set(item.key, 'done')
      ordered.push(item)
    }
  }
  return ordered
}
