import { rmSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sessionIncrementCompleted } from '../../src/app/operations/session_increment_completed.ts'
import { linesOf, walk } from '../log/records.ts'
import { testBook } from '../support/book.ts'
import { extended, failed, firstLines, put, startRun, stateOf } from './runs.ts'

/** What may be done to the record of a running session, by git or by hand; `a` and `b` choose where. */
const deeds = {
  'cuts it at a byte': (bytes, a) => bytes.subarray(0, a % bytes.length),
  'takes a line out': (bytes, a) => Buffer.concat(linesOf(bytes).toSpliced(a % linesOf(bytes).length, 1)),
  'doubles a line': (bytes, a, b) => {
    const lines = linesOf(bytes)
    return Buffer.concat(lines.toSpliced(b % (lines.length + 1), 0, lines[a % lines.length] as Buffer))
  },
  'swaps two lines': (bytes, a, b) => {
    const lines = linesOf(bytes)
    const [i, j] = [a % lines.length, b % lines.length]
    return Buffer.concat(lines.with(i, lines[j] as Buffer).with(j, lines[i] as Buffer))
  },
  'puts a note between': (bytes, a) => Buffer.concat(linesOf(bytes).toSpliced(a % 7, 0, Buffer.from('<<<<<<< HEAD\n'))),
  'leaves only notes': () => Buffer.from('nothing\nto see\nhere'),
  'brings another branch': (bytes, a) =>
    extended(firstLines(bytes, 2 + (a % 4)), failed('theirs'), failed('theirs too')),
  'merges another branch behind': (bytes, a) => {
    const from = 2 + (a % 4)
    const theirs = extended(firstLines(bytes, from), failed('theirs'), failed('theirs too'))
    return Buffer.concat([bytes, ...linesOf(theirs).slice(from)])
  },
  'merges another branch before': (bytes, a) => {
    const from = 2 + (a % 4)
    const theirs = extended(firstLines(bytes, from), failed('theirs'), failed('theirs too'))
    return Buffer.concat([theirs, ...linesOf(bytes).slice(from)])
  },
  'converts its line ends': (bytes) => Buffer.from(bytes.toString().replaceAll('\n', '\r\n')),
  'empties it': () => Buffer.alloc(0),
  'deletes it': () => null,
} satisfies Record<string, (bytes: Buffer, a: number, b: number) => Buffer | null>

const deed = fc.record({
  what: fc.constantFrom(...(Object.keys(deeds) as (keyof typeof deeds)[])),
  a: fc.nat(5000),
  b: fc.nat(5000),
})

test('nothing that a running session was answered is lost, whatever is done to its record', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { minLength: 1, maxLength: 3 }), async (done) => {
      const book = testBook()
      const run = await startRun(book)
      const answered = linesOf(book.bytes(run.id)).map((line) => line.toString().trimEnd())
      const before = await stateOf(run.ledger, run.id)
      for (const { what, a, b } of done) {
        const bytes = deeds[what](book.bytes(run.id), a, b)
        if (bytes === null) rmSync(book.path(run.id))
        else put(book.path(run.id), bytes)
        expect(await stateOf(run.ledger, run.id)).toEqual(before)
      }
      await run.context.call(sessionIncrementCompleted)
      const after = await stateOf(run.ledger, run.id)
      expect(after?.tasks_completed).toBe(3)

      // What leaves the end of a record as it was shows only when all of it is read.
      await run.ledger.rebuild()
      expect(await stateOf(run.ledger, run.id)).toEqual(after)
      const chain = walk(book.bytes(run.id)).events
      const ids = answered.map((line) => (JSON.parse(line) as { id: string }).id)
      expect(chain.map(({ id }) => id).slice(0, ids.length)).toEqual(ids)
      expect(chain).toHaveLength(ids.length + 1)
      await run.ledger.close()
    }),
    { numRuns: 30 },
  )
})
