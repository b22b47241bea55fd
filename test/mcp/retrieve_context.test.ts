import { afterEach, describe, expect, it } from 'vitest'
import { vocabularyTokens } from '../../src/machine/tokens.ts'
import { aDecision, aPattern, aSummary } from '../support/learnings.ts'
import { connect, everyByte, type Json, type Rutter, repository, tidyUp } from '../support/mcp-client.ts'

afterEach(tidyUp)

const titles = ({ items }: Json) =>
  items.map((item: Json) => item.title ?? item.trigger ?? item.objective ?? item.message)

async function learn(rutter: Rutter, over: object = {}): Promise<Json> {
  return await rutter.ok('store_session_with_learnings', {
    session: aSummary(),
    decisions: [aDecision('Use SQLite')],
    patterns: [aPattern('A release is due')],
    ...over,
  })
}

describe('retrieve_context', () => {
  it('gives the next agent what a session left and learned, with the session that it came from', async () => {
    const root = repository()
    const first = await connect(root)
    const { session_id } = await first.start()
    const saved = await learn(first)
    expect(saved.overall).toBe('saved')
    await first.close()

    const answer = await (await connect(root)).ok('retrieve_context')
    expect(answer).toMatchObject({
      retrieval_status: 'succeeded',
      scope_state: 'resolved',
      open_items: ['Drop the old files'],
      next_actions: ['Measure the rebuild'],
      conflicts_found: false,
      truncated_scopes: [],
      message: null,
    })
    expect(titles(answer)).toEqual(['Use SQLite', 'Move the store to SQLite', 'A release is due'])
    for (const item of answer.items) expect(item).toMatchObject({ session_id, freshness: 'current', scope: 'project' })
    expect(answer.items[0].id).toBe(saved.decisions[0].artifact_id)
  })

  it('tells of a task that a run had begun when it was cut short, until somebody marks it done', async () => {
    const first = await connect(repository())
    const { session_id } = await first.start()
    await first.ok('task_add', { tasks: [{ task_id: 'login', title: 'Build the login' }] })
    await first.ok('session_update', { current_task_id: 'login' })
    const second = await connect(first.root, { args: ['--slot', 'other'] })
    expect(await second.ok('retrieve_context')).toMatchObject({ retrieval_status: 'empty', open_items: [] })
    await first.client.close()
    const text = `Task login (Build the login) was begun in session ${session_id} and is not marked done.`
    expect(await second.ok('retrieve_context')).toMatchObject({ retrieval_status: 'succeeded', open_items: [text] })
    await second.start()
    expect(await second.ok('retrieve_context')).toMatchObject({ open_items: [text] })
    await second.ok('task_mark_done', { task_id: 'login' })
    expect(await second.ok('retrieve_context')).toMatchObject({ open_items: [] })
  })

  it('has a decision in force and not the one that it superseded, and an open item until a later session did it', async () => {
    const rutter = await connect(repository())
    await rutter.start()
    const { artifact_id } = await rutter.ok('save_decision', { decision: aDecision('Store it in files') })
    await rutter.ok('save_decision', {
      decision: aDecision('Keep everything in PostgreSQL', { supersedes: artifact_id }),
    })
    await rutter.ok('save_session', { session: aSummary({ open_items: ['Drop the old files', 'Tell the users'] }) })
    expect(titles(await rutter.ok('retrieve_context', { categories: ['Decision'] }))).toEqual([
      'Keep everything in PostgreSQL',
    ])
    await rutter.ok('save_session', {
      session: aSummary({ actions_taken: ['Dropped the old files'], open_items: [], next_actions: [] }),
    })
    expect(await rutter.ok('retrieve_context')).toMatchObject({ open_items: ['Tell the users'] })
  })

  it('keeps focus, project and global apart and in this order', async () => {
    const rutter = await connect(repository())
    await rutter.start()
    const { token } = await rutter.ok('request_global_write_approval', { content_preview: 'Sign every commit' })
    await rutter.ok('save_decision', {
      decision: aDecision('Sign every commit', { scope: 'global' }),
      governance_token: token,
    })
    await rutter.ok('save_decision', { decision: aDecision('Use SQLite') })
    await rutter.ok('save_decision', { decision: aDecision('Rotate keys monthly', { scope: 'focus' }), focus: 'auth' })
    await rutter.ok('save_decision', { decision: aDecision('Render on the server', { scope: 'focus' }), focus: 'web' })
    expect(titles(await rutter.ok('retrieve_context', { focus: 'auth' }))).toEqual([
      'Rotate keys monthly',
      'Use SQLite',
      'Sign every commit',
    ])
    expect(titles(await rutter.ok('retrieve_context', { scope: 'global' }))).toEqual(['Sign every commit'])
    const elsewhere = await rutter.ok('retrieve_context', { project_id: 'elsewhere' })
    expect(titles(elsewhere)).toEqual(['Sign every commit'])
    expect(elsewhere).toMatchObject({ scope_state: 'uncertain', retrieval_status: 'succeeded' })
  })

  it('finds by topic, and tells errors that repeat', async () => {
    const rutter = await connect(repository())
    await rutter.start()
    await learn(rutter, { decisions: [aDecision('Use SQLite'), aDecision('Indent with tabs')] })
    for (const ms of [300, 450]) {
      await rutter.ok('session_record_failure', { outcome: 'failed', error: { message: `Timeout after ${ms} ms` } })
    }
    expect(titles(await rutter.ok('retrieve_context', { topic: 'tabs' }))).toEqual(['Indent with tabs'])
    const { items } = await rutter.ok('retrieve_context', { categories: ['error'] })
    expect(items).toMatchObject([{ kind: 'error', message: 'Timeout after 450 ms', times: 2, sessions: 1 }])
  })

  it('keeps the whole answer within max_tokens, as it is sent, and writes nothing', async () => {
    const rutter = await connect(repository())
    await rutter.start()
    for (let i = 0; i < 3; i++) {
      const decisions = Array.from({ length: 12 }, (_, n) =>
        aDecision(`Decision ${i}-${n} ${'abcdefghijklmno'.slice(n)}`, {
          rationale: `<|endoftext|> 決定 ${i}${n} `.repeat(40),
        }),
      )
      await learn(rutter, { decisions })
    }
    const tokens = vocabularyTokens()
    const before = everyByte(rutter.root)
    for (const max_tokens of [200, 333, 1000, 4000, null]) {
      const { content } = await rutter.call('retrieve_context', { max_tokens })
      const text = content[0]?.type === 'text' ? content[0].text : ''
      expect(await tokens.count(text), String(max_tokens)).toBeLessThanOrEqual(max_tokens ?? 4000)
      expect(JSON.parse(text).truncated_scopes).toContain('project')
    }
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('refuses what it does not take, and says what is allowed', async () => {
    const rutter = await connect(repository())
    const wrong: [object, RegExp][] = [
      [{ max_tokens: 199 }, /max_tokens must be at least 200/],
      [{ max_items: 0 }, /max_items must be at least 1/],
      [
        { categories: ['Context'] },
        /categories\.0 must be "decision" \| "pattern" \| "summary" \| "error"; given was "Context"/,
      ],
      [{ scope: 'team' }, /scope must be "global" \| "project" \| "focus"/],
      [{ project_id: '*' }, /project_id/],
      [{ budget: 1 }, /"budget" is not known/],
    ]
    for (const [args, message] of wrong) {
      const error = await rutter.refused('retrieve_context', { ...args })
      expect(error).toMatchObject({ code: 'invalid_argument', message: expect.stringMatching(message) })
    }
  })
})
