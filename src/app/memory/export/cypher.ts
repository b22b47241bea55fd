import { EDGE_TYPES, graphOf, type Memory, NODE_LABELS, type Value } from './model.ts'

/** Statements for Neo4j and other databases that speak Cypher; run again, they change nothing. */
export function* cypherOf(memory: Memory): Generator<string> {
  const { nodes, edges } = graphOf(memory)
  for (const label of NODE_LABELS) {
    yield `CREATE CONSTRAINT rutter_${label.toLowerCase()} IF NOT EXISTS FOR (n:${label}) REQUIRE n.id IS UNIQUE;\n`
  }
  const labels = new Map(nodes.map(({ id, label }) => [id, label]))
  for (const { id, label, name, properties } of nodes) {
    const values = Object.entries({ name, ...properties }).map(([key, value]) => `${key}: ${literal(value)}`)
    yield `MERGE (n:${label} {id: ${literal(id)}}) SET n += {${values.join(', ')}};\n`
  }
  for (const type of EDGE_TYPES) {
    for (const edge of edges) {
      if (edge.type !== type) continue
      const [from, to] = [labels.get(edge.from), labels.get(edge.to)]
      yield `MATCH (a:${from} {id: ${literal(edge.from)}}), (b:${to} {id: ${literal(edge.to)}}) MERGE (a)-[:${type}]->(b);\n`
    }
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const TO_ESCAPE = /[\\'\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/**
 * A value as a literal that is nothing but that value. Older databases resolve `\uXXXX` before they read the statement, and do so behind
 * a doubled backslash as well: a `\u0027` in a text would end its literal. So no backslash of a text may stand before a `u`: the
 * literal is taken apart between them.
 */
function literal(value: Value): string {
  if (typeof value === 'object') return `[${value.map(literal).join(', ')}]`
  if (typeof value !== 'string') return JSON.stringify(value)
  const escaped = (sign: string) => ESCAPES[sign] ?? `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`
  return value
    .toWellFormed()
    .split(/(?<=\\)(?=u)/)
    .map((part) => `'${part.replace(TO_ESCAPE, escaped)}'`)
    .join(' + ')
}
