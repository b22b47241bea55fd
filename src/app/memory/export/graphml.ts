import { graphOf, type Memory, type Value } from './model.ts'

/** GraphML as Gephi, yEd and NetworkX read it. It knows no lists: those are JSON in a text. */
export function* graphmlOf(memory: Memory): Generator<string> {
  const { nodes, edges } = graphOf(memory)
  yield '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
  const types = new Map<string, string>([
    ['label', 'string'],
    ['name', 'string'],
  ])
  for (const { properties } of nodes) {
    for (const [key, value] of Object.entries(properties)) types.set(key, typeOf(value))
  }
  for (const [key, type] of types) {
    yield `  <key id="${attribute(key)}" for="node" attr.name="${attribute(key)}" attr.type="${type}"/>\n`
  }
  yield '  <key id="type" for="edge" attr.name="type" attr.type="string"/>\n'
  yield '  <graph id="rutter-memory" edgedefault="directed">\n'
  for (const { id, label, name, properties } of nodes) {
    const data = Object.entries({ ...properties, label, name })
    const lines = data.map(([key, value]) => `      <data key="${attribute(key)}">${content(textOf(value))}</data>\n`)
    yield `    <node id="${attribute(id)}">\n${lines.join('')}    </node>\n`
  }
  for (const { type, from, to } of edges) {
    yield `    <edge source="${attribute(from)}" target="${attribute(to)}"><data key="type">${type}</data></edge>\n`
  }
  yield '  </graph>\n</graphml>\n'
}

function typeOf(value: Value): string {
  return typeof value === 'boolean' ? 'boolean' : typeof value === 'number' ? 'double' : 'string'
}

function textOf(value: Value): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** What XML 1.0 cannot hold in any spelling: most control characters, half a character, and two that are none. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const IMPOSSIBLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g
const SPELT: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** A parser makes a line feed of each carriage return, and a terminal obeys what lies above the letters: those are spelt out. */
function content(text: string): string {
  return text
    .toWellFormed()
    .replace(IMPOSSIBLE, '\ufffd')
    .replace(/[&<>"]/g, (sign) => SPELT[sign] ?? sign)
    .replace(/[\r\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (sign) => `&#${sign.charCodeAt(0)};`)
}

/** In an attribute a parser makes a space of each tab and line feed, too. */
function attribute(text: string): string {
  return content(text).replace(/[\t\n]/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
