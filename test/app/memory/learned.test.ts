import { expect, test } from 'vitest'
import { withLearned } from '../../../src/app/memory/learned.ts'
import { decision, NOW, readingContext, review } from '../../support/memory.ts'

const daysAgo = (days: number) => new Date(Date.parse(NOW) - days * 86_400_000).toISOString()
const session = { session_id: 's-1', start_time: daysAgo(30) }
const learnedIn = async (remembered: Parameters<typeof readingContext>[0]) =>
  (await withLearned(readingContext(remembered), session, [])).learned

test('finds what a session saved in other records, however much was learned since', async () => {
  const since = Array.from({ length: 2_100 }, (_, i) =>
    decision(`later ${i}`, { session_id: 's-2', days: 20 - i / 200 }),
  )
  const artifacts = [
    decision('before it began', { days: 31, session_id: 's-0' }),
    decision('after its end', { days: 29 }),
    decision('for all projects', { days: 28, scope: 'global' }),
    ...since,
  ]
  const titles = (await learnedIn({ artifacts })).map(({ title, said }) => [title, said])
  expect(titles).toEqual([
    ['after its end', 'new'],
    ['for all projects', 'new, for all projects'],
  ])
})

test('tells of a review in another record what became of it, however many there are', async () => {
  const origin = { project_id: 'atlas', session_id: 's-1' }
  const reviews = [
    ...Array.from({ length: 600 }, () => review('d-1')),
    review('d-1', { origin }),
    review('d-1', { origin, status: 'resolved', resolution: 'discard' }),
  ]
  const said = (await learnedIn({ artifacts: [decision('Known', { id: 'd-1', session_id: null })], reviews })).map(
    (one) => one.said,
  )
  expect(said).toEqual(['waits for review, 60 % like "Known" (d-1)', 'reviewed: it was discarded'])
})
