import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { sessionInitialize } from '../../src/app/operations/session_initialize.ts'
import { sessionUpdate } from '../../src/app/operations/session_update.ts'
import type { TestBook } from '../support/book.ts'
import { decisionOf, patternOf, type Saver } from '../support/memory-makers.ts'
import { streamsOf } from '../support/records.ts'

const spelling = fc.constantFrom('a b c d', 'A b "c" d.', 'a b c e', 'a b f g', 'never a b c d', 'x y', '「x」 y!')
/** Something that an agent of one of three clones does. */
export const call = fc.record({
  clone: fc.nat({ max: 2 }),
  what: fc.constantFrom('decide', 'decide', 'decide', 'learn', 'batch', 'resolve', 'restart'),
  text: spelling,
  other: spelling,
  day: fc.integer({ min: 1, max: 9 }),
})

export interface RecordFile {
  readonly kind: 'session' | 'memory'
  readonly name: string
  readonly bytes: Buffer
}

/** The records of a clone. */
export function filesOf({ layout }: TestBook): RecordFile[] {
  return (['session', 'memory'] as const).flatMap((kind) =>
    streamsOf(layout, kind).map((id) => ({
      ...{ kind, name: `${id}.jsonl` },
      bytes: readFileSync(layout.record({ kind, id })),
    })),
  )
}

export async function carryOut(
  agent: Saver,
  { what, text, other, day }: { what: string; text: string; other: string; day: number },
) {
  const pattern = patternOf(text, { last_validated_at: `2026-05-0${day}T00:00:00Z` })
  switch (what) {
    case 'decide':
      await agent.decide(text)
      break
    case 'learn':
      await agent.learn(pattern)
      break
    case 'batch':
      await agent.batch([decisionOf(text), decisionOf(other)], [pattern])
      break
    case 'resolve': {
      const [review] = await agent.reviews()
      if (review !== undefined) await agent.resolve(review.id, day > 5 ? 'supersede' : 'keep_both')
      break
    }
    case 'restart':
      await agent.context.call(sessionInitialize, { session_type: 'manual' })
      await agent.decide(other)
      await agent.context.call(sessionUpdate, { status: 'stopped' })
  }
  await agent.settle()
}
