import { describe, expect, it } from 'vitest'
import { BRIEF_KINDS } from '../../../src/app/memory/brief-shape.ts'
import { briefText } from '../../../src/app/memory/brief-text.ts'
import { perform } from '../../../src/app/operation.ts'
import { retrieveContext } from '../../../src/app/operations/retrieve_context.ts'
import { Refusal } from '../../../src/domain/refusal.ts'
import { refusalOf } from '../../support/book.ts'
import {
  decision,
  NOW,
  pattern,
  type Remembered,
  readingContext,
  review,
  sessionWith,
  summary,
} from '../../support/memory.ts'

const retrieve = (remembered: Remembered, input: object = {}) =>
  perform(retrieveContext, readingContext(remembered), input)
/** Enough for everything, so that only the limits on items bind. */
const ROOMY = { max_tokens: 100_000 }
const many = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i))

describe('a brief', () => {
  it('of a project without memory is empty, and says so without an error', async () => {
    expect(await retrieve({})).toEqual({
      retrieval_status: 'empty',
      scope_state: 'resolved',
      open_items: [],
      next_actions: [],
      items: [],
      conflicts_found: false,
      conflicts: [],
      reviews: [],
      truncated_scopes: [],
      left_out: null,
      as_of: NOW,
      message: null,
    })
  })

  it('tells each thing with its kind, scope, freshness, text and the session that it came from', async () => {
    const { items, open_items, next_actions } = await retrieve({
      artifacts: [
        decision('Use SQLite', { id: 'd-1', days: 8, session_id: 's-7', confidence: 0.8 }),
        pattern('A release is due', { id: 'p-1', days: 90, validated: 2, steps: ['tag', 'push'] }),
        summary('Move the store', {
          id: 's-1',
          days: 1,
          actions_taken: ['Moved it'],
          open_items: ['Drop the old one'],
          next_actions: ['Tell ops'],
        }),
      ],
    })
    expect(open_items).toEqual(['Drop the old one'])
    expect(next_actions).toEqual(['Tell ops'])
    const common = { scope: 'project', saved_at: expect.any(String) }
    expect(items).toEqual([
      {
        ...common,
        id: 'd-1',
        kind: 'decision',
        freshness: 'recent',
        title: 'Use SQLite',
        rationale: 'It was tried.',
        confidence: 0.8,
        session_id: 's-7',
      },
      {
        ...common,
        id: 's-1',
        kind: 'summary',
        freshness: 'current',
        objective: 'Move the store',
        actions_taken: ['Moved it'],
        session_id: 's-1',
      },
      {
        ...common,
        id: 'p-1',
        kind: 'pattern',
        freshness: 'current',
        trigger: 'A release is due',
        repeatable_steps: ['tag', 'push'],
        session_id: 's-1',
      },
    ])
  })

  it('puts focus before project before global, and names the focus', async () => {
    const artifacts = [
      decision('everywhere', { scope: 'global' }),
      decision('in the project', { days: 1 }),
      decision('in auth', { scope: 'focus', focus: 'auth', days: 2 }),
      decision('in web', { scope: 'focus', focus: 'web', days: 3 }),
    ]
    const titles = async (input: object) => (await retrieve({ artifacts }, input)).items.map(({ title }) => title)
    expect(await titles({})).toEqual(['in auth', 'in web', 'in the project', 'everywhere'])
    expect(await titles({ focus: 'auth' })).toEqual(['in auth', 'in the project', 'everywhere'])
    expect(await titles({ scope: 'focus' })).toEqual(['in auth', 'in web', 'in the project', 'everywhere'])
    expect(await titles({ scope: 'project' })).toEqual(['in the project', 'everywhere'])
    expect(await titles({ scope: 'project', focus: 'web' })).toEqual(['in web', 'in the project', 'everywhere'])
    expect(await titles({ scope: 'global' })).toEqual(['everywhere'])
    const [first] = (await retrieve({ artifacts }, { focus: 'auth' })).items
    expect(first).toMatchObject({ scope: 'focus', focus: 'auth' })
  })

  it('has at most 10, 20 and 5 items of the scopes, and tells which had more', async () => {
    const artifacts = [
      ...many(11, (i) => decision(`focus ${i}`, { scope: 'focus', focus: 'auth' })),
      ...many(20, (i) => decision(`project ${i}`)),
      ...many(6, (i) => decision(`global ${i}`, { scope: 'global' })),
    ]
    const { items, truncated_scopes } = await retrieve({ artifacts }, ROOMY)
    const counted = (scope: string) => items.filter((item) => item.scope === scope).length
    expect([counted('focus'), counted('project'), counted('global')]).toEqual([10, 20, 5])
    expect(truncated_scopes).toEqual(['focus', 'global'])
  })

  it('has as many items as max_items says, the nearest first, and more of each scope where it says more', async () => {
    const artifacts = [
      ...many(12, (i) => decision(`focus ${i}`, { scope: 'focus', focus: 'auth' })),
      ...many(12, (i) => pattern(`project ${i}`)),
    ]
    const few = await retrieve({ artifacts }, { ...ROOMY, max_items: 3, focus: 'auth' })
    expect(few.items.map(({ scope }) => scope)).toEqual(['focus', 'focus', 'focus'])
    expect(few.truncated_scopes).toEqual(['focus', 'project'])
    const all = await retrieve({ artifacts }, { ...ROOMY, max_items: 70 })
    expect(all.items).toHaveLength(24)
    expect(all.truncated_scopes).toEqual([])
  })

  it('lets no kind push the others out', async () => {
    const artifacts = [
      ...many(50, (i) => decision(`d ${i}`)),
      ...many(50, (i) => pattern(`p ${i}`)),
      ...many(50, (i) => summary(`s ${i}`)),
    ]
    const sessions = [sessionWith('s-1', ['boom', 'boom'])]
    const { items } = await retrieve({ artifacts, sessions }, ROOMY)
    const counted = Object.fromEntries(BRIEF_KINDS.map((kind) => [kind, items.filter((i) => i.kind === kind).length]))
    expect(counted).toEqual({ decision: 11, pattern: 5, summary: 3, error: 1 })
    expect(items[0]?.kind).toBe('decision')
  })

  it('puts what is fresh and sure before what is old or doubted', async () => {
    const { items } = await retrieve({
      artifacts: [
        decision('old', { days: 60 }),
        decision('doubted', { days: 0, confidence: 0.3 }),
        decision('sure', { days: 5 }),
        decision('newer', { days: 4 }),
      ],
    })
    expect(items.map(({ title }) => title)).toEqual(['newer', 'sure', 'doubted', 'old'])
  })

  it('never tells what was superseded or forgotten', async () => {
    const artifacts = [
      decision('old secret', { superseded_by: ['d-2'] }),
      decision('gone secret', { forgotten: true }),
      summary('x', { forgotten: true, open_items: ['secret'] }),
      decision('new', { id: 'd-2' }),
    ]
    for (const input of [{}, { topic: 'secret new' }]) {
      const answer = await retrieve({ artifacts }, input)
      expect(answer.items.map(({ title }) => title)).toEqual(['new'])
      expect(JSON.stringify(answer)).not.toContain('secret')
    }
  })

  it('reads another project, and says of its items whose they are', async () => {
    const artifacts = [decision('theirs', { project_id: 'borealis' }), decision('ours')]
    const answer = await retrieve(
      { artifacts, sessions: [sessionWith('s-1', ['boom', 'boom'])] },
      { project_id: 'borealis' },
    )
    expect(answer.items).toMatchObject([{ title: 'theirs', project_id: 'borealis' }])
    expect(answer.items).toHaveLength(1)
    expect(answer.scope_state).toBe('resolved')
    expect((await retrieve({ artifacts })).items[0]).not.toHaveProperty('project_id')
  })
})

describe('what went wrong lately', () => {
  it('is told where it came more than once, with how often', async () => {
    const sessions = [
      sessionWith('s-2', ['Timeout after 30 ms', 'once only'], 1),
      sessionWith('s-1', ['timeout after 31 ms', 'Timeout after 45 ms'], 2),
    ]
    const { items, retrieval_status } = await retrieve({ sessions })
    expect(retrieval_status).toBe('succeeded')
    expect(items).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        kind: 'error',
        scope: 'project',
        freshness: 'current',
        message: 'Timeout after 30 ms',
        times: 3,
        sessions: 2,
        session_id: 's-2',
        saved_at: expect.any(String),
      },
    ])
    expect((await retrieve({ sessions })).items[0]?.id).toBe(items[0]?.id)
  })
})

describe('conflicts', () => {
  const rival = (i: number) => ({ id: `rival-${i}`, supersedes: 'd-0', days: 40 })
  const pair = [decision('a', { id: 'd-a' }), decision('b', { id: 'd-b' })]

  it('are two decisions in force that took the place of the same one', async () => {
    const artifacts = [decision('a', { id: 'd-a', supersedes: 'd-0' }), decision('b', { id: 'd-b', supersedes: 'd-0' })]
    const answer = await retrieve({ artifacts })
    expect(answer).toMatchObject({ retrieval_status: 'conflicted', conflicts_found: true })
    expect(answer.conflicts).toEqual([
      { ids: ['d-a', 'd-b'], titles: ['a', 'b'], why: expect.stringContaining('same decision') },
    ])
  })

  it('are two that a review kept both, and two that met in a merge', async () => {
    const kept = review('d-a', { status: 'resolved', resolution: 'keep_both', artifact_id: 'd-b' })
    const twins = review('d-a', { reason: 'merged_twins', artifact_id: 'd-b' })
    for (const one of [kept, twins]) {
      const answer = await retrieve({ artifacts: pair, reviews: [one] })
      expect(answer).toMatchObject({ retrieval_status: 'conflicted', conflicts: [{ ids: ['d-a', 'd-b'] }] })
    }
    expect((await retrieve({ artifacts: pair, reviews: [kept, twins] })).conflicts).toHaveLength(1)
  })

  it('are told with the review in which somebody may end them, which is not said to keep them out of force', async () => {
    const twins = review('d-a', { id: 'r-1', reason: 'merged_twins', artifact_id: 'd-b' })
    const answer = await retrieve({ artifacts: pair, reviews: [twins] })
    expect(answer.conflicts).toMatchObject([{ titles: ['a', 'b'], review_id: 'r-1' }])
    expect(answer.reviews).toEqual([])
    expect(briefText(answer)).toContain('"a" and "b": Both came in by a merge')
    expect(briefText(answer)).toContain('(memory_review r-1)')
  })

  it('are told although the items have no room for the two, by their ids', async () => {
    const artifacts = [...many(30, (i) => decision(`d ${i}`)), ...many(2, (i) => decision(`rival ${i}`, rival(i)))]
    const answer = await retrieve({ artifacts }, ROOMY)
    expect(answer.conflicts).toMatchObject([{ ids: ['rival-0', 'rival-1'] }])
    expect(briefText(answer)).toContain('"rival 0" (rival-0) and "rival 1" (rival-1): Both took the place')
  })

  it('are told where a topic finds only one of the two', async () => {
    const kept = review('d-a', { status: 'resolved', resolution: 'keep_both', artifact_id: 'd-b' })
    const artifacts = [decision('apples', { id: 'd-a' }), decision('pears', { id: 'd-b' })]
    const answer = await retrieve({ artifacts, reviews: [kept] }, { topic: 'apples' })
    expect(answer.conflicts).toMatchObject([{ titles: ['apples', 'pears'] }])
    expect(answer.items).toHaveLength(1)
  })

  it('are none where one of the two is no longer in force, or the review ended otherwise', async () => {
    const kept = review('d-a', { status: 'resolved', resolution: 'keep_both', artifact_id: 'd-b' })
    const artifacts = [decision('a', { id: 'd-a', superseded_by: ['d-c'] }), decision('b', { id: 'd-b' })]
    const discarded = review('d-a', { status: 'resolved', resolution: 'discard', artifact_id: 'd-b' })
    for (const remembered of [
      { artifacts, reviews: [kept] },
      { artifacts: pair, reviews: [discarded] },
    ]) {
      const answer = await retrieve(remembered)
      expect(answer).toMatchObject({ retrieval_status: 'succeeded', conflicts_found: false, conflicts: [] })
    }
  })

  it('are told apart from decisions that wait for review, which are not in force', async () => {
    const answer = await retrieve({ artifacts: pair, reviews: [review('d-a', { id: 'r-1', similarity: 0.61234 })] })
    expect(answer).toMatchObject({ retrieval_status: 'succeeded', conflicts_found: false })
    expect(answer.reviews).toEqual([
      { id: 'r-1', title: 'Waits', candidate_id: 'd-a', similarity: 0.61, reason: 'similar' },
    ])
    expect(answer.items.map(({ title }) => title)).not.toContain('Waits')
  })
})

describe('a topic', () => {
  it('leaves what speaks of it, open items and errors included', async () => {
    const answer = await retrieve(
      {
        artifacts: [
          decision('Cache prices on disk', { days: 3 }),
          decision('Use tabs'),
          summary('Price list', {
            open_items: ['Refresh the cached prices daily', 'Buy milk'],
            next_actions: ['Sleep'],
          }),
        ],
        sessions: [sessionWith('s-1', ['price list is gone', 'price list is gone', 'disk full', 'disk full'])],
      },
      { topic: 'price caching' },
    )
    expect(answer.items.map((item) => item.title ?? item.objective ?? item.message).sort()).toEqual([
      'Cache prices on disk',
      'Price list',
      'price list is gone',
    ])
    expect(answer.open_items).toEqual(['Refresh the cached prices daily'])
    expect(answer.next_actions).toEqual([])
  })

  it('that nothing speaks of is named, and nobody is told that nothing was saved', async () => {
    const answer = await retrieve({ artifacts: [decision('Use tabs')] }, { topic: 'price' })
    expect(answer).toMatchObject({ retrieval_status: 'empty', message: expect.stringContaining('speaks of "price"') })
    expect(briefText(answer)).not.toContain('Nothing was saved')
  })

  it('of white space is none', async () => {
    expect((await retrieve({ artifacts: [decision('a')] }, { topic: '  ' })).items).toHaveLength(1)
  })
})

describe('categories', () => {
  const remembered = {
    artifacts: [decision('d'), pattern('p'), summary('s', { open_items: ['o'] })],
    sessions: [sessionWith('s-1', ['boom', 'boom'])],
  }

  it.each([
    [['Decision'], ['decision']],
    [['PATTERN', 'pattern'], ['pattern']],
    [['Session'], ['summary']],
    [['error'], ['error']],
    [[], ['decision', 'error', 'pattern', 'summary']],
    [null, ['decision', 'error', 'pattern', 'summary']],
  ])('%j give items of %j only', async (categories, kinds) => {
    const { items, open_items } = await retrieve(remembered, { categories })
    expect(items.map(({ kind }) => kind).sort()).toEqual(kinds)
    expect(open_items).toEqual(kinds.includes('summary') ? ['o'] : [])
  })

  it.each([['Context'], ['decisions'], [''], [7]])('refuse %j, with what is allowed', async (unknown) => {
    const refusal = await refusalOf(() => retrieve(remembered, { categories: ['decision', unknown] }))
    expect(refusal.code).toBe('invalid_argument')
    for (const allowed of BRIEF_KINDS) expect(refusal.message).toContain(`"${allowed}"`)
    expect(refusal.message).toContain('categories.1')
  })

  it('that nothing fits are said to be the reason', async () => {
    const answer = await retrieve({ artifacts: [pattern('p')] }, { categories: ['decision'] })
    expect(answer).toMatchObject({ retrieval_status: 'empty', message: expect.stringContaining('categories') })
  })

  it('of summaries alone give as many as there is room for', async () => {
    const artifacts = many(9, (i) => summary(`s ${i}`))
    expect((await retrieve({ artifacts }, { ...ROOMY, categories: ['summary'] })).items).toHaveLength(9)
    expect((await retrieve({ artifacts }, ROOMY)).items).toHaveLength(3)
  })
})

describe('where it was looked', () => {
  const artifacts = [decision('a', { scope: 'focus', focus: 'auth' })]

  it('is resolved where project and focus are known', async () => {
    expect(await retrieve({ artifacts }, { focus: 'auth' })).toMatchObject({ scope_state: 'resolved', message: null })
    expect(await retrieve({ artifacts }, { project_id: 'atlas' })).toMatchObject({ scope_state: 'resolved' })
  })

  it('is uncertain where a focus or project is not known yet, naming those that are', async () => {
    const focus = await retrieve({ artifacts }, { focus: 'aut' })
    expect(focus).toMatchObject({ scope_state: 'uncertain', retrieval_status: 'empty' })
    expect(focus.message).toContain('"auth"')
    const project = await retrieve({ artifacts }, { project_id: 'atlsa' })
    expect(project).toMatchObject({ scope_state: 'uncertain', retrieval_status: 'empty' })
    expect(project.message).toContain('"atlas"')
  })

  it('is unresolved where a project is not known and the settings allow no new one', async () => {
    const answer = await retrieve({ artifacts, strict_projects: true }, { project_id: 'atlsa' })
    expect(answer.scope_state).toBe('unresolved')
  })

  it('leaves out what is global where that book cannot be read, and says so', async () => {
    const globalFails = new Refusal('store_unavailable', 'The global book is on a disk that is gone.')
    const answer = await retrieve({ artifacts, globalFails })
    expect(answer).toMatchObject({ retrieval_status: 'succeeded', truncated_scopes: ['global'] })
    expect(answer.message).toContain('on a disk that is gone')
    expect(answer.items).toHaveLength(1)
  })

  it('fails with whatever else is wrong', async () => {
    await expect(retrieve({ artifacts, globalFails: new Error('a bug') })).rejects.toThrow('a bug')
  })
})

describe('the text of a brief', () => {
  it('says what the JSON says, one line each, so that no text can begin a heading of its own', async () => {
    const answer = await retrieve({
      artifacts: [
        decision('Use\n# SQLite', {
          id: 'd-a',
          rationale: 'Small.\n## Not a heading',
          scope: 'focus',
          focus: 'db',
          supersedes: 'd-0',
          confidence: 0.9,
        }),
        decision('Use files', { id: 'd-b', scope: 'focus', focus: 'db', supersedes: 'd-0' }),
        pattern('Release', { steps: ['tag', 'push'] }),
        summary('Moved', {
          actions_taken: ['Moved it'],
          open_items: ['Drop\nthe old one'],
          next_actions: ['Tell ops'],
        }),
      ],
      reviews: [review('d-a', { id: 'r-1' })],
      sessions: [sessionWith('s-9', ['boom', 'boom'])],
    })
    const text = briefText(answer)
    expect(text.split('\n').filter((line) => line.startsWith('#'))).toEqual([
      `# Brief, as of ${NOW}`,
      '## Open',
      '## Next',
      '## In conflict',
      '## Decisions in force',
      '## Patterns',
      '## What went wrong more than once',
      '## Last sessions',
      '## Waiting for review, not in force',
    ])
    for (const said of [
      'Drop the old one',
      'Tell ops',
      '"Use # SQLite" and "Use files": Both took',
      '**Use # SQLite**: Small. ## Not a heading',
      'confidence 0.9',
    ])
      expect(text).toContain(said)
    for (const said of [
      'tag; push',
      'boom — 2 times in one session',
      'session s-9',
      '"Waits" (review r-1): 60 % like "Use # SQLite"',
    ])
      expect(text).toContain(said)
  })

  it('has whole ids where a tool takes them, and the session of what has no lineage to look up', async () => {
    const id = (digit: string) => `${digit.repeat(8)}-0000-4000-8000-000000000000`
    const text = briefText(
      await retrieve({
        artifacts: [
          decision('Use SQLite', { id: id('1'), session_id: 's-1' }),
          pattern('Release', { id: id('2'), session_id: 's-2' }),
          summary('Moved', { id: id('3'), session_id: 's-3' }),
          pattern('Alone', { id: id('4'), session_id: null, scope: 'global', days: 31 }),
        ],
        reviews: [review(id('1'), { id: id('5'), reason: 'negation' })],
      }),
    )
    const lines = text.split('\n').filter((line) => line.startsWith('- '))
    expect(lines).toEqual([
      `- **Use SQLite**: It was tried. (2026-11-21, id ${id('1')})`,
      '- **Release**: do it. (2026-11-21, session s-2)',
      '- **Alone**: do it. (all projects, stale, 2026-10-21)',
      '- **Moved**. (2026-11-21, session s-3)',
      `- "Waits" (review ${id('5')}): 60 % like "Use SQLite", but for a word that turns the meaning round`,
    ])
  })

  it('ends in one line of what was left out', async () => {
    const answer = await retrieve({ artifacts: many(30, (i) => decision(`d ${i}`)) }, ROOMY)
    expect(answer.left_out).toBe('Left out: 10 decisions. More with max_items 53 or a topic.')
    expect(briefText(answer).split('\n').at(-1)).toBe(answer.left_out)
  })

  it('leaves no item open that a later session did', async () => {
    const artifacts = [
      summary('Cut over', { actions_taken: ['Dropped the old table'], open_items: ['Tell the users'] }),
      summary('Move', { days: 1, open_items: ['Drop the old table', 'Tell the users'], next_actions: ['Cut over'] }),
    ]
    const text = briefText(await retrieve({ artifacts }))
    expect(text.match(/Tell the users/g)).toHaveLength(1)
    expect(text).not.toContain('Drop the old table')
  })

  it('of nothing says that there is nothing', async () => {
    const text = briefText(await retrieve({}))
    expect(text.split('\n')).toEqual([
      `# Brief, as of ${NOW}`,
      '',
      expect.stringMatching(/^Nothing was saved here yet\. /),
    ])
  })
})
