import { describe, expect, it } from 'vitest'
import { perform } from '../../../src/app/operation.ts'
import { retrieveContext } from '../../../src/app/operations/retrieve_context.ts'
import { decision, NOW, pattern, type Remembered, readingContext, sessionWith, summary } from '../../support/memory.ts'

const retrieve = (remembered: Remembered, input: object = {}) =>
  perform(retrieveContext, readingContext(remembered), input)
const names = async (remembered: Remembered, input: object = {}) =>
  (await retrieve(remembered, input)).items.map(({ title, trigger, objective }) => title ?? trigger ?? objective)
const many = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i))
const daysAgo = (days: number) => new Date(Date.parse(NOW) - days * 86_400_000).toISOString()

describe('the order of a brief', () => {
  it('within a scope is freshness, then confidence, then what was said last', async () => {
    const artifacts = [
      decision('yesterday, doubted', { days: 1, confidence: 0.5 }),
      decision('yesterday', { days: 1 }),
      decision('today', {}),
      decision('last month', { days: 20 }),
      decision('two months ago, sure', { days: 60 }),
    ]
    const wanted = ['today', 'yesterday', 'yesterday, doubted', 'last month', 'two months ago, sure']
    expect(await names({ artifacts })).toEqual(wanted)
  })

  it('puts an old decision that a later session said again beside what is new, and calls it fresh', async () => {
    const again = { ...decision('old, said again', { days: 90, session_id: 's-1' }), sessions: ['s-1', 's-2'] }
    const sessions = [{ ...sessionWith('s-2', []), start_time: daysAgo(2) }]
    const artifacts = [decision('new', { days: 3 }), decision('old', { days: 80 }), again]
    expect(await names({ artifacts, sessions })).toEqual(['old, said again', 'new', 'old'])
    expect((await retrieve({ artifacts, sessions })).items[0]).toMatchObject({
      freshness: 'current',
      saved_at: daysAgo(90),
    })
    expect(await names({ artifacts }), 'of a session that is not known here').toEqual(['new', 'old', 'old, said again'])
  })

  it('of patterns goes by when they were last found valid', async () => {
    const artifacts = [pattern('new', { days: 2 }), pattern('valid again', { days: 90, validated: 1 })]
    expect(await names({ artifacts })).toEqual(['valid again', 'new'])
  })

  it('finds what was said again among more than it shows', async () => {
    const again = { ...decision('said again', { days: 99, session_id: 's-1' }), sessions: ['s-1', 's-2'] }
    const sessions = [{ ...sessionWith('s-2', []), start_time: NOW }]
    const artifacts = [...many(60, (i) => decision(`d ${i}`, { days: i })), again]
    expect((await names({ artifacts, sessions }))[1]).toBe('said again')
  })

  it('of open work is the newest first, and that of a named focus before the others', async () => {
    const left = (open: string, days: number, focus?: string) =>
      summary(open, { days, open_items: [open], ...(focus === undefined ? {} : { scope: 'focus', focus }) })
    const artifacts = [left('auth work', 2, 'auth'), left('project work', 1), left('web work', 0, 'web')]
    expect((await retrieve({ artifacts })).open_items).toEqual(['web work', 'project work', 'auth work'])
    expect((await retrieve({ artifacts }, { focus: 'auth' })).open_items).toEqual(['auth work', 'project work'])
  })
})

describe('scarce room', () => {
  const rationale = 'because it was tried and found good. '.repeat(8)
  const artifacts = [
    ...many(9, (i) => decision(`project ${i}`, { rationale })),
    ...many(9, (i) => decision(`auth ${i}`, { rationale, scope: 'focus', focus: 'auth' })),
    ...many(4, (i) => decision(`everywhere ${i}`, { rationale, scope: 'global' })),
  ]
  const scopes = async (input: object) => (await retrieve({ artifacts }, input)).items.map(({ scope }) => scope)

  it('is the named focus first, then the project', async () => {
    expect(new Set(await scopes({ focus: 'auth', max_tokens: 900 }))).toEqual(new Set(['focus']))
    expect(new Set(await scopes({ focus: 'auth', max_items: 10 }))).toEqual(new Set(['focus', 'project']))
  })

  it('is the project first where no focus was named, in an answer that has what is nearest first all the same', async () => {
    expect(new Set(await scopes({ max_tokens: 900 }))).toEqual(new Set(['project']))
    expect(await scopes({ max_items: 11 })).toEqual(['focus', 'focus', ...many(9, () => 'project')])
  })
})
