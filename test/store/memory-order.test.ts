import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sessionInitialize } from '../../src/app/operations/session_initialize.ts'
import { sessionUpdate } from '../../src/app/operations/session_update.ts'
import { type TestBook, testBook, testClock } from '../support/book.ts'
import { decisionOf, graphOf, patternOf, type Saver, saver, streamsOf } from '../support/memory-makers.ts'
import { put } from './runs.ts'

const spelling = fc.constantFrom('a b c d', 'A b "c" d.', 'a b c e', 'a b f g', 'never a b c d', 'x y', '「x」 y!')
const call = fc.record({
  clone: fc.nat({ max: 2 }),
  what: fc.constantFrom('decide', 'decide', 'decide', 'learn', 'batch', 'resolve', 'restart'),
  text: spelling,
  other: spelling,
  day: fc.integer({ min: 1, max: 9 }),
})

interface RecordFile {
  readonly kind: 'session' | 'memory'
  readonly name: string
  readonly bytes: Buffer
}

function filesOf({ layout }: TestBook): RecordFile[] {
  return (['session', 'memory'] as const).flatMap((kind) =>
    streamsOf(layout, kind).map((id) => ({
      ...{ kind, name: `${id}.jsonl` },
      bytes: readFileSync(layout.record({ kind, id })),
    })),
  )
}

async function carryOut(
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

test('the same records give the same graph, in whatever order they come, go and come back', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(call, { minLength: 3, maxLength: 15 }),
      fc.infiniteStream(fc.nat()),
      async (calls, dice) => {
        const clock = testClock()
        const clones = [0, 1, 2].map(() => testBook({ clock }))
        const agents = clones.map((clone) => saver(clone))
        for (const one of calls) {
          clock.advance(one.day - 1)
          const agent = agents[one.clone]
          if (agent !== undefined) await carryOut(agent, one)
        }
        for (const { ledger } of agents) await ledger.close()
        const files = clones.flatMap(filesOf)
        const roll = (below: number) => (dice.next().value ?? 0) % below

        const graphs: unknown[] = []
        for (let round = 0; round < 3; round++) {
          const book = testBook({ clock })
          const agent = saver(book)
          const pathOf = ({ kind, name }: RecordFile) => join(book.layout.folder(kind), name)
          const waiting = round === 0 ? [...files] : files.toSorted(() => roll(3) - 1)
          for (const file of waiting) {
            put(pathOf(file), file.bytes)
            if (round > 0 && roll(2) === 0) await agent.settle()
            if (round < 2 || roll(3) > 0) continue
            rmSync(pathOf(file))
            await agent.settle()
            put(pathOf(file), file.bytes)
          }
          await agent.settle()
          const graph = graphOf(book.layout)
          graphs.push(graph)
          await agent.ledger.rebuild()
          expect(graphOf(book.layout)).toEqual(graph)
          await agent.ledger.close()
        }
        expect(graphs[1]).toEqual(graphs[0])
        expect(graphs[2]).toEqual(graphs[0])
      },
    ),
    { numRuns: 15 },
  )
})
