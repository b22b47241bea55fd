import { jsonLine } from './json.ts'
import { graphOf, type Memory } from './model.ts'

/** JSON Graph Format, version 2 (jsongraphformat.info): nodes by id, labels and edge types as `metadata.label` and `relation`. */
export function* jsonGraphOf(memory: Memory): Generator<string> {
  const { nodes, edges } = graphOf(memory)
  const { exported_at, project_ids } = memory
  const head = { id: 'rutter-memory', type: 'rutter-memory', label: project_ids.join(', '), directed: true }
  yield `{"graph":${jsonLine({ ...head, metadata: { exported_at } }).slice(0, -1)},"nodes":{\n`
  for (const [i, { id, label, name, properties }] of nodes.entries()) {
    const node = { label: name, metadata: { label, ...properties } }
    yield `${jsonLine(id)}:${jsonLine(node)}${i === nodes.length - 1 ? '' : ','}\n`
  }
  yield '},"edges":[\n'
  for (const [i, { type, from, to }] of edges.entries()) {
    yield `${jsonLine({ source: from, target: to, relation: type, directed: true })}${i === edges.length - 1 ? '' : ','}\n`
  }
  yield ']}}\n'
}
