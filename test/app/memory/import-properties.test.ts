import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryToExport } from '../../../src/app/memory/export/export.ts'
import { jsonlOf } from '../../../src/app/memory/export/jsonl.ts'
import { hashOf } from '../../../src/app/memory/import/facts.ts'
import { importMemory } from '../../../src/app/memory/import/import.ts'
import { readSource } from '../../../src/app/memory/import/read.ts'
import { WordSetsAhead } from '../../../src/app/memory/import/word-sets-ahead.ts'
import type { Artifact } from '../../../src/domain/memory/artifact.ts'
import type { Review } from '../../../src/domain/memory/review.ts'
import { roomOf } from '../../../src/domain/memory/room.ts'
import { jaccard } from '../../../src/domain/memory/similarity.ts'
import { systemIdentity } from '../../../src/machine/identity.ts'
import { onEachStore } from '../../support/stores.ts'
import { type Learner, learner } from './learned.ts'

const identity = systemIdentity(() => '')

async function* linesOf(text: string): AsyncGenerator<string> {
  yield* text.split('\n')
}

async function load(me: Learner, text: string, dry_run = false) {
  const source = await readSource(me.context, linesOf(text), null)
  return await importMemory(me.context, source, { project_id: null, global: 'take', dry_run })
}

async function exported(me: Learner): Promise<string> {
  return [...jsonlOf(await memoryToExport(me.context, { project_id: null, all_projects: true }))].join('')
}

// Few words, so that much is alike; among them one that turns a meaning round.
const word = fc.constantFrom('cache', 'pages', 'never', 'logs', 'lines', 'json', 'text', 'keep')
const phrase = fc.array(word, { minLength: 1, maxLength: 6 }).map((words) => words.join(' '))
const scope = fc.constantFrom('project', 'focus', 'global')
const day = fc.integer({ min: 1, max: 20 }).map((n) => `2026-11-${String(n).padStart(2, '0')}`)

const decisionNode = fc
  .record({ title: phrase, rationale: phrase, scope, date: day })
  .map((said) => ({ label: 'Decision', ...said, owner: 'kai', confidence: 1, created_at: `${said.date}T08:00:00Z` }))
const patternNode = fc
  .record({ trigger: phrase, repeatable_steps: fc.array(phrase, { maxLength: 2 }), scope, last_validated_at: day })
  .map((said) => ({ label: 'Pattern', ...said, last_validated_at: `${said.last_validated_at}T08:00:00Z` }))
const factNode = fc.record({ entity_name: word, fact: phrase, scope }).map((said) => ({ label: 'EntityFact', ...said }))
const sessionNode = fc
  .record({ objective: phrase, save_scope: scope })
  .map((said) => ({ label: 'Session', ...said, next_actions: [] }))
const nodes = fc.array(fc.oneof(decisionNode, decisionNode, patternNode, factNode, sessionNode), { maxLength: 25 })

/** A graph in which later decisions may supersede earlier ones, and whatever there is may have been produced by a session. */
const graph = fc.tuple(nodes, fc.array(fc.tuple(fc.nat(24), fc.nat(24)), { maxLength: 12 })).map(([list, pairs]) => {
  const relationships = pairs.flatMap(([a, b]) => {
    const [from, to] = [list[Math.max(a, b)], list[Math.min(a, b)]]
    if (from === undefined || to === undefined || from === to) return []
    const edge = (type: string, start: number, end: number) => [{ type, start: String(start), end: String(end) }]
    if (from.label === 'Decision' && to.label === 'Decision') {
      return edge('SUPERSEDES', Math.max(a, b), Math.min(a, b))
    }
    return to.label === 'Session' && from.label !== 'Session' ? edge('PRODUCED', Math.min(a, b), Math.max(a, b)) : []
  })
  const described = list.map(({ label, ...properties }, i) => ({ id: String(i), labels: [label], properties }))
  return JSON.stringify({ nodes: described, relationships })
})

onEachStore(() => {
  test('counts in a dry run what the import that follows does, and the same import again does nothing', async () => {
    await fc.assert(
      fc.asyncProperty(graph, graph, async (before, file) => {
        const me = learner()
        await load(me, before)
        me.book.clock.advance(1000)
        const dry = await load(me, file, true)
        const { outcomes, ...real } = await load(me, file)
        expect({ ...real, outcomes, dry_run: true }).toEqual(dry)
        const { events } = await me.context.ledger.verify()
        me.book.clock.advance(1000)
        expect((await load(me, file)).outcomes).toMatchObject({ saved: 0, superseding: 0, waiting: outcomes.waiting })
        expect((await me.context.ledger.verify()).events).toBe(events)
        await me.book.end()
      }),
      { numRuns: 40 },
    )
  }, 60_000)

  test('judges each item by those before it in the file as by those that were imported before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(decisionNode, patternNode), { maxLength: 15 }), async (list) => {
        const [together, apart] = [learner(), learner()]
        const file = (some: readonly object[]) => JSON.stringify({ nodes: some, relationships: [] })
        // Each a second after the one before, since what was said at the same moment is in no order.
        const described = list.map(({ label, ...said }, i) => {
          const created_at = `2026-11-20T08:00:${String(i).padStart(2, '0')}Z`
          return { id: String(i), labels: [label], properties: { ...said, created_at } }
        })
        const sums = { saved: 0, superseding: 0, known: 0, waiting: 0 }
        for (const one of described) {
          const { outcomes } = await load(apart, file([one]))
          for (const outcome of ['saved', 'superseding', 'known', 'waiting'] as const)
            sums[outcome] += outcomes[outcome]
        }
        expect((await load(together, file(described))).outcomes).toEqual(sums)
        expect(await exported(together)).toEqual(await exported(apart))
        for (const { book } of [together, apart]) await book.end()
      }),
      { numRuns: 40 },
    )
  }, 60_000)
})

test('finds every word set that is as similar as asked, the latest first, like one that compares them all', () => {
  const sets = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 12 }).map(String), { maxLength: 9 }), {
    maxLength: 25,
  })
  fc.assert(
    fc.property(sets, fc.constantFrom(0.5, 0.6, 0.7, 1), (all, threshold) => {
      const ahead = new WordSetsAhead(0.5)
      for (const [i, one] of all.entries()) {
        const words = new Set(one)
        const expected = all
          .slice(0, i)
          .map((other, j) => ({ id: String(j), similarity: jaccard(words, new Set(other)) }))
          .filter(({ similarity }) => similarity >= threshold)
        expect(ahead.similar(words, threshold)).toEqual(expected.reverse())
        ahead.put(String(i), words)
      }
    }),
  )
})

const someOf = (names: readonly string[]) => fc.shuffledSubarray([...names])

interface Draft {
  readonly kind: Artifact['kind']
  readonly minute: number
  readonly scope: 'project' | 'focus' | 'global'
  readonly words: string
  readonly sessions: readonly string[]
  readonly origin: number
  readonly produced_by: readonly string[]
  readonly supersedes: number
  readonly others: readonly string[]
  readonly forgotten: boolean
}

const draft: fc.Arbitrary<Draft> = fc.record({
  kind: fc.constantFrom('summary', 'decision', 'decision', 'decision', 'pattern'),
  minute: fc.nat(5),
  scope: fc.constantFrom('project', 'project', 'focus', 'global'),
  words: phrase,
  sessions: someOf(['s-1', 's-2', 's-3']),
  origin: fc.nat(3),
  produced_by: someOf(['sum-1', 'sum-2', 'sum-3']),
  supersedes: fc.nat(20),
  others: someOf(['gone-1', 'gone-2']),
  forgotten: fc.boolean(),
})

/** Artifacts as a book that was merged from several clones has them, in the order of an export. */
function artifactsOf(drafts: readonly Draft[]): Artifact[] {
  const place = (one: Draft) => (one.scope === 'global' ? 1 : 0)
  const ordered = drafts.toSorted((a, b) => place(a) - place(b) || a.minute - b.minute)
  const id = (i: number) => `a-${String(i).padStart(3, '0')}`
  const roomFor = (one: Draft) => roomOf(one.scope, 'test-project', 'web')
  const supersedes = ordered.map((one, i) => {
    const earlier = one.supersedes % (i + 1)
    const target = ordered[earlier]
    const fits = earlier < i && one.kind === 'decision' && target?.kind === 'decision'
    return fits && target.scope === one.scope ? earlier : null
  })
  return ordered.map((one, i): Artifact => {
    const heirs = supersedes.flatMap((target, by) => (target === i ? [id(by)] : []))
    const isDecision = one.kind === 'decision'
    const [first, ...later] = one.others
    const superseded_by = isDecision ? [...(first === undefined ? [] : [first]), ...heirs, ...later] : []
    // A summary is said in one session but where two clones saved it under one key.
    const session_id = one.sessions[one.kind === 'summary' ? 0 : one.origin] ?? null
    const at = `2026-11-20T08:0${one.minute}:00.000Z`
    const target = supersedes[i] ?? null
    const common = {
      ...roomFor(one),
      id: id(i),
      saved_at: at,
      saved_by: { kind: 'agent', name: `agent ${one.minute}` } as const,
      origin: { project_id: 'test-project', session_id },
      sessions: one.sessions,
      produced_by: one.kind === 'summary' ? [] : one.produced_by,
      supersedes: target === null ? null : id(target),
      superseded_by,
      forgotten: one.forgotten,
    }
    const { words, forgotten } = one
    const hash = (text: Parameters<typeof hashOf>[0]) => (forgotten ? 'hash' : hashOf(text, identity))
    if (one.kind === 'decision') {
      const text = { title: words, rationale: words, owner: 'kai', date: '2026-11-20', confidence: 0.5 }
      return { ...fielded(common, hash(text)), kind: 'decision', text: forgotten ? null : text }
    }
    if (one.kind === 'pattern') {
      const text = { trigger: words, repeatable_steps: [words], exclusions: [words], last_validated_at: at }
      return { ...fielded(common, hash(text)), kind: 'pattern', text: forgotten ? null : text }
    }
    const lists = { actions_taken: [words], decisions_made: [], open_items: [words], next_actions: [] }
    return { ...fielded(common, null), kind: 'summary', text: forgotten ? null : { objective: words, ...lists } }
  })
}

/** In the order in which the fold has its fields. */
function fielded(
  { project_id, scope: where, focus, ...rest }: Omit<Artifact, 'content_hash' | 'kind' | 'text'>,
  content_hash: string | null,
) {
  const { id, saved_at, saved_by, origin, sessions, produced_by, supersedes, superseded_by, forgotten } = rest
  const before = { id, project_id, scope: where, focus, saved_at, saved_by, origin, sessions, produced_by }
  return { ...before, content_hash, supersedes, superseded_by, forgotten }
}

const reviewDraft = fc.record({
  minute: fc.nat(5),
  reason: fc.constantFrom('similar', 'negation', 'merged_twins'),
  end: fc.constantFrom(null, 'supersede', 'keep_both', 'discard', 'forgotten'),
})

function reviewsOf(drafts: readonly { minute: number; reason: Review['reason']; end: string | null }[]): Review[] {
  return drafts
    .toSorted((a, b) => a.minute - b.minute)
    .map(({ minute, reason, end }, i): Review => {
      const isForgotten = end === 'forgotten'
      const text = { title: 'waits', rationale: 'is alike', owner: 'kai', date: '2026-11-20', confidence: 1 }
      const resolution = isForgotten ? 'discard' : (end as Review['resolution'])
      return {
        id: `r-${String(i).padStart(3, '0')}`,
        project_id: 'test-project',
        scope: 'project',
        focus: null,
        opened_at: `2026-11-20T09:0${minute}:00.000Z`,
        origin: { project_id: 'test-project', session_id: null },
        decision: isForgotten ? null : text,
        content_hash: isForgotten ? 'hash' : hashOf(text, identity),
        candidate_id: 'a-000',
        similarity: 0.6,
        reason,
        summary_id: null,
        status: end === null ? 'open' : 'resolved',
        resolution,
        resolved_at: end === null || isForgotten ? null : '2026-11-20T10:00:00.000Z',
        artifact_id: reason === 'merged_twins' || resolution === 'keep_both' ? 'a-001' : null,
      }
    })
}

onEachStore(() => {
  test('exports, from a book that was empty, the very file that was imported there', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(draft, { maxLength: 12 }),
        fc.array(reviewDraft, { maxLength: 4 }),
        async (drafts, reviews) => {
          const artifacts = artifactsOf(drafts)
          const project_ids = [...new Set(artifacts.flatMap((one) => [one.project_id, one.origin.project_id]))].sort()
          const memory = { artifacts, reviews: reviewsOf(reviews), project_ids, exported_at: '', runs: [] }
          const file = [...jsonlOf(memory)].join('')
          const me = learner()
          await load(me, file)
          expect((await exported(me)).split('\n')).toEqual(file.split('\n'))
          await me.context.ledger.rebuild()
          expect(await exported(me)).toBe(file)
          await me.book.end()
        },
      ),
      { numRuns: 60 },
    )
  }, 60_000)
})
