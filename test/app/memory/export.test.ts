import { execFileSync, spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cypherOf } from '../../../src/app/memory/export/cypher.ts'
import { EXPORT_FORMATS, memoryToExport } from '../../../src/app/memory/export/export.ts'
import { graphmlOf } from '../../../src/app/memory/export/graphml.ts'
import { jsonGraphOf } from '../../../src/app/memory/export/json-graph.ts'
import { jsonlOf } from '../../../src/app/memory/export/jsonl.ts'
import { EDGE_TYPES, type Edge, graphOf, type Memory, type Value } from '../../../src/app/memory/export/model.ts'
import { forget } from '../../../src/app/memory/forgetting.ts'
import { sessionInitialize } from '../../../src/app/operations/session_initialize.ts'
import { storeSessionWithLearnings } from '../../../src/app/operations/store_session_with_learnings.ts'
import type { Artifact } from '../../../src/domain/memory/artifact.ts'
import { refusalOf } from '../../support/book.ts'
import { decision, NOW, pattern, review, summary } from '../../support/memory.ts'
import { onEachStore } from '../../support/stores.ts'
import { learner } from './learned.ts'

const HOSTILE = [
  `it's "quoted" and \`ticked\``,
  'line\none\r\ntwo\rthree\ttab',
  ']]> <!-- & &amp; <script>alert(1)</script>',
  'C:\\users\\u0027 }) DETACH DELETE n //',
  "\\' OR 1=1; \\\\u0041",
  'nothing\u0000here \u001b[31mred \u0085 \u202e reversed \u2028',
  'half \ud800 a character, \ufffe and a whole one: 🧭👩‍🚀 航海日誌',
  '',
]

const memoryOf = (artifacts: readonly Artifact[], reviews: Memory['reviews'] = []): Memory => ({
  exported_at: NOW,
  project_ids: ['atlas'],
  artifacts,
  reviews,
  runs: [],
})

const text = (pieces: Iterable<string>) => [...pieces].join('')
const wellFormed = (value: string) => value.toWellFormed()
const ofType = (edges: readonly Edge[], type: string) =>
  edges.filter((edge) => edge.type === type).map(({ from, to }) => [from, to])

function hostileMemory(texts: readonly string[] = HOSTILE): Memory {
  return memoryOf([
    ...texts.map((said, i) => decision(said, { id: `d-${i}`, rationale: said })),
    pattern('when', { id: 'p-1', steps: texts }),
    summary('why', { id: 's-1', open_items: texts, focus: texts[2] ?? 'x', scope: 'focus' }),
  ])
}

onEachStore(() => {
  test('has one node for each thing and one edge for each fact, both ends of it in the graph', async () => {
    const me = learner()
    const { session_id } = await me.context.call(sessionInitialize, { session_type: 'manual' })
    const first = await me.decide('Cache pages for one hour', 'Readers wait less.')
    const batch = await me.context.call(storeSessionWithLearnings, {
      session: {
        objective: 'o',
        actions_taken: [],
        decisions_made: [],
        open_items: [],
        next_actions: [],
        save_scope: 'project',
      },
      decisions: [
        {
          title: 'Cache nothing',
          rationale: 'Old pages',
          owner: 'o',
          date: '2026-11-21',
          scope: 'project',
          supersedes: first,
        },
      ],
      patterns: [{ trigger: 't', repeatable_steps: ['s'], scope: 'focus', last_validated_at: NOW }],
      focus: 'web',
    })
    const second = batch.decisions[0]?.artifact_id
    const memory = await memoryToExport(me.context, { project_id: null, all_projects: false })
    const { nodes, edges } = graphOf(memory)
    expect(nodes.map(({ label }) => label).sort()).toEqual(
      ['Decision', 'Decision', 'Focus', 'Pattern', 'Project', 'Run', 'Summary'].sort(),
    )
    const ids = new Set(nodes.map(({ id }) => id))
    for (const { from, to } of edges) expect([ids.has(from), ids.has(to)]).toEqual([true, true])
    const summaryId = `artifact:${batch.session.artifact_id}`
    expect(ofType(edges, 'PRODUCED').sort()).toEqual(
      [
        [summaryId, `artifact:${second}`],
        [summaryId, `artifact:${batch.patterns[0]?.artifact_id}`],
      ].sort(),
    )
    expect(ofType(edges, 'SUPERSEDES')).toEqual([[`artifact:${second}`, `artifact:${first}`]])
    expect(ofType(edges, 'SUMMARIZES')).toEqual([[summaryId, `run:${session_id}`]])
    expect(ofType(edges, 'HAS_FOCUS')).toEqual([
      [`artifact:${batch.patterns[0]?.artifact_id}`, 'focus:test-project:web'],
    ])
    expect(ofType(edges, 'BELONGS_TO')).toHaveLength(6)
    expect(new Set(edges.map(({ type }) => type)).isSubsetOf(new Set(EDGE_TYPES))).toBe(true)
  })

  test('leaves the other projects out, unless all are asked for', async () => {
    const me = learner()
    await me.decide('Here', 'of this project')
    await me.decide('There', 'of the other', { project_id: 'other' })
    await me.decide('Everywhere', 'of all of them', { scope: 'global' })
    const titles = async (project_id: string | null, all_projects: boolean) =>
      (await memoryToExport(me.context, { project_id, all_projects })).artifacts.map(
        ({ text }) => text && 'title' in text && text.title,
      )
    expect(await titles(null, false)).toEqual(['Here'])
    expect(await titles('other', false)).toEqual(['There'])
    expect(await titles(null, true)).toEqual(['There', 'Here', 'Everywhere'])
  })

  test('refuses a project of which nothing is known, and names those that are', async () => {
    const me = learner()
    await me.decide('There', 'of the other', { project_id: 'other' })
    const refusal = await refusalOf(memoryToExport(me.context, { project_id: 'nobody', all_projects: false }))
    expect(refusal.message).toContain('Nothing is known of project "nobody"')
    expect(refusal.hint).toContain('Known are: "other", "test-project".')
  })

  test('has no text of what was forgotten, in any format', async () => {
    const me = learner()
    const id = await me.decide('Keep the heliotrope key', 'In the heliotrope vault.')
    await forget(me.context, { id, project_id: null }, { purge: false })
    const memory = await memoryToExport(me.context, { project_id: null, all_projects: true })
    for (const format of Object.values(EXPORT_FORMATS)) {
      const written = text(format(memory))
      expect(written).toContain(id)
      expect(written).not.toContain('heliotrope')
    }
  })
})

test('shows a conflict where two in force superseded the same, and where both were kept', () => {
  const memory = memoryOf(
    [
      decision('old', { id: 'a', superseded_by: ['b', 'c', 'e'] }),
      decision('one', { id: 'b', supersedes: 'a' }),
      decision('other', { id: 'c', supersedes: 'a' }),
      decision('kept', { id: 'd' }),
      decision('gone', { id: 'e', supersedes: 'a', superseded_by: ['b'] }),
    ],
    [
      review('b', { artifact_id: 'd', status: 'resolved', resolution: 'keep_both' }),
      review('e', { artifact_id: 'd', status: 'resolved', resolution: 'keep_both' }),
      review('c', { artifact_id: 'd' }),
    ],
  )
  expect(ofType(graphOf(memory).edges, 'CONFLICTS_WITH')).toEqual([
    ['artifact:b', 'artifact:c'],
    ['artifact:b', 'artifact:d'],
  ])
})

test('writes JSON lines that give everything back', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 5 }), (texts) => {
      const memory = hostileMemory([...HOSTILE, ...texts])
      const [head, ...lines] = text(jsonlOf(memory))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(head).toMatchObject({ format: 'rutter-memory', version: 1, items: memory.artifacts.length })
      expect(lines).toEqual(memory.artifacts.map((artifact) => ({ type: 'artifact', ...artifact })))
    }),
    { numRuns: 30 },
  )
})

test('writes a JSON graph that a JSON parser reads, also when it is empty', () => {
  for (const memory of [hostileMemory(), memoryOf([]), { ...memoryOf([]), project_ids: [] }]) {
    const { graph } = JSON.parse(text(jsonGraphOf(memory)))
    const { nodes, edges } = graphOf(memory)
    expect(Object.keys(graph.nodes)).toEqual(nodes.map(({ id }) => id))
    expect(graph.edges).toHaveLength(edges.length)
    for (const { id, name, label, properties } of nodes) {
      expect(graph.nodes[id]).toEqual({ label: name, metadata: { label, ...properties } })
    }
  }
})

const hasPython = spawnSync('python3', ['-c', 'import xml.etree']).status === 0

/** Reads GraphML with Python's parser: id of each node with its data, and the edges. */
function parsed(xml: string): { nodes: Record<string, Record<string, string>>; edges: [string, string, string][] } {
  const program = `
import json, sys, xml.etree.ElementTree as tree
ns = '{http://graphml.graphdrawing.org/xmlns}'
graph = tree.fromstring(sys.stdin.buffer.read()).find(ns + 'graph')
data = lambda element: {d.get('key'): d.text or '' for d in element.findall(ns + 'data')}
nodes = {n.get('id'): data(n) for n in graph.findall(ns + 'node')}
edges = [[e.get('source'), e.get('target'), data(e)['type']] for e in graph.findall(ns + 'edge')]
print(json.dumps({'nodes': nodes, 'edges': edges}))`
  return JSON.parse(execFileSync('python3', ['-c', program], { input: xml, maxBuffer: 1 << 26 }).toString())
}

/** What XML can say of a text. */
const inXml = (value: Value) =>
  wellFormed(typeof value === 'object' ? JSON.stringify(value) : String(value)).replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g,
    '\ufffd',
  )

test.skipIf(!hasPython)('writes GraphML that an XML parser reads back, whatever the texts are', () => {
  const memory = hostileMemory([...HOSTILE, ...fc.sample(fc.string({ unit: 'binary' }), 200)])
  const { nodes, edges } = parsed(text(graphmlOf(memory)))
  const graph = graphOf(memory)
  expect(edges).toEqual(graph.edges.map(({ from, to, type }) => [inXml(from), inXml(to), type]))
  for (const { id, name, label, properties } of graph.nodes) {
    const data = Object.entries({ ...properties, name, label }).map(([key, value]) => [key, inXml(value)])
    expect(nodes[inXml(id)]).toEqual(Object.fromEntries(data))
  }
})

/** Cypher as an older Neo4j reads it: first every \\uXXXX anywhere, then the statement. Gives the strings of each statement. */
function stringsOf(statement: string): string[] {
  const resolved = statement.replace(/\\u([0-9a-fA-F]{4})/g, (_, code) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  )
  const strings: string[] = []
  let joins = false
  for (let at = 0; at < resolved.length; ) {
    if (resolved[at] !== "'") {
      joins = resolved.startsWith(' + ', at)
      at += joins ? 3 : 1
      continue
    }
    let value = ''
    for (at++; resolved[at] !== "'"; at++) {
      if (at >= resolved.length) throw new Error('A string has no end.')
      if (resolved[at] !== '\\') value += resolved[at]
      else value += { n: '\n', r: '\r', t: '\t' }[resolved[++at] as string] ?? resolved[at]
    }
    at++
    if (joins) strings.push((strings.pop() ?? '') + value)
    else strings.push(value)
  }
  return strings
}

test('writes Cypher in which every text stays a text, also where \\u is read before the rest', () => {
  const texts = [
    ...HOSTILE,
    ...fc.sample(fc.string({ unit: fc.constantFrom('\\', 'u', "'", '0', '2', '7', '\n', '🧭') }), 300),
  ]
  const memory = hostileMemory(texts)
  const statements = text(cypherOf(memory)).trimEnd().split('\n')
  const graph = graphOf(memory)
  const merges = statements.filter((statement) => statement.startsWith('MERGE'))
  expect(merges).toHaveLength(graph.nodes.length)
  expect(statements.filter((statement) => statement.startsWith('MATCH'))).toHaveLength(graph.edges.length)
  for (const [i, { id, name, properties }] of graph.nodes.entries()) {
    const values = Object.values(properties).flatMap((value) => (typeof value === 'object' ? [...value] : [value]))
    const expected = [id, name, ...values.filter((value) => typeof value === 'string')].map(wellFormed)
    expect(stringsOf(merges[i] as string)).toEqual(expected)
  }
})

test('says nothing that a terminal would obey, in any format', () => {
  for (const format of Object.values(EXPORT_FORMATS)) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    expect(text(format(hostileMemory()))).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
  }
})
