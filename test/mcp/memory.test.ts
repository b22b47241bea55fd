import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, everyByte, type Json, type Rutter, repository, tidyUp } from '../support/mcp-client.ts'
import { decisionOf, patternOf, SEED_DECISION, SEED_PATTERN, SEED_SESSION, words } from '../support/memory-makers.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const SAVED = { status: 'saved', artifact_id: expect.stringMatching(UUID) }

const GLOBAL_DECISION = {
  title: 'Load scoped graph memory before planning',
  rationale: 'Shared context reduces repeated investigation across projects.',
  owner: 'platform',
  date: '2026-04-21',
  scope: 'global',
  confidence: 1.0,
}

afterAll(tidyUp)

describe('the examples that agents know', () => {
  let rutter: Rutter
  beforeAll(async () => {
    rutter = await connect(repository())
  })

  it('save_decision saves a decision, and the same one again gives its id', async () => {
    const first = await rutter.ok('save_decision', { decision: SEED_DECISION, project_id: 'my-project' })
    expect(first).toMatchObject({ ...SAVED, dedup_outcome: 'new' })
    const again = await rutter.ok('save_decision', { decision: SEED_DECISION, project_id: 'my-project', focus: null })
    expect(again).toMatchObject({ status: 'saved', dedup_outcome: 'duplicate_skip', artifact_id: first.artifact_id })
  })

  it('save_session saves a summary, each time another one', async () => {
    const first = await rutter.ok('save_session', { session: SEED_SESSION, project_id: 'my-project' })
    expect(first).toMatchObject({ ...SAVED, dedup_outcome: null })
    const second = await rutter.ok('save_session', { session: SEED_SESSION, project_id: 'my-project' })
    expect(second.artifact_id).not.toBe(first.artifact_id)
  })

  it('save_pattern in global scope is blocked without a token, and saved with one', async () => {
    const blocked = await rutter.call('save_pattern', { pattern: SEED_PATTERN, project_id: 'my-project' })
    expect(blocked.structuredContent).toMatchObject({ status: 'blocked_scope', error: { code: 'governance_required' } })
    const { token } = await rutter.ok('request_global_write_approval', { content_preview: 'Save a global pattern' })
    const args = { pattern: SEED_PATTERN, project_id: 'my-project', governance_token: token }
    expect(await rutter.ok('save_pattern', args)).toMatchObject({ ...SAVED, dedup_outcome: 'new' })
  })

  it('save_decision in global scope takes the token of request_global_write_approval, which no redaction spoils', async () => {
    const asked = { content_preview: 'Save global decision: load scoped graph memory before planning' }
    const approval = await rutter.ok('request_global_write_approval', asked)
    expect(approval).toMatchObject({ token: expect.any(String), ttl_seconds: 60, expires_at: expect.any(String) })
    const args = { decision: GLOBAL_DECISION, project_id: 'my-project', governance_token: approval.token }
    expect(await rutter.ok('save_decision', args)).toMatchObject({ ...SAVED, dedup_outcome: 'new' })
  })

  it('store_session_with_learnings has two decisions of which the second supersedes, and a known pattern', async () => {
    const project_id = 'store-project'
    const pattern = { ...SEED_PATTERN, scope: 'project' }
    const known = await rutter.ok('save_pattern', { pattern, project_id })
    const second = { ...SEED_DECISION, title: 'Use SHA-512 + Jaccard for decision dedup' }
    const batch = {
      ...{ session: SEED_SESSION, decisions: [SEED_DECISION, second], patterns: [pattern], project_id },
      idempotency_key: '6e8f6b0a-3d1c-4c55-9a32-8a4a0c1b7d21',
    }
    const answer = await rutter.ok('store_session_with_learnings', batch)
    expect(answer.overall).toBe('saved')
    const outcomes = (of: Json) => [...of.decisions, ...of.patterns].map((one: Json) => one.dedup_outcome)
    expect(outcomes(answer)).toEqual(['new', 'supersede', 'duplicate_skip'])
    expect(answer.decisions[1].candidate_id).toBe(answer.decisions[0].artifact_id)
    expect(answer.patterns[0].artifact_id).toBe(known.artifact_id)

    const retried = await rutter.ok('store_session_with_learnings', batch)
    expect(retried.session.artifact_id).toBe(answer.session.artifact_id)
    expect(outcomes(retried)).toEqual(['duplicate_skip', 'duplicate_skip', 'duplicate_skip'])
    const idsOf = (of: Json) => of.decisions.map((one: Json) => one.artifact_id)
    expect(idsOf(retried)).toEqual(idsOf(answer))
  })

  it('memory_surface finds what was saved, and memory_review lists what waits', async () => {
    const found = await rutter.ok('memory_surface', { query: 'jaccard dedup', project_id: 'my-project' })
    expect(found.matches.length).toBeGreaterThan(0)
    expect(await rutter.ok('memory_review', { action: 'list' })).toEqual({ reviews: [], resolved: null })
  })

  it('retrieve_context gives what is in force of a focus, its project and all projects, one behind the other', async () => {
    const auth = { project_id: 'my-project', focus: 'auth-refactor' }
    const decision = decisionOf('Keep authentication tokens for an hour', { scope: 'focus' })
    const { artifact_id } = await rutter.ok('save_decision', { decision, ...auth })
    const asked = { ...auth, scope: 'project', categories: ['Decision', 'Pattern'], topic: 'authentication' }
    const answer = await rutter.ok('retrieve_context', asked)
    expect(answer.retrieval_status).toBe('succeeded')
    expect(answer.items.map((item: Json) => item.id)).toContain(artifact_id)
  })
})

describe('arguments that may be left out', () => {
  let rutter: Rutter
  beforeAll(async () => {
    rutter = await connect(repository())
  })
  const none = { project_id: null, focus: null, session_id: null }
  const noToken = { governance_token: null }

  it('may be null as well, in every tool that saves', async () => {
    const decision = { ...decisionOf('A title'), supersedes: null }
    await rutter.ok('save_decision', { decision, ...none, ...noToken })
    await rutter.ok('save_pattern', { pattern: patternOf('A trigger'), ...none, ...noToken })
    await rutter.ok('save_session', { session: SEED_SESSION, ...none, idempotency_key: null })
    const batch = { session: SEED_SESSION, ...none, ...noToken, idempotency_key: null }
    await rutter.ok('store_session_with_learnings', batch)
    await rutter.ok('memory_review', { action: 'list', id: null, resolution: null, project_id: null })
    await rutter.ok('memory_surface', { query: 'title', project_id: null })
  })

  it('may be null where they have a default: exclusions, confidence', async () => {
    await rutter.ok('save_pattern', { pattern: { ...patternOf('Another trigger'), exclusions: null } })
    await rutter.ok('save_decision', { decision: { ...decisionOf('Another title'), confidence: null } })
  })

  it('may be null where they have a default: decisions, patterns, limit', async () => {
    await rutter.ok('store_session_with_learnings', { session: SEED_SESSION, decisions: null, patterns: null })
    await rutter.ok('memory_surface', { query: 'title', limit: null })
  })
})

describe('an answer that says no', () => {
  let rutter: Rutter
  beforeAll(async () => {
    rutter = await connect(repository())
  })

  it('is marked as an error where something is blocked or failed, and keeps the form of a result', async () => {
    const foreign = { ...decisionOf('A title'), supersedes: 'no-such-id' }
    const cases: [string, Json, Json][] = [
      ['save_decision', { decision: GLOBAL_DECISION }, { status: 'blocked_scope', code: 'governance_required' }],
      ['save_pattern', { pattern: SEED_PATTERN }, { status: 'blocked_scope', code: 'governance_required' }],
      ['save_decision', { decision: foreign }, { status: 'failed', code: 'artifact_not_found' }],
    ]
    for (const [name, args, { status, code }] of cases) {
      const result = await rutter.call(name, args)
      expect(result.structuredContent).toMatchObject({ status, artifact_id: null, error: { code } })
      expect(result.isError, name).toBe(true)
    }
  })

  it('is none where a text waits for review: it was kept, and the answer says what to do', async () => {
    await rutter.ok('save_decision', { decision: decisionOf(words(10)) })
    const waits = await rutter.ok('save_decision', { decision: decisionOf(`${words(7)} a b c`) })
    expect(waits).toMatchObject({ status: 'failed', dedup_outcome: 'manual_review', similarity: 0.5385 })
    const { reviews, resolved } = await rutter.ok('memory_review', {
      ...{ action: 'resolve', id: waits.review_id, resolution: 'keep_both' },
    })
    expect(reviews).toEqual([])
    expect(resolved).toMatchObject(SAVED)
  })

  it('names the item and the field of what has the wrong shape, and writes nothing', async () => {
    const before = everyByte(rutter.root)
    const decisions = [SEED_DECISION, { ...SEED_DECISION, confidence: 'high' }]
    const error = await rutter.refused('store_session_with_learnings', { session: SEED_SESSION, decisions })
    expect(error).toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('decisions.1.confidence'),
    })
    expect((await rutter.refused('save_decision', { decision: decisionOf('...') })).message).toContain('no word')
    expect((await rutter.refused('save_session', { session: SEED_SESSION, session_id: 'x' })).code).toBe(
      'session_not_found',
    )
    expect((await rutter.refused('memory_review', { action: 'resolve' })).code).toBe('invalid_argument')
    expect(everyByte(rutter.root)).toEqual(before)
  })
})

describe('a session and what it learned', () => {
  it('are linked, also after it has ended; two servers of one repository share one memory', async () => {
    const root = repository()
    const [one, two] = [await connect(root), await connect(root)]
    const { session_id } = await one.start()
    const { artifact_id } = await one.ok('save_decision', { decision: SEED_DECISION })
    expect(await two.ok('save_decision', { decision: SEED_DECISION })).toMatchObject({
      dedup_outcome: 'duplicate_skip',
      artifact_id,
    })
    await one.ok('session_update', { status: 'stopped' })
    await one.ok('save_session', { session: SEED_SESSION })
    const { matches } = await two.ok('memory_surface', { query: 'dedup', limit: 10 })
    const saved = matches.filter(({ kind }: Json) => kind === 'decision' || kind === 'summary')
    expect(saved.map((match: Json) => match.session_id)).toEqual(saved.map(() => session_id))
    expect(saved).toHaveLength(2)
  })
})
