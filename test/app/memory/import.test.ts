import { expect, test } from 'vitest'
import type { Context } from '../../../src/app/context.ts'
import { memoryToExport } from '../../../src/app/memory/export/export.ts'
import { jsonlOf } from '../../../src/app/memory/export/jsonl.ts'
import { graphOf } from '../../../src/app/memory/export/model.ts'
import { forget } from '../../../src/app/memory/forgetting.ts'
import { type Imported, type ImportWish, importMemory } from '../../../src/app/memory/import/import.ts'
import { readSource } from '../../../src/app/memory/import/read.ts'
import type { ImportFormat } from '../../../src/app/memory/import/source.ts'
import { memorySurface } from '../../../src/app/operations/memory_surface.ts'
import { sessionInitialize } from '../../../src/app/operations/session_initialize.ts'
import { storeSessionWithLearnings } from '../../../src/app/operations/store_session_with_learnings.ts'
import { isInForce } from '../../../src/domain/memory/artifact.ts'
import { refusalOf } from '../../support/book.ts'
import { newBook, onEachStore } from '../../support/stores.ts'
import { type Learner, learner } from './learned.ts'

const WISH: ImportWish = { project_id: null, global: 'take', dry_run: false }
const DATE = '2026-11-20'
const LATER = '2026-11-20T08:00:00.000Z'

const everything = (me: Learner) => memoryToExport(me.context, { project_id: null, all_projects: true })
const exported = async (me: Learner) => [...jsonlOf(await everything(me))].join('')
const jsonl = (...lines: object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join('')

async function* linesOf(text: string): AsyncGenerator<string> {
  yield* text.split('\n')
}

type Wishes = Partial<ImportWish & { format: ImportFormat }>

async function importText(context: Context, text: string, { format, ...wish }: Wishes = {}): Promise<Imported> {
  const source = await readSource(context, linesOf(text), format ?? null)
  return await importMemory(context, source, { ...WISH, ...wish })
}

async function load(me: Learner, text: string, over: Wishes = {}) {
  me.book.clock.advance(1000)
  return await importText(me.context, text, over)
}

/** What is known, in an order of its own, without what only says when it was asked. */
async function known(me: Learner) {
  const { artifacts, reviews } = await everything(me)
  const byId = <T extends { id: string }>(list: readonly T[]) => list.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const sorted = <
    T extends { sessions: readonly string[]; produced_by: readonly string[]; superseded_by: readonly string[] },
  >(
    a: T,
  ) => ({
    ...a,
    sessions: a.sessions.toSorted(),
    produced_by: a.produced_by.toSorted(),
    superseded_by: a.superseded_by.toSorted(),
  })
  return { artifacts: byId(artifacts).map(sorted), reviews: byId(reviews) }
}

async function titlesInForce(me: Learner): Promise<string[]> {
  const { artifacts } = await everything(me)
  return artifacts
    .filter(isInForce)
    .flatMap(({ text }) => (text !== null && 'title' in text ? [text.title] : []))
    .sort()
}

/** A book in which something of everything has happened. */
async function richBook(): Promise<Learner> {
  const me = learner()
  await me.context.call(sessionInitialize, { session_type: 'manual' })
  const first = await me.decide('Cache pages for one hour', 'Readers see changes late, and the server is calm.')
  const lists = { actions_taken: ['a'], decisions_made: [], open_items: ['o'], next_actions: [] }
  const batch = {
    session: { objective: 'Look at the cache', ...lists, save_scope: 'project' },
    decisions: [
      { title: 'Cache nothing', rationale: 'Old pages', owner: 'o', date: DATE, scope: 'project', supersedes: first },
    ],
    patterns: [{ trigger: 't', repeatable_steps: ['s'], scope: 'focus', last_validated_at: LATER }],
    focus: 'web',
  }
  await me.context.call(storeSessionWithLearnings, batch)
  me.book.clock.advance(1000)
  await me.context.call(storeSessionWithLearnings, {
    ...batch,
    decisions: [],
    session: { ...batch.session, objective: 'Again' },
  })
  await me.decide('Write logs as lines of JSON', 'Each line can be read alone, and tools know it.')
  const waits = await me.decide('Write logs as lines of text', 'Each line can be read alone, so people like it.')
  await me.resolve(waits, 'keep_both')
  await me.decide('Write logs as pages of JSON', 'Each line can be read alone, but nobody likes it.')
  const gone = await me.decide('Keep the key in heliotrope', 'Nobody looks there.')
  await forget(me.context, { id: gone, project_id: null }, { purge: false })
  await me.decide('Use metres', 'All of our projects do.', { scope: 'global' })
  await me.decide('Speak French', 'The other project does.', { project_id: 'other' })
  return me
}

onEachStore(() => {
  test('brings our own export back with all that was known, in a book that knows nothing', async () => {
    const me = await richBook()
    const there = learner(newBook({ clock: me.book.clock }))
    const result = await load(there, await exported(me))
    expect(result).toMatchObject({ format: 'rutter', outcomes: { known: 0, waiting: 0, superseding: 0 } })
    expect(await known(there)).toEqual(await known(me))
    await there.context.ledger.rebuild()
    expect(await known(there)).toEqual(await known(me))
    expect((await there.context.ledger.verify()).findings).toEqual([])
  })

  test('changes nothing when our own export is imported again, or into the book that it came from', async () => {
    const me = await richBook()
    const text = await exported(me)
    const there = learner(newBook({ clock: me.book.clock }))
    await load(there, text)
    for (const one of [there, me]) {
      const before = await known(one)
      const { events } = await one.context.ledger.verify()
      expect((await load(one, text)).outcomes).toMatchObject({ saved: 0, superseding: 0, waiting: 0 })
      expect(await known(one)).toEqual(before)
      expect((await one.context.ledger.verify()).events).toBe(events)
    }
  })

  test('knows a call again that comes a second time, in the book to which what it saved was brought', async () => {
    const me = learner()
    const lists = { actions_taken: [], decisions_made: [], open_items: [], next_actions: [] }
    const decision = { title: 'Cache nothing', rationale: 'Old pages', owner: 'o', date: DATE, scope: 'project' }
    const batch = {
      session: { objective: 'Look at the cache', ...lists, save_scope: 'project' },
      decisions: [decision],
      idempotency_key: 'run-7',
    }
    const first = await me.context.call(storeSessionWithLearnings, batch)
    const text = await exported(me)
    expect(text).not.toContain('run-7')
    const there = learner(newBook({ clock: me.book.clock }))
    await load(there, text)
    const again = await there.context.call(storeSessionWithLearnings, batch)
    expect(again.session.artifact_id).toBe(first.session.artifact_id)
    expect(again.decisions[0]).toMatchObject({
      artifact_id: first.decisions[0]?.artifact_id,
      dedup_outcome: 'duplicate_skip',
    })
    expect(await exported(there)).toBe(text)
  })

  test('adds what an older export of the same book did not know yet', async () => {
    const me = learner()
    const first = await me.decide('Cache pages for one hour', 'Readers wait less.')
    const there = learner(newBook({ clock: me.book.clock }))
    await load(there, await exported(me))
    await me.decide('Cache nothing', 'Old pages were seen.', { supersedes: first })
    await me.pattern('when it rains', ['close the window'])
    await load(there, await exported(me))
    expect(await known(there)).toEqual(await known(me))
    await forget(me.context, { id: first, project_id: null }, { purge: false })
    await load(there, await exported(me))
    expect(await known(there)).toEqual(await known(me))
  })

  test('brings another project into this one under the same ids, and no text that is in force here already', async () => {
    const me = learner(newBook({ project_id: 'theirs' }))
    const id = await me.decide('Cache pages for one hour', 'Readers wait less.')
    const both = await me.decide('Write tests first', 'They say what is wanted.')
    const there = learner(newBook({ clock: me.book.clock }))
    const own = await there.decide('Write tests first', 'They say what is wanted.')
    expect(own).not.toBe(both)
    const result = await load(there, await exported(me), { project_id: there.book.project_id })
    expect(result).toMatchObject({ outcomes: { saved: 1, known: 1 }, projects: { 'test-project': 2 } })
    const { artifacts } = await known(there)
    expect(artifacts.map((artifact) => artifact.id).sort()).toEqual([id, own].sort())
  })

  test('writes nothing in a dry run, and counts the same', async () => {
    const me = await richBook()
    const there = learner(newBook({ clock: me.book.clock }))
    const text = await exported(me)
    const dry = await load(there, text, { dry_run: true })
    expect(await known(there)).toEqual({ artifacts: [], reviews: [] })
    expect({ ...(await load(there, text)), dry_run: true }).toEqual(dry)
  })

  const ENTITIES = [
    { type: 'entity', name: 'Olga', entityType: 'person', observations: ['Speaks Welsh', 'Likes "tea"\nand quiet'] },
    { type: 'entity', name: 'Atlas', entityType: 'project', observations: [] },
    { type: 'relation', from: 'Olga', to: 'Atlas', relationType: 'maintains' },
    { type: 'relation', from: 'Nobody', to: 'Atlas', relationType: 'knows' },
  ]

  test('takes in the file of server-memory so that search finds each observation and relation, once', async () => {
    const me = learner()
    const result = await load(me, jsonl(...ENTITIES))
    expect(result).toMatchObject({ format: 'server-memory', items: 3, outcomes: { saved: 3 }, left_out: {} })
    for (const query of ['Welsh', 'tea quiet', 'who maintains Atlas', 'Olga person', 'Nobody']) {
      const { matches } = await me.context.call(memorySurface, { query })
      expect(matches[0], query).toMatchObject({ kind: 'pattern' })
    }
    const before = await known(me)
    me.book.clock.advance(86_400_000)
    expect((await load(me, jsonl(...ENTITIES))).outcomes).toMatchObject({ saved: 0, known: 3 })
    expect(await known(me)).toEqual(before)
  })

  test('takes in an entity with more observations than a pattern may have, in parts', async () => {
    const me = learner()
    const observations = Array.from({ length: 2500 }, (_, i) => `fact number ${i}`)
    const result = await load(me, jsonl({ type: 'entity', name: 'Much', entityType: 'thing', observations }))
    expect(result.outcomes.saved).toBe(3)
    const { artifacts } = await known(me)
    const steps = artifacts.flatMap(({ text }) =>
      text !== null && 'repeatable_steps' in text ? text.repeatable_steps : [],
    )
    expect(steps.toSorted()).toEqual(observations.toSorted())
  })

  const node = (id: string, label: string, properties: object) => ({
    id,
    labels: [label],
    properties: { id: `${id}-uuid`, ...properties },
  })
  const decisionNode = (id: string, title: string, rationale: string, over = {}) =>
    node(id, 'Decision', {
      title,
      rationale,
      owner: 'kai',
      date: DATE,
      scope: 'project',
      confidence: 0.9,
      created_at: `${DATE}T07:00:00.123456789Z`,
      ...over,
    })
  const edge = (type: string, start: string, end: string) => ({ type, start, end })

  const GRAPH = {
    nodes: [
      decisionNode('2', 'Cache nothing', 'Old pages were seen.', { created_at: `${DATE}T09:00:00Z` }),
      decisionNode('1', 'Cache pages for one hour', 'Readers wait less.', { created_at: `${DATE}T06:00:00Z` }),
      decisionNode('3', 'Log in lines', 'Each can be read alone.', { scope: 'focus' }),
      node('4', 'Session', {
        objective: 'Look at the cache',
        actions_taken: ['measured'],
        next_actions: ['rest'],
        save_scope: 'project',
        status: 'saved',
      }),
      node('5', 'Pattern', {
        trigger: 'it rains',
        repeatable_steps: ['close the window'],
        scope: 'project',
        last_validated_at: `${DATE}T06:00:00Z[UTC]`,
      }),
      node('6', 'EntityFact', { entity_name: 'Kafka', fact: 'has seven topics', scope: 'project' }),
      node('7', 'Project', { name: 'Pages' }),
      node('8', 'FocusArea', { name: 'logging' }),
      node('9', 'GovernanceToken', { used: true }),
    ],
    relationships: [
      edge('SUPERSEDES', '2', '1'),
      edge('PRODUCED', '4', '2'),
      edge('PRODUCED', '4-uuid', '5-uuid'),
      edge('BELONGS_TO', '1', '7'),
      edge('BELONGS_TO', '2', '7'),
      edge('HAS_FOCUS', '3', '8'),
      edge('AFFECTS', '6', '7'),
    ],
  }
  const HERE = { project_id: 'test-project' }

  test('takes in a graph of graphbase-memories with its lines of decisions and who produced what, once', async () => {
    const me = learner()
    const result = await load(me, JSON.stringify(GRAPH, null, 2), HERE)
    expect(result).toMatchObject({
      format: 'graphbase',
      items: 6,
      outcomes: { saved: 5, superseding: 1 },
      left_out: { AFFECTS: 1, GovernanceToken: 1 },
    })
    expect(await titlesInForce(me)).toEqual(['Cache nothing', 'Log in lines'])
    const memory = await everything(me)
    const { edges, nodes } = graphOf(memory)
    const nameOf = (id: string) => nodes.find((one) => one.id === id)?.name
    const named = (type: string) =>
      edges.filter((one) => one.type === type).map(({ from, to }) => [nameOf(from), nameOf(to)])
    expect(named('SUPERSEDES')).toEqual([['Cache nothing', 'Cache pages for one hour']])
    expect(named('PRODUCED').sort()).toEqual([
      ['Look at the cache', 'Cache nothing'],
      ['Look at the cache', 'it rains'],
    ])
    expect(named('HAS_FOCUS')).toEqual([['Log in lines', 'logging']])
    expect(memory.artifacts[0]).toMatchObject({
      saved_at: `${DATE}T06:00:00.000Z`,
      text: { title: 'Cache pages for one hour' },
    })

    const before = await known(me)
    me.book.clock.advance(86_400_000)
    expect((await load(me, JSON.stringify(GRAPH), HERE)).outcomes).toMatchObject({ saved: 0, superseding: 0, known: 6 })
    expect(await known(me)).toEqual(before)
  })

  test('reads the same graph as APOC exports it, a line for each', async () => {
    const [me, other] = [learner(), learner()]
    const lines = [
      ...GRAPH.nodes.map((one) => ({ type: 'node', ...one })),
      ...GRAPH.relationships.map(({ type, start, end }) => ({
        type: 'relationship',
        label: type,
        start: { id: start },
        end: { id: end },
      })),
    ]
    await load(me, JSON.stringify(GRAPH), HERE)
    expect(await load(other, jsonl(...lines), HERE)).toMatchObject({ format: 'graphbase', items: 6 })
    expect(await titlesInForce(other)).toEqual(await titlesInForce(me))
  })

  test('keeps each project apart that a graph names, unless one is named for all', async () => {
    const me = learner()
    expect((await load(me, JSON.stringify(GRAPH))).projects).toEqual({ '7-uuid': 2, 'test-project': 4 })
    const { matches } = await me.context.call(memorySurface, { query: 'cache pages' })
    expect(matches.map(({ kind }) => kind)).toEqual(['summary'])
  })

  test('judges what is in force elsewhere as everything that is saved, and history not', async () => {
    const me = learner()
    await me.decide('Write logs as lines of JSON', 'Each line can be read alone, and tools know it.')
    const nodes = [
      decisionNode('a', 'Write logs as lines of text', 'Each line can be read alone, so people like it.'),
      decisionNode('b', 'Never write logs as lines of JSON', 'Each line can be read alone, and tools know it.'),
      decisionNode('c', 'Log in lines', 'Each can be read alone.'),
    ]
    const relationships = [edge('SUPERSEDES', 'c', 'b')]
    const result = await load(me, JSON.stringify({ nodes, relationships }))
    expect(result.outcomes).toEqual({ saved: 1, superseding: 1, known: 0, waiting: 1 })
    expect(await titlesInForce(me)).toEqual(['Log in lines', 'Write logs as lines of JSON'])
    expect((await load(me, JSON.stringify({ nodes, relationships }))).outcomes).toMatchObject({
      saved: 0,
      superseding: 0,
    })
  })

  test('does not bring back what was forgotten here', async () => {
    const me = learner()
    const gone = await me.decide('Cache nothing', 'Old pages were seen.')
    await forget(me.context, { id: gone, project_id: null }, { purge: false })
    await load(me, JSON.stringify(GRAPH), HERE)
    expect(await titlesInForce(me)).toEqual(['Log in lines'])
  })

  test.each([
    ['an empty file', '', 'it is empty'],
    ['no JSON', 'nothing', 'line 1: it is not JSON'],
    ['a file of something else', jsonl({ some: 'thing' }), 'none of the formats'],
    ['a broken line', `${JSON.stringify(ENTITIES[0])}\n{"type":"ent`, 'line 2: it is not JSON'],
    [
      'a field of another type',
      jsonl(ENTITIES[0] as object, { ...ENTITIES[1], observations: 'none' }),
      'line 2: observations must be an array',
    ],
    ['a node without labels', JSON.stringify({ nodes: [{ id: 1, properties: {} }], relationships: [] }), 'nodes[0]: '],
    [
      'a decision without a date',
      JSON.stringify({ nodes: [decisionNode('1', 'a', 'b', { date: undefined })], relationships: [] }),
      'nodes[0]: date',
    ],
    [
      'an edge without an end',
      JSON.stringify({ nodes: [], relationships: [{ type: 'PRODUCED', start: '1' }] }),
      'relationships[0]: ',
    ],
    [
      'a circle',
      JSON.stringify({
        nodes: GRAPH.nodes,
        relationships: [edge('SUPERSEDES', '1', '2'), edge('SUPERSEDES', '2', '1')],
      }),
      'superseded itself',
    ],
    ['a cut export', jsonl({ format: 'rutter-memory', version: 1, items: 2 }), 'has 2 items, and has 0'],
    ['a later version', jsonl({ format: 'rutter-memory', version: 2, items: 0 }), 'newer Rutter'],
    [
      'an artifact of no kind',
      jsonl({ format: 'rutter-memory', version: 1, items: 1 }, { type: 'artifact', kind: 'x' }),
      'line 2: ',
    ],
  ])('refuses %s with its place, and imports nothing', async (_what, text, message) => {
    const me = learner()
    const refusal = await refusalOf(load(me, text))
    expect(refusal).toMatchObject({ code: 'invalid_argument', message: expect.stringContaining(message) })
    expect(refusal.message).toContain('Nothing was imported')
    expect(await known(me)).toEqual({ artifacts: [], reviews: [] })
  })

  test('refuses one bad line behind many good ones before it has written any', async () => {
    const me = await richBook()
    const lines = (await exported(me)).trimEnd().split('\n')
    const bad = lines.map((line, i) => (i === lines.length - 1 ? line.replace('"similarity":', '"likeness":') : line))
    const there = learner(newBook({ clock: me.book.clock }))
    expect((await refusalOf(load(there, bad.join('\n')))).message).toContain(`line ${lines.length}: similarity`)
    expect(await known(there)).toEqual({ artifacts: [], reviews: [] })
  })

  test('writes nothing where it is stopped in the middle, and all of it in one go when it is done again', async () => {
    const me = learner()
    const entities = Array.from({ length: 1500 }, (_, i) => ({
      type: 'entity',
      name: `thing ${i}`,
      entityType: '',
      observations: [`fact ${i}`],
    }))
    const cut = load(me, jsonl(...entities), {
      onProgress: ({ done }) => {
        if (done === 1400) throw new Error('killed')
      },
    })
    await expect(cut).rejects.toThrow('killed')
    expect((await known(me)).artifacts).toHaveLength(0)
    expect((await load(me, jsonl(...entities))).outcomes).toMatchObject({ saved: 1500, known: 0 })
    expect((await known(me)).artifacts).toHaveLength(1500)
  })

  test('refuses projects that are not known where the settings are strict, and says how to go on', async () => {
    const me = learner()
    const context = { ...me.context, settings: { ...me.context.settings, strict_projects: true } }
    const refusal = await refusalOf(importText(context, JSON.stringify(GRAPH)))
    expect(refusal).toMatchObject({ code: 'scope_blocked', hint: expect.stringContaining('--project test-project') })
    expect((await importText(context, JSON.stringify(GRAPH), HERE)).items).toBe(6)
  })

  test('takes secrets out of what it imports, as of everything that is saved', async () => {
    const me = learner()
    const redact = async <T>(value: T) => JSON.parse(JSON.stringify(value).replaceAll('heliotrope', '[redacted]')) as T
    const context = { ...me.context, redactor: { redact } }
    const text = jsonl({ type: 'entity', name: 'Vault', entityType: 'thing', observations: ['opens with heliotrope'] })
    await importText(context, text)
    expect(await exported(me)).toContain('opens with [redacted]')
  })
})
