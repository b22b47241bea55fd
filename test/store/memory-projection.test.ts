import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { StreamRef } from '../../src/domain/event.ts'
import type { MemoryEvent } from '../../src/domain/memory/events.ts'
import { leadingWords } from '../../src/domain/memory/similarity.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { MemoryProjection } from '../../src/store/sqlite/memory-projection.ts'
import { AGENT, tempFolder } from '../support/book.ts'

const STREAMS: readonly StreamRef[] = [
  { kind: 'memory', id: 'm-1' },
  { kind: 'memory', id: 'm-2' },
  { kind: 'session', id: 's-1' },
]
/** One text in several spellings: an id stands for the words, not for how somebody wrote them. */
const SPELLINGS = [['use pnpm for builds', 'Use "pnpm", for builds!'], ['use npm for builds'], ['tabs, never spaces']]

const TITLES = ['alpha', 'beta', 'gamma', 'delta']

let database: Database
let memory: MemoryProjection

beforeEach(async () => {
  const folder = tempFolder()
  database = (await Database.open(join(folder, 'rutter.db'), join(folder, 'torn'))).database
  onTestFinished(() => database.close())
  memory = new MemoryProjection(database)
})

type Fact = Pick<MemoryEvent, 'type' | 'data'>
type Step = { readonly stream: StreamRef } & ({ readonly at: number; readonly fact: Fact } | { readonly drop: true })

const room = fc.constantFrom(
  { project_id: 'p-1', scope: 'project', focus: null } as const,
  { project_id: 'p-1', scope: 'focus', focus: 'auth' } as const,
  { project_id: 'p-2', scope: 'project', focus: null } as const,
)
const text = fc.nat(SPELLINGS.length - 1)
const place = room.map((one) => ({ ...one, origin: { project_id: one.project_id, session_id: null } }))
const idOf = (kind: string, of: number, { project_id, focus }: { project_id: string; focus: string | null }) =>
  `${kind}-${of}-${project_id}-${focus}`

const decided = fc.record({ place, of: text, spelling: fc.nat(1), over: fc.option(text) }).map((drawn): Fact => {
  const { place, of, over } = drawn
  const title = SPELLINGS[of]?.[drawn.spelling] ?? SPELLINGS[of]?.[0] ?? ''
  const supersedes = over === null || over === of ? null : idOf('decision', over, place)
  const artifact_id = supersedes === null ? idOf('decision', of, place) : `${idOf('decision', of, place)}-over-${over}`
  const rest = { rationale: 'It was tried.', owner: 'olga', date: '2026-11-21', confidence: 1, content_hash: `h${of}` }
  const data = { ...place, artifact_id, title, ...rest, supersedes, similarity: null, summary_id: null }
  return { type: 'decision.saved', data }
})
const about = fc
  .record({ place, of: text })
  .map(({ place, of }) => ({ ...place, artifact_id: idOf('decision', of, place) }))
const fact: fc.Arbitrary<Fact> = fc.oneof(
  { weight: 5, arbitrary: decided },
  about.map((data): Fact => ({ type: 'decision.repeated', data: { ...data, summary_id: null } })),
  about.map((data): Fact => ({ type: 'artifact.forgotten', data: { ...data, purged: false } })),
  fc.tuple(about, text).map(([data, by]): Fact => {
    return { type: 'decision.retired', data: { ...data, superseded_by: idOf('decision', by, data) } }
  }),
  fc.record({ place, of: text, spelling: fc.nat(1) }).map(({ place, of, spelling }): Fact => {
    const trigger = SPELLINGS[of]?.[spelling] ?? 'always'
    const rest = { repeatable_steps: ['look'], exclusions: [], last_validated_at: '2026-05-01T00:00:00.000Z' }
    const artifact_id = idOf('pattern', of, place)
    const data = { ...place, artifact_id, trigger, ...rest, content_hash: `h${of}`, summary_id: null }
    return { type: 'pattern.saved', data }
  }),
  fc.tuple(place, fc.nat(2)).map(([place, of]): Fact => {
    const rest = { content_preview: 'for all', expires_at: '2026-12-01T00:00:00.000Z' }
    return { type: 'approval.granted', data: { ...place, approval_id: idOf('approval', of, place), ...rest } }
  }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 9, arbitrary: fc.record({ stream: fc.constantFrom(...STREAMS), at: fc.nat(9), fact }) },
  { weight: 1, arbitrary: fc.constantFrom(...STREAMS).map((stream) => ({ stream, drop: true }) as const) },
)

/** What the steps record and take back, one after the other, and what is left of each stream. */
function carryOut(steps: readonly Step[], project: MemoryProjection): Map<StreamRef, MemoryEvent[]> {
  const left = new Map<StreamRef, MemoryEvent[]>()
  for (const [i, one] of steps.entries()) {
    const events = left.get(one.stream) ?? []
    if ('drop' in one) {
      project.dropStream(one.stream)
      left.delete(one.stream)
      continue
    }
    const at = `2026-11-21T22:00:0${one.at}.000Z`
    const id = `e-${String(i).padStart(4, '0')}`
    const event = { v: 1, seq: events.length + 1, id, at, actor: AGENT, ...one.fact, prev: '' } as MemoryEvent
    project.take(one.stream, [event])
    left.set(one.stream, [...events, event])
  }
  return left
}

/** Runs it on empty tables, gives what they hold then, and undoes it. */
function tablesAfter(work: () => void): Record<string, unknown> {
  database.begin()
  try {
    work()
    return tables()
  } finally {
    database.rollBack()
  }
}

const rows = (sql: string) => database.sql(sql).all() as Record<string, unknown>[]

/** Everything that is projected; numbers that depend on the order of reading are replaced by what they stand for. */
function tables(): Record<string, unknown> {
  const words = new Map(
    rows('SELECT project_id, number, word FROM word_set_words').map((row) => [
      `${row['project_id']} ${row['number']}`,
      String(row['word']),
    ]),
  )
  const sets = rows(`SELECT s.*, r.room AS name FROM word_sets AS s JOIN word_set_rooms AS r
                     ON r.project_id = s.project_id AND r.number = s.room ORDER BY s.project_id, name, doc`)
  return {
    memory_events: rows('SELECT * FROM memory_events ORDER BY project_id, stream_kind, stream_id, seq'),
    memory_subjects: rows('SELECT * FROM memory_subjects'),
    artifacts: rows('SELECT * FROM artifacts ORDER BY project_id, artifact_id'),
    reviews: rows('SELECT * FROM reviews ORDER BY project_id, review_id'),
    approvals: rows('SELECT * FROM approvals'),
    word_sets: sets.map(({ project_id, name, doc, words: packed }) => {
      const bytes = packed as Uint8Array
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const numbers = Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4, true))
      return { project_id, name, doc, words: numbers.map((number) => words.get(`${project_id} ${number}`)).sort() }
    }),
    leads: sets.map(({ project_id, name, doc, number, words }) => {
      const { n } = database
        .sql('SELECT count(*) AS n FROM word_set_leads WHERE project_id = ? AND word_set = ?')
        .get(String(project_id), Number(number)) ?? { n: 0 }
      expect(n).toBe(leadingWords((words as Uint8Array).length / 4, 0.5))
      return { project_id, name, doc, n }
    }),
    all_leads: rows('SELECT count(*) AS n FROM word_set_leads'),
    search_docs: rows(`SELECT project_id, kind, id, scope, focus, session_id, at, title, text FROM search_docs
                       ORDER BY project_id, kind, id`),
    terms: rows(`SELECT p.term, p.col, p.offset, d.project_id, d.kind, d.id FROM search_postings AS p
                 LEFT JOIN search_docs AS d ON d.doc = p.doc ORDER BY 1, 4, 5, 6, 2, 3`),
    term_counts: rows('SELECT * FROM search_term_counts ORDER BY project_id, term'),
    corpora: rows('SELECT * FROM search_corpora WHERE docs > 0 ORDER BY project_id'),
  }
}

describe('what was learned', () => {
  test('is the same fact by fact, all at once and read anew, with nothing left of what was taken back', () => {
    let seen = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }), (steps) => {
        let left = new Map<StreamRef, MemoryEvent[]>()
        const oneByOne = tablesAfter(() => {
          left = carryOut(steps, memory)
        })
        const atOnce = tablesAfter(() => memory.together(() => carryOut(steps, memory)))
        const anew = tablesAfter(() =>
          memory.together(() => {
            for (const [stream, events] of left) memory.take(stream, events)
          }),
        )
        expect(atOnce).toEqual(oneByOne)
        expect(anew).toEqual(oneByOne)
        seen += (oneByOne['word_sets'] as unknown[]).length
      }),
      { numRuns: 150 },
    )
    // Tables that are always empty would always be the same.
    expect(seen).toBeGreaterThan(300)
  })

  test('counts a term once for each document that has it, whatever came and went at once', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), (steps) => {
        tablesAfter(() => {
          memory.together(() => carryOut(steps, memory))
          const counted = rows('SELECT term, sum(docs) AS docs FROM search_term_counts GROUP BY term ORDER BY term')
          const stored = rows(`SELECT substr(term, instr(term, '|') + 1) AS term, count(DISTINCT doc) AS docs
                               FROM search_postings GROUP BY 1 ORDER BY 1`)
          expect(counted).toEqual(stored)
        })
      }),
      { numRuns: 60 },
    )
  })

  test('is folded by the next call where the one before failed half-way', () => {
    const steps: Step[] = [{ stream: { kind: 'memory', id: 'm-1' }, at: 1, fact: savedAs('alpha') }]
    const whole = tablesAfter(() => carryOut(steps, memory))
    database.begin()
    expect(() =>
      memory.together(() => {
        carryOut(steps, memory)
        throw new Error('The disk is full.')
      }),
    ).toThrow('The disk is full.')
    database.rollBack()
    expect(tablesAfter(() => carryOut(steps, memory))).toEqual(whole)
  })

  test('is not taken out of the indexes and put in again where a record comes back with one line less', () => {
    const stream: StreamRef = { kind: 'memory', id: 'm-1' }
    const steps = TITLES.map((title, at): Step => ({ stream, at, fact: savedAs(title) }))
    const events = carryOut(steps, memory).get(stream) ?? []
    const numbers = () =>
      rows(
        'SELECT s.doc, s.number, d.doc AS found FROM word_sets AS s JOIN search_docs AS d ON d.id = s.doc ORDER BY s.number',
      )
    const before = numbers()
    memory.together(() => {
      memory.dropStream(stream)
      memory.take(stream, events.slice(0, -1))
    })
    expect(before).toHaveLength(TITLES.length)
    expect(numbers()).toEqual(before.slice(0, -1))
  })
})

function savedAs(title: string): Fact {
  const project_id = 'p-1'
  const place = { project_id, scope: 'project', focus: null, origin: { project_id, session_id: null } } as const
  const text = { title, rationale: '', owner: 'olga', date: '2026-11-21', confidence: 1, content_hash: title }
  const data = {
    ...place,
    ...text,
    artifact_id: `decision-${title}`,
    supersedes: null,
    similarity: null,
    summary_id: null,
  }
  return { type: 'decision.saved', data }
}
