import fc from 'fast-check'
import { stemmer } from 'stemmer'
import { describe, expect, it } from 'vitest'
import { openWork } from '../../../src/domain/memory/open-items.ts'
import { Terms } from '../../../src/domain/memory/terms.ts'
import { canonicalText } from '../../../src/domain/memory/words.ts'
import { summary } from '../../support/memory.ts'

const terms = new Terms(stemmer)
const work = (...newestFirst: ReturnType<typeof summary>[]) => openWork(newestFirst, (text) => terms.of(text))
const open = (...newestFirst: ReturnType<typeof summary>[]) => work(...newestFirst).open_items.map(({ text }) => text)

/** Whether a later summary that did this leaves that open. */
const isOpenAfter = (item: string, ...actions_taken: string[]) =>
  open(summary('later', { actions_taken }), summary('first', { open_items: [item] })).includes(item)

describe('what sessions left to do', () => {
  it('is open while no later summary did it', () => {
    const item = 'Add rate limiting to the login endpoint'
    expect(open(summary('only', { open_items: [item] }))).toEqual([item])
    expect(isOpenAfter(item, 'Fixed the flaky build')).toBe(true)
    expect(isOpenAfter(item, 'Added rate limiting to the login endpoint')).toBe(false)
    expect(isOpenAfter(item, 'Implemented rate limits on the login endpoint, with tests')).toBe(false)
  })

  it('is done by what a later summary decided too', () => {
    const later = summary('later', { decisions_made: ['Chose PostgreSQL for the job queue'] })
    const first = summary('first', { next_actions: ['Choose PostgreSQL or Redis for the job queue'] })
    expect(work(later, first).next_actions).toEqual([])
  })

  it.each([
    ['Write tests for module A', 'Wrote tests for module B'],
    ['Fix test 12', 'Fixed test 13'],
    ['Upgrade to v2.1 of the parser', 'Upgraded to v2.0 of the parser'],
    ['Add the index on sessions', 'Did not add the index on sessions'],
    ['Migrate the user table to UUIDs', 'Started to migrate the user table to UUIDs'],
    ['Remove the legacy login flag', 'Tried to remove the legacy login flag'],
    ['Update the login docs', 'Updated the login page'],
    ['Deploy', 'Wrote about it'],
  ])('"%s" stays open after "%s"', (item, action) => {
    expect(isOpenAfter(item, action)).toBe(true)
  })

  it.each([
    ['Write tests for module A', 'Wrote the tests for module A'],
    ['Deploy', 'Deployed it'],
    ['Do not log the token', 'Made sure that we do not log the token'],
    ['???', '???'],
    ['修复 登录 页面', '修复 登录 页面 和 测试'],
  ])('"%s" is done after "%s"', (item, action) => {
    expect(isOpenAfter(item, action)).toBe(false)
  })

  it('is not done by several entries that each have a part of it', () => {
    expect(isOpenAfter('Cache the price list on disk', 'Read the price page', 'Wrote a list', 'Bought a disk')).toBe(
      true,
    )
  })

  it('is not done by its own summary, nor by an earlier one', () => {
    const both = summary('both', {
      actions_taken: ['Rotate the signing keys'],
      open_items: ['Rotate the signing keys'],
    })
    expect(open(both)).toEqual(['Rotate the signing keys'])
    const later = summary('later', { open_items: ['Rotate the signing keys'] })
    expect(open(later, both)).toEqual(['Rotate the signing keys'])
  })

  it('is given once when it is listed again, as the newest summary words it', () => {
    const newer = summary('newer', { next_actions: ['rotate the signing keys.'] })
    const older = summary('older', { open_items: ['Rotate the  signing keys'], next_actions: ['Tell ops'] })
    const { open_items, next_actions } = work(newer, older)
    expect(open_items).toEqual([])
    expect(next_actions.map(({ text, from }) => [text, from.text?.objective])).toEqual([
      ['rotate the signing keys.', 'newer'],
      ['Tell ops', 'older'],
    ])
  })

  it('knows of a room only what was said in that room', () => {
    const item = 'Rotate the signing keys'
    const did = { actions_taken: ['Rotated the signing keys'] }
    const inFocus = summary('first', { scope: 'focus', focus: 'auth', open_items: [item] })
    expect(open(summary('later', { scope: 'focus', focus: 'web', ...did }), inFocus)).toEqual([item])
    expect(open(summary('later', did), inFocus)).toEqual([item])
    expect(open(summary('later', { project_id: 'other', ...did }), summary('first', { open_items: [item] }))).toEqual([
      item,
    ])
    expect(open(summary('later', { scope: 'focus', focus: 'auth', ...did }), inFocus)).toEqual([])
  })

  it('leaves out blanks and what was forgotten', () => {
    expect(open(summary('only', { open_items: ['', '  ', '\n'] }))).toEqual([])
    expect(open(summary('gone', { open_items: ['secret'], forgotten: true }))).toEqual([])
  })
})

const word = fc.constantFrom(
  'add',
  'index',
  'login',
  'tests',
  'retry',
  'cache',
  'schema',
  'not',
  'tried',
  '7',
  'B',
  'docs',
  '',
)
const entry = fc.array(word, { maxLength: 6 }).map((words) => words.join(' '))
const list = fc.array(entry, { maxLength: 4 })
const anySummary = fc
  .record({
    actions_taken: list,
    decisions_made: list,
    open_items: list,
    next_actions: list,
    focus: fc.constantFrom('auth', 'web', undefined),
  })
  .map(({ focus, ...lists }) =>
    summary('any', { ...lists, ...(focus === undefined ? {} : ({ scope: 'focus', focus } as const)) }),
  )
const history = fc.array(anySummary, { maxLength: 6 })

describe('for any history, what was left to do', () => {
  it('was listed by the summary that it is told of', () => {
    fc.assert(
      fc.property(history, (summaries) => {
        const { open_items, next_actions } = work(...summaries)
        for (const { text, from } of open_items) expect(from.text?.open_items).toContain(text)
        for (const { text, from } of next_actions) expect(from.text?.next_actions).toContain(text)
      }),
    )
  })

  it('has everything that the newest summary of each room lists', () => {
    fc.assert(
      fc.property(history, (summaries) => {
        const [newest] = summaries
        if (newest === undefined) return
        const { open_items, next_actions } = work(...summaries)
        const told = [...open_items, ...next_actions].map(({ text }) => canonicalText([text]))
        for (const text of [...(newest.text?.open_items ?? []), ...(newest.text?.next_actions ?? [])])
          if (text.trim() !== '') expect(told).toContain(canonicalText([text]))
      }),
    )
  })

  it('never grows by what a later session did', () => {
    fc.assert(
      fc.property(history, list, fc.constantFrom('auth', 'web'), (summaries, actions_taken, focus) => {
        const before = new Set(open(...summaries))
        const after = open(summary('later', { scope: 'focus', focus, actions_taken }), ...summaries)
        for (const text of after) expect(before).toContain(text)
      }),
    )
  })

  it('names nothing twice in a room', () => {
    fc.assert(
      fc.property(history, (summaries) => {
        const { open_items, next_actions } = work(...summaries)
        const names = [...open_items, ...next_actions].map(({ text, from }) => `${from.focus} ${text}`)
        expect(new Set(names).size).toBe(names.length)
      }),
    )
  })
})
