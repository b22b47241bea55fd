import { rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { testBook, testClock } from '../support/book.ts'
import { saver } from '../support/memory-makers.ts'
import { graphOf } from '../support/records.ts'
import { call, carryOut, filesOf, type RecordFile } from './memory-calls.ts'
import { put } from './runs.ts'

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
