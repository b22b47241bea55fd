import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { brief } from '../../../src/app/memory/brief.ts'
import { LEAST_TOKENS, MOST_TOKENS } from '../../../src/app/memory/brief-fit.ts'
import { BRIEF_KINDS, type Brief, briefShape } from '../../../src/app/memory/brief-shape.ts'
import { MOST_ITEMS } from '../../../src/app/memory/brief-sources.ts'
import { briefText } from '../../../src/app/memory/brief-text.ts'
import { perform } from '../../../src/app/operation.ts'
import { retrieveContext } from '../../../src/app/operations/retrieve_context.ts'
import type { Artifact } from '../../../src/domain/memory/artifact.ts'
import { vocabularyTokens } from '../../../src/machine/tokens.ts'
import { refusalOf } from '../../support/book.ts'
import {
  decision,
  pattern,
  type Remembered,
  readingContext,
  review,
  sessionWith,
  summary,
} from '../../support/memory.ts'

const retrieve = (remembered: Remembered, input: object = {}) =>
  perform(retrieveContext, readingContext(remembered), input)
const ROOMY = { max_tokens: 100_000 }
const many = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i))

/** All that a brief says or counts as left out. */
function accountedFor({ items, open_items, next_actions, conflicts, reviews, left_out }: Brief): number {
  const counted = /^Left out: ([^.]+)\./.exec(left_out ?? '')?.[1] ?? ''
  const left = counted.split(', ').reduce((sum, one) => sum + (Number.parseInt(one, 10) || 0), 0)
  return left + [items, open_items, next_actions, conflicts, reviews].reduce((sum, list) => sum + list.length, 0)
}

describe('the room of a brief', () => {
  const tokens = vocabularyTokens()
  const rich = [
    ...many(30, (i) =>
      decision(`Decision ${i}: keep the answer short`, { days: i, rationale: 'Long reasons. '.repeat(30) }),
    ),
    ...many(10, (i) =>
      pattern(`Pattern ${i}`, { scope: 'global', steps: many(20, (n) => `step ${n} of pattern ${i}`) }),
    ),
    summary('Last', { open_items: many(30, (i) => `Open item number ${i} is about something else`) }),
  ]

  it('below the least allowed is refused', async () => {
    const refusal = await refusalOf(() => retrieve({}, { max_tokens: LEAST_TOKENS - 1 }))
    expect(refusal.message).toContain(`max_tokens must be at least ${LEAST_TOKENS}`)
  })

  it('is filled with what is most useful, and what had to be left out is told by its scope', async () => {
    const answer = await retrieve({ artifacts: rich }, { max_tokens: 1500 })
    expect(answer.truncated_scopes).toEqual(['project', 'global'])
    expect(answer.open_items.slice(0, 2)).toEqual([0, 1].map((i) => `Open item number ${i} is about something else`))
    expect(answer.items.length).toBeGreaterThan(2)
    expect(answer.items[0]).toMatchObject({ kind: 'decision', freshness: 'current' })
    const used = await tokens.count(JSON.stringify(answer))
    expect(used).toBeLessThanOrEqual(1350)
    expect(used).toBeGreaterThan(900)
  })

  it('keeps a conflict found although there is no room for the decisions', async () => {
    const artifacts = many(2, (i) => decision(`d ${i}`, { supersedes: 'd-0', rationale: 'word '.repeat(150) }))
    const answer = await retrieve({ artifacts }, { max_tokens: LEAST_TOKENS })
    expect(answer).toMatchObject({ retrieval_status: 'conflicted', conflicts_found: true, items: [] })
    expect(answer.truncated_scopes).toEqual(['project'])
  })

  it('cuts a text that would fill the answer alone, and says so', async () => {
    const { items } = await retrieve({ artifacts: [decision('Long', { rationale: '🧭'.repeat(8000) })] }, ROOMY)
    expect(items[0]).toMatchObject({ title: 'Long', shortened: true })
    expect(items[0]?.rationale?.length).toBeLessThanOrEqual(800)
    expect(items[0]?.rationale?.isWellFormed()).toBe(true)
  })

  const text = fc.oneof(
    { weight: 3, arbitrary: fc.lorem({ maxCount: 30 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '<|endoftext|>',
        '\u0000'.repeat(200),
        '漢字'.repeat(300),
        '"\\\n',
        'x'.repeat(16_000),
      ),
    },
  )
  const place = fc.record({
    scope: fc.constantFrom('focus', 'project', 'global'),
    focus: fc.constantFrom('auth', '漢'.repeat(200)),
    days: fc.nat(60),
    confidence: fc.double({ min: 0, max: 1, noNaN: true }),
    supersedes: fc.constantFrom('d-0', 'd-1'),
    session_id: fc.option(fc.constant('2026-11-21T22-23-05Z-k3f9q2')),
  } as const)
  const texts = fc.array(text, { maxLength: 15 })
  const artifact = fc.oneof(
    fc.tuple(text, place, text).map(([title, at, rationale]) => decision(title, { ...at, rationale })),
    fc.tuple(text, place, texts).map(([trigger, at, steps]) => pattern(trigger, { ...at, steps })),
    fc
      .tuple(text, place, texts, texts, texts)
      .map(([objective, at, actions_taken, open_items, next_actions]) =>
        summary(objective, { ...at, actions_taken, open_items, next_actions }),
      ),
  )
  const seed = fc.record({
    artifacts: fc.array(artifact, { maxLength: 40 }),
    pairs: fc.array(fc.tuple(fc.nat(39), fc.nat(39), fc.constantFrom('open', 'kept', 'waiting'), text), {
      maxLength: 9,
    }),
    sessions: fc.array(
      texts.map((messages) => sessionWith('s-1', [...messages, ...messages])),
      { maxLength: 3 },
    ),
  })
  const memory = seed.map(({ artifacts, pairs, sessions }) => ({
    artifacts,
    sessions,
    reviews: reviewsOf(artifacts, pairs),
  }))
  const query = fc.record({
    project_id: fc.constantFrom(null, '漢'.repeat(200)),
    scope: fc.constantFrom(null, 'project', 'global'),
    focus: fc.constantFrom(null, 'auth', '字'.repeat(200)),
    topic: fc.option(text),
    max_items: fc.integer({ min: 1, max: 200 }),
    max_tokens: fc.oneof(fc.integer({ min: LEAST_TOKENS, max: 600 }), fc.integer({ min: LEAST_TOKENS, max: 20_000 })),
  } as const)

  it('is never exceeded, by the JSON or by the text, and nothing is left out of it uncounted', async () => {
    await fc.assert(
      fc.asyncProperty(memory, query, async (remembered, asked) => {
        const context = readingContext(remembered)
        const answer = await brief(context, { ...asked, kinds: BRIEF_KINDS })
        expect(briefShape.strict().parse(answer)).toEqual(answer)
        expect(await tokens.count(JSON.stringify(answer))).toBeLessThanOrEqual(asked.max_tokens)
        expect(await tokens.count(briefText(answer))).toBeLessThanOrEqual(asked.max_tokens)
        expect(answer.items.length).toBeLessThanOrEqual(asked.max_items)
        const most = { max_items: MOST_ITEMS, max_tokens: MOST_TOKENS }
        const all = await brief(context, { ...asked, ...most, kinds: BRIEF_KINDS })
        expect(accountedFor(answer)).toBe(accountedFor(all))
        expect(answer.left_out ?? '').not.toContain('\n')
      }),
      { numRuns: 50 },
    )
  })

  it('that is offered for all that was squeezed out is room enough, and what is asked for as max_items too', async () => {
    await fc.assert(
      fc.asyncProperty(memory, query, async (remembered, asked) => {
        const context = readingContext(remembered)
        const wide = { ...asked, max_tokens: MOST_TOKENS, kinds: BRIEF_KINDS }
        const offered = /max_items (\d+)/.exec((await brief(context, wide)).left_out ?? '')?.[1]
        const max_items = offered === undefined ? asked.max_items : Number(offered)
        const items = { ...asked, max_items, kinds: BRIEF_KINDS }
        const tight = (await brief(context, { ...items, max_tokens: LEAST_TOKENS })).left_out ?? ''
        const max_tokens = Number(/max_tokens (\d+)/.exec(tight)?.[1] ?? MOST_TOKENS)
        const answer = await brief(context, { ...items, max_tokens })
        expect(answer.left_out ?? '').not.toMatch(/max_tokens|max_items|decision|pattern|conflict|error/)
      }),
      { numRuns: 30 },
    )
  })

  it('has the conflict and the review counted at the least budget, where neither fits', async () => {
    const long = decision('A title that goes on '.repeat(9), { id: randomUUID(), supersedes: 'd-0' })
    const artifacts = [long, { ...long, id: randomUUID() }]
    const waits = () => review(long.id, { id: randomUUID(), decision: long.text })
    const reviews = [review('d-9', { decision: null }), ...many(7, waits)]
    const answer = await retrieve({ artifacts, reviews }, { max_tokens: LEAST_TOKENS })
    expect(answer).toMatchObject({ retrieval_status: 'conflicted', conflicts: [], reviews: [] })
    expect(answer.left_out).toMatch(
      /^Left out: 1 conflict, 2 decisions, 7 reviews\. More with max_tokens \d+ or a topic; memory_review lists what waits\.$/,
    )
  })

  it('keeps the count and lets the message go where there is no room for both', async () => {
    const focus = '字'.repeat(200)
    const answer = await retrieve({ artifacts: rich }, { focus, max_tokens: LEAST_TOKENS })
    expect(answer.left_out).toContain('Left out: 30 decisions, 10 patterns')
    expect(answer.scope_state).toBe('uncertain')
    expect(await tokens.count(JSON.stringify(answer))).toBeLessThanOrEqual(LEAST_TOKENS)
  })

  it('leaves more than it looks through without a figure', async () => {
    const remembered = { artifacts: many(250, (i) => decision(`d ${i}`)) }
    const topic = await retrieve(remembered, { ...ROOMY, max_items: 200, topic: 'd' })
    expect(topic.left_out).toBe('Left out: more.')
    const answer = await retrieve(remembered, { ...ROOMY, max_items: 200 })
    expect(answer.items).toHaveLength(115)
    expect(answer.left_out).toBe('Left out: 85 decisions and more. More with a topic.')
  })
})

/** Reviews of every sort between artifacts that are there, and some that are not. */
function reviewsOf(artifacts: readonly Artifact[], pairs: readonly (readonly [number, number, string, string])[]) {
  return pairs.map(([a, b, sort, title]) => {
    const [one, other] = [artifacts[a]?.id ?? 'd-0', artifacts[b]?.id ?? 'd-1']
    if (sort === 'open') return review(one, { artifact_id: other, reason: 'merged_twins' })
    if (sort === 'kept') return review(one, { artifact_id: other, status: 'resolved', resolution: 'keep_both' })
    return review(one, { decision: { title, rationale: '', owner: '', date: '', confidence: 1 } })
  })
}
