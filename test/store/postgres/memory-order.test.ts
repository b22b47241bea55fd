import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { RecordedEvent, StreamRef } from '../../../src/domain/event.ts'
import { isMemoryEvent, type MemoryEvent } from '../../../src/domain/memory/events.ts'
import type { Room } from '../../../src/domain/memory/room.ts'
import type { MemoryReader } from '../../../src/ports/memory.ts'
import { MemoryProjection } from '../../../src/store/postgres/memory-projection.ts'
import { PostgresMemory } from '../../../src/store/postgres/memory-reader.ts'
import { MEMORY_SCHEMA } from '../../../src/store/postgres/memory-schema.ts'
import { type Row, restored, Sql } from '../../../src/store/postgres/sql.ts'
import { testBook, testClock } from '../../support/book.ts'
import { saver } from '../../support/memory-makers.ts'
import { sharedServer } from '../../support/postgres.ts'
import { graphOf } from '../../support/records.ts'
import { call, carryOut, filesOf } from '../memory-calls.ts'
import { put } from '../runs.ts'

const PROJECT = 'test-project'
const ROOM: Room = { project_id: PROJECT, scope: 'project', focus: null }

const server = sharedServer()
let client: pg.Client
let sql: Sql

beforeAll(async () => {
  client = new pg.Client({ connectionString: (await server).url('postgres'), pipeline: true } as pg.ClientConfig)
  await client.connect()
  await client.query(`CREATE SCHEMA rutter; ${MEMORY_SCHEMA}`)
  sql = new Sql(client, true)
})
afterAll(() => client.end())

/** Runs it on empty tables, and undoes it. */
async function undone(work: () => Promise<void>): Promise<void> {
  await sql.all('BEGIN')
  try {
    await sql.run('INSERT INTO rutter.memory_locks SELECT unnest($1::text[])', [[PROJECT, 'ours', 'theirs']])
    await work()
  } finally {
    await sql.all('ROLLBACK')
  }
}

/** What `graphOf` gives of the embedded store, of these tables. */
async function graph(): Promise<Record<string, unknown[]>> {
  const rows = async (text: string) => {
    const plain = (value: unknown) => (typeof value === 'string' ? restored(value) : value)
    return (await sql.all(text)).map((row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [k, plain(v)])))
  }
  const sets = await rows(
    `SELECT s.project_id, r.room, s.doc, ARRAY (
       SELECT w.word FROM rutter.word_set_words AS w WHERE w.project_id = s.project_id AND w.number = ANY (s.words)
     ) AS words FROM rutter.word_sets AS s JOIN rutter.word_set_rooms AS r ON r.project_id = s.project_id AND r.number = s.room
     ORDER BY s.project_id, r.room, s.doc`,
  )
  return {
    memory_events: await rows(
      `SELECT project_id, stream_kind, stream_id, seq::integer, event FROM rutter.memory_events
       ORDER BY project_id, stream_kind, stream_id, seq`,
    ),
    memory_subjects: await rows(
      `SELECT project_id, subject_id, stream_kind, stream_id, seq::integer FROM rutter.memory_subjects
       ORDER BY project_id, subject_id, stream_kind, stream_id, seq`,
    ),
    artifacts: await rows(
      `SELECT project_id, artifact_id, kind, scope, focus, room, content_hash, in_force::integer, saved_at, state
       FROM rutter.artifacts ORDER BY project_id, artifact_id`,
    ),
    reviews: await rows('SELECT * FROM rutter.reviews ORDER BY project_id, review_id'),
    approvals: await rows('SELECT * FROM rutter.approvals ORDER BY project_id, approval_id'),
    word_sets: sets.map((row) => ({ ...row, words: (row['words'] as string[]).map(restored).sort() })),
    search_docs: await rows(
      `SELECT project_id, kind, id, scope, focus, session_id, at, title, text FROM rutter.search_docs
       ORDER BY project_id, kind, id`,
    ),
  }
}

/** Every leading word belongs to a set that is there, and none is missing. */
async function expectWholeIndex(): Promise<void> {
  const [row] = await sql.all(
    `SELECT (SELECT count(*) FROM rutter.word_set_leads) AS leads,
       (SELECT count(*) FROM rutter.word_set_leads AS l JOIN rutter.word_sets AS s
          ON s.project_id = l.project_id AND s.number = l.word_set AND s.room = l.room
             AND cardinality(s.words) = l.size AND s.words[l.position + 1] = l.word) AS right,
       (SELECT coalesce(sum(cardinality(words) - ceil(cardinality(words) / 2.0)
                            + least(2, ceil(cardinality(words) / 2.0))), 0) FROM rutter.word_sets) AS wanted`,
  )
  const { leads, right, wanted } = row as Row
  expect([Number(leads), Number(right)]).toEqual([Number(wanted), Number(wanted)])
}

/** What a reader is asked, and what it answers. */
async function answersOf(memory: MemoryReader) {
  const of = { project_id: PROJECT, in_force: true, limit: 3 }
  const texts = ['a b c d', 'a b f g', 'never a b c d', 'x y']
  return {
    artifacts: [
      await memory.artifacts(of),
      await memory.artifacts({ ...of, in_force: false, limit: 100 }),
      await memory.artifacts({ ...of, kinds: ['decision', 'pattern'] }),
      await memory.artifacts({ ...of, kinds: ['summary'], scope: 'project' }),
      await memory.artifacts({ ...of, scope: 'focus' }),
      await memory.artifacts({ ...of, focus: 'auth' }),
      await memory.artifacts({ ...of, id_prefix: '1', in_force: false }),
      await memory.artifacts({ ...of, id_prefix: 'a', kinds: ['decision'], scope: 'project' }),
    ],
    similar: await Promise.all(texts.map((text) => memory.similar(ROOM, new Set(text.split(' ')), 0.5))),
    reviews: [
      await memory.reviews({ project_id: PROJECT, limit: 100 }),
      await memory.reviews({ project_id: PROJECT, status: 'open', limit: 2 }),
      await memory.reviews({ project_id: PROJECT, status: 'open', id_prefix: '0', limit: 2 }),
      await memory.reviews({ project_id: PROJECT, id_prefix: '0', limit: 2 }),
    ],
    projects: await memory.projects(),
    focuses: await memory.focuses(PROJECT),
    known: [await memory.isKnownId(PROJECT, 'nobody'), await memory.artifact(PROJECT, 'nobody')],
  }
}

type Learned = { stream: StreamRef; events: MemoryEvent[] }

test('the same streams give the graph that the embedded store makes of them, in whatever order they come, go and come back', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(call, { minLength: 3, maxLength: 15 }),
      fc.infiniteStream(fc.nat()),
      async (calls, dice) => {
        const roll = (below: number) => (dice.next().value ?? 0) % below
        const clock = testClock()
        const agents = [0, 1, 2].map(() => testBook({ clock })).map((book) => ({ book, agent: saver(book) }))
        for (const one of calls) {
          clock.advance(one.day - 1)
          const agent = agents[one.clone]?.agent
          if (agent !== undefined) await carryOut(agent, one)
        }
        for (const { agent } of agents) await agent.ledger.close()
        const files = agents.flatMap(({ book }) => filesOf(book))

        const embedded = testBook({ clock })
        for (const { kind, name, bytes } of files) put(`${embedded.layout.folder(kind)}/${name}`, bytes)
        const reader = saver(embedded)
        await reader.settle()
        const { search_corpora: _, search_docs: docs = [], ...rest } = graphOf(embedded.layout)
        const learnedDocs = (docs as { kind: string }[]).filter(({ kind }) => kind !== 'task' && kind !== 'error')
        const expected = { ...rest, search_docs: learnedDocs }
        const answers = await reader.ledger.read((book) => answersOf(book.memory))

        const streams: Learned[] = files.map(({ kind, name, bytes }) => ({
          stream: { kind, id: name.replace('.jsonl', '') },
          events: bytes
            .toString()
            .split('\n')
            .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as RecordedEvent]))
            .filter(isMemoryEvent),
        }))
        for (let round = 0; round < 3; round++) {
          await undone(async () => {
            const memory = new MemoryProjection(sql, PROJECT)
            for (const { stream, events } of streams.toSorted(() => roll(3) - 1)) {
              const cut = roll(events.length + 1)
              await memory.take(stream, events.slice(0, cut))
              await memory.take(stream, events.slice(cut))
              if (roll(3) > 0) continue
              await memory.dropStream(stream)
              await memory.take(stream, events)
            }
            expect(await graph()).toEqual(expected)
            await expectWholeIndex()
            expect(await answersOf(new PostgresMemory(sql, PROJECT, async () => {}))).toEqual(answers)
            await memory.dropAll()
            expect(Object.values(await graph()).flat()).toEqual([])
            for (const { stream, events } of streams) await memory.take(stream, events)
            expect(await graph()).toEqual(expected)
          })
        }
      },
    ),
    { numRuns: 10 },
  )
})

const AT = '2026-11-21T22:00:00.000Z'
let ids = 0

function decided(
  title: string,
  over: { project_id?: string; artifact_id?: string; focus?: string; seq?: number } = {},
) {
  const { project_id = 'ours', artifact_id = `d-${title}`, focus, seq = 1 } = over
  const scope = focus === undefined ? ('project' as const) : ('focus' as const)
  const place = { project_id, scope, focus: focus ?? null, origin: { project_id, session_id: null } }
  const text = { title, rationale: '', owner: 'olga', date: '2026-11-21', confidence: 1 }
  const rest = { content_hash: `hash of ${title}`, supersedes: null, similarity: null, summary_id: null }
  const data = { artifact_id, ...place, ...text, ...rest }
  const actor = { kind: 'agent' as const, name: 'test' }
  return { v: 1, seq, id: `e-${++ids}`, at: AT, type: 'decision.saved' as const, actor, data, prev: '' }
}

const stream = (id: string): StreamRef => ({ kind: 'memory', id })

describe('what was learned of several projects', () => {
  test('goes with the log that said it, and with no other', async () => {
    await undone(async () => {
      const [ours, theirs] = [new MemoryProjection(sql, 'ours'), new MemoryProjection(sql, 'theirs')]
      const memory = new PostgresMemory(sql, 'ours', async () => {})
      const inForce = async (project_id: string) =>
        (await memory.artifacts({ project_id, in_force: true, limit: 10 })).map(({ id }) => id).sort()
      const alike = async () =>
        (await memory.similar({ ...ROOM, project_id: 'theirs' }, new Set(['said', 'by', 'us']), 0.5)).map(
          ({ id }) => id,
        )
      // Two streams of one name, as where a folder was copied to begin another project.
      await ours.take(stream('s'), [decided('said at home'), decided('said by us', { project_id: 'theirs', seq: 2 })])
      await theirs.take(stream('s'), [decided('said by them', { project_id: 'theirs', seq: 2 })])
      expect(await inForce('theirs')).toEqual(['d-said by them', 'd-said by us'])
      expect(await alike()).toEqual(['d-said by us', 'd-said by them'])
      expect(await memory.projects()).toEqual(['ours', 'theirs'])
      expect(await ours.projects()).toEqual(['ours', 'theirs'])

      await theirs.dropAll()
      expect(await inForce('theirs')).toEqual(['d-said by us'])
      expect(await alike()).toEqual(['d-said by us'])
      await theirs.take(stream('s'), [decided('said by them', { project_id: 'theirs', seq: 2 })])
      await theirs.dropStream(stream('s'))
      expect(await inForce('theirs')).toEqual(['d-said by us'])

      await ours.dropAll()
      expect([await inForce('ours'), await inForce('theirs'), await alike()]).toEqual([[], [], []])
      expect(Object.values(await graph()).flat()).toEqual([])
    })
  })

  test('is given the most similar first, of equals the newest, and of one batch the last', async () => {
    await undone(async () => {
      const memory = new MemoryProjection(sql, 'ours')
      const titles = ['a b c e', 'a b c d', 'a b c f', 'a b c g']
      const times = ['2026-11-22', '2026-11-22', '2026-11-21', '2026-11-23']
      const events = titles.map((title, i) => ({ ...decided(title, { seq: i + 1 }), at: `${times[i]}T00:00:00.000Z` }))
      await memory.take(stream('s'), events.toReversed())
      const found = await new PostgresMemory(sql, 'ours', async () => {}).similar(
        { ...ROOM, project_id: 'ours' },
        new Set(['a', 'b', 'c', 'x']),
        0.5,
      )
      expect(found.map(({ id }) => id)).toEqual(['d-a b c g', 'd-a b c d', 'd-a b c e', 'd-a b c f'])
    })
  })

  test('is compared within a project only', async () => {
    await undone(async () => {
      await new MemoryProjection(sql, 'ours').take(stream('s'), [decided('a b c d')])
      await new MemoryProjection(sql, 'theirs').take(stream('t'), [decided('a b c d', { project_id: 'theirs' })])
      const memory = new PostgresMemory(sql, 'ours', async () => {})
      const found = await memory.similar({ ...ROOM, project_id: 'ours' }, new Set(['a', 'b', 'c', 'd']), 0.5)
      expect(found).toHaveLength(1)
    })
  })
})

describe('what a log says', () => {
  test('may have ids, areas and texts of any length and any characters', async () => {
    await undone(async () => {
      const memory = new MemoryProjection(sql, 'ours')
      const long = (end: string) => `\u0000\uF8FF0${'語'.repeat(5000)}${end}`
      const event = decided(long('title'), { artifact_id: long('id'), focus: long('focus') })
      const unnameable = decided('nowhere', { project_id: long('project'), seq: 2 })
      await memory.take(stream('s'), [event, unnameable])
      expect(await memory.has(event)).toBe(true)
      expect(await memory.has(decided('another'))).toBe(false)
      const reader = new PostgresMemory(sql, 'ours', async () => {})
      const room: Room = { project_id: 'ours', scope: 'focus', focus: long('focus') }
      expect((await reader.artifact('ours', long('id')))?.focus).toBe(long('focus'))
      expect(await reader.isKnownId('ours', long('id'))).toBe(true)
      expect(await reader.withHash(room, 'decision', event.data.content_hash)).toHaveLength(1)
      expect(
        await reader.artifacts({ project_id: 'ours', focus: long('focus'), in_force: true, limit: 1 }),
      ).toHaveLength(1)
      await memory.dropStream(stream('s'))
      expect(Object.values(await graph()).flat()).toEqual([])
    })
  })

  test('takes as many waits for the database whether it is one decision or 500', async () => {
    await undone(async () => {
      const memory = new MemoryProjection(sql, 'ours')
      const query = vi.spyOn(client, 'query')
      const asked = async (count: number) => {
        const before = query.mock.calls.length
        const events = Array.from({ length: count }, (_, i) =>
          decided(`of ${count}: use ${i} of ${count}x`, { seq: i + 1 }),
        )
        await memory.take(stream(`s-${count}`), events)
        return query.mock.calls.length - before
      }
      // The room is given its number once.
      await asked(2)
      const one = await asked(1)
      expect(await asked(500)).toBe(one)
      expect(one).toBeLessThan(20)
      query.mockRestore()
    })
  })
})
