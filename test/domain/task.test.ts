import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance, mergeTask, nearestIds, TASK_STATUSES, type Task } from '../../src/domain/task.ts'

// Few values for each field: ties are where an order of reading could show.
const task: fc.Arbitrary<Task> = fc.record({
  task_id: fc.constant('t-1'),
  title: fc.option(fc.constantFrom('a', 'b', 'B', '', 'ä')),
  status: fc.constantFrom(...TASK_STATUSES),
  session_id: fc.constantFrom('s-1', 's-2', 's-3'),
  updated_at: fc.constantFrom('2026-11-21T22:00:00.000Z', '2026-11-21T22:00:00.001Z', '2026-11-22T00:00:00.000Z'),
})

test('merges tasks in either order to the same', () => {
  fc.assert(
    fc.property(task, task, (a, b) => {
      expect(mergeTask(a, b)).toEqual(mergeTask(b, a))
    }),
    { numRuns: 1000 },
  )
})

test('merges tasks in any grouping to the same', () => {
  fc.assert(
    fc.property(task, task, task, (a, b, c) => {
      expect(mergeTask(mergeTask(a, b), c)).toEqual(mergeTask(a, mergeTask(b, c)))
    }),
    { numRuns: 1000 },
  )
})

test('merges a task with what it already holds to itself', () => {
  fc.assert(
    fc.property(task, task, (a, b) => {
      const merged = mergeTask(a, b)
      expect(mergeTask(a, a)).toEqual(a)
      expect(mergeTask(merged, a)).toEqual(merged)
      expect(mergeTask(undefined, a)).toEqual(a)
    }),
    { numRuns: 1000 },
  )
})

test('never takes a task back to an earlier status, and never loses its title', () => {
  fc.assert(
    fc.property(task, task, (a, b) => {
      const merged = mergeTask(a, b)
      const rank = (t: Task) => TASK_STATUSES.indexOf(t.status)
      expect(rank(merged)).toBe(Math.max(rank(a), rank(b)))
      expect(merged.title === null).toBe(a.title === null && b.title === null)
    }),
  )
})

/** The definition of the distance, by recursion and without any thought for cost. */
function naiveDistance(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length
  const substitute = naiveDistance(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1)
  return Math.min(substitute, naiveDistance(a.slice(1), b) + 1, naiveDistance(a, b.slice(1)) + 1)
}

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'C', '-', '🧭'), maxLength: 5 })

test('finds the edit distance that the definition gives', () => {
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(editDistance(a, b)).toBe(naiveDistance(a, b))
    }),
    { numRuns: 300 },
  )
})

test('lists the nearest ids first, whatever their case, and of equals the first by name', () => {
  fc.assert(
    fc.property(word, fc.uniqueArray(word, { maxLength: 8 }), fc.nat(6), (wanted, known, limit) => {
      const distance = (id: string) => naiveDistance(wanted.toLowerCase(), id.toLowerCase())
      const nearest = nearestIds(wanted, known, limit)
      expect(nearest).toHaveLength(Math.min(limit, known.length))
      expect(new Set(nearest).size).toBe(nearest.length)
      const left = known.filter((id) => !nearest.includes(id))
      for (const [i, id] of nearest.entries()) {
        const next = nearest[i + 1]
        if (next === undefined) continue
        expect(distance(id) < distance(next) || (distance(id) === distance(next) && id < next)).toBe(true)
      }
      const furthest = Math.max(-1, ...nearest.map(distance))
      if (limit > 0) for (const id of left) expect(distance(id)).toBeGreaterThanOrEqual(furthest)
    }),
    { numRuns: 200 },
  )
})

test('does not change the list of ids that it looks through', () => {
  const known = ['c', 'a', 'b']
  expect(nearestIds('b', known)).toEqual(['b', 'a', 'c'])
  expect(known).toEqual(['c', 'a', 'b'])
})
