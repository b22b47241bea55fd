import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decisionOf, saver } from '../../support/memory-makers.ts'
import { newBook, onEachStore } from '../../support/stores.ts'

/** A decision as the model knows it. */
interface Known {
  readonly id: string
  readonly room: number
  readonly key: string
  readonly words: ReadonlySet<string>
  heir: Known | null
}

interface Waiting {
  readonly id: string
  readonly room: number
  readonly key: string
  readonly words: ReadonlySet<string>
  readonly candidate: Known
  end: 'supersede' | 'keep_both' | 'discard' | null
}

const TURNS = new Set(['never', 'not'])

/** The rules as somebody would write them who has all the time in the world: everything is compared with everything. */
class Model {
  readonly all: Known[] = []
  readonly reviews: Waiting[] = []

  inForce(room: number): Known[] {
    return this.all.filter((one) => one.room === room && one.heir === null)
  }

  expected(room: number, key: string, words: ReadonlySet<string>, named: Known | null) {
    const same = this.all.filter((one) => one.room === room && one.key === key)
    const alive = same.find(({ heir }) => heir === null)
    if (alive !== undefined) return { outcome: 'duplicate_skip', of: alive, similarity: null } as const
    if (named !== null) return { outcome: 'supersede', of: named, similarity: null } as const
    const before = same.at(-1)
    if (before !== undefined) return { outcome: 'supersede', of: endOf(before), similarity: null } as const
    let best: { of: Known; similarity: number } | undefined
    // The later one wins where two are equally near.
    for (const of of this.inForce(room)) {
      const similarity = similarityOf(words, of.words)
      if (best === undefined || similarity >= best.similarity) best = { of, similarity }
    }
    if (best === undefined || best.similarity < 0.5) return { outcome: 'new', of: null, similarity: null } as const
    const isTurned = [...TURNS].some((word) => words.has(word) !== best.of.words.has(word))
    const outcome = best.similarity >= 0.7 && !isTurned ? 'supersede' : 'manual_review'
    return { outcome, ...best } as const
  }

  add(one: Known, supersedes: Known | null): void {
    this.all.push(one)
    if (supersedes !== null) supersedes.heir = one
    for (const review of this.reviews) {
      if (review.room !== one.room || review.key !== one.key || review.end !== null) continue
      review.end = supersedes === review.candidate ? 'supersede' : 'keep_both'
    }
  }
}

function endOf(one: Known): Known {
  let at = one
  while (at.heir !== null) at = at.heir
  return at
}

function similarityOf(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const shared = [...a].filter((word) => b.has(word)).length
  return shared / new Set([...a, ...b]).size
}

const ROOMS = [
  { project_id: 'one', scope: 'project', focus: null },
  { project_id: 'one', scope: 'focus', focus: 'auth' },
  { project_id: 'two', scope: 'project', focus: null },
] as const

const VOCABULARY = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'never', 'not']
const texts = fc.array(fc.constantFrom(...VOCABULARY), { minLength: 1, maxLength: 9 })

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      room: fc.nat({ max: ROOMS.length - 1 }),
      title: texts,
      rationale: texts,
      named: fc.option(fc.nat(), { freq: 8 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      review: fc.nat(),
      resolution: fc.constantFrom('supersede' as const, 'keep_both' as const, 'discard' as const),
    }),
  },
)

onEachStore(() => {
  test('random decisions in random rooms come out as a brute-force model says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const book = newBook()
        const agent = saver(book)
        const model = new Model()
        for (const one of steps) {
          book.clock.advance(1)
          if ('review' in one) {
            const open = model.reviews.filter(({ end }) => end === null)
            const review = open[one.review % Math.max(1, open.length)]
            if (review === undefined) continue
            const { project_id } = ROOMS[review.room] ?? ROOMS[0]
            const result = await agent.resolve(review.id, one.resolution, { project_id })
            review.end = one.resolution
            if (one.resolution === 'discard') continue
            const old = one.resolution === 'supersede' ? endOf(review.candidate) : null
            expect(result?.candidate_id).toBe(old?.id)
            model.add({ ...review, id: result?.artifact_id ?? '', heir: null }, old)
            continue
          }
          const { scope, ...where } = ROOMS[one.room] ?? ROOMS[0]
          const key = JSON.stringify([one.title, one.rationale])
          const words = new Set([...one.title, ...one.rationale])
          const candidates = model.inForce(one.room)
          const named = one.named === null ? null : (candidates[one.named % Math.max(1, candidates.length)] ?? null)
          const expected = model.expected(one.room, key, words, named)
          const given = { rationale: one.rationale.join(' '), scope, supersedes: named?.id ?? null }
          const answer = await agent.decide(decisionOf(one.title.join(' '), given), where)
          expect(answer.dedup_outcome).toBe(expected.outcome)
          const similarity =
            expected.similarity === null ? undefined : Math.round(expected.similarity * 10_000) / 10_000
          expect(answer.similarity).toBe(similarity)
          switch (expected.outcome) {
            case 'duplicate_skip':
              expect(answer.artifact_id).toBe(expected.of.id)
              if (named !== null && named !== expected.of) named.heir = expected.of
              break
            case 'manual_review': {
              expect(answer.candidate_id).toBe(expected.of.id)
              const known = model.reviews.findLast((other) => other.room === one.room && other.key === key)
              if (known !== undefined) expect(answer.review_id).toBe(known.id)
              else {
                const review = { id: answer.review_id ?? '', room: one.room, key, words, candidate: expected.of }
                model.reviews.push({ ...review, end: null })
              }
              break
            }
            default:
              expect(answer.candidate_id).toBe(expected.of?.id)
              expect(model.all.map(({ id }) => id)).not.toContain(answer.artifact_id)
              model.add({ id: answer.artifact_id ?? '', room: one.room, key, words, heir: null }, expected.of)
          }
        }
        for (const project of ['one', 'two']) {
          const rooms = ROOMS.flatMap(({ project_id }, room) => (project_id === project ? [room] : []))
          const inForce = rooms.flatMap((room) => model.inForce(room)).map(({ id }) => id)
          expect((await agent.inForce(project)).sort()).toEqual(inForce.sort())
          const open = model.reviews.filter(({ room, end }) => rooms.includes(room) && end === null)
          const waiting = await agent.reviews({ project_id: project })
          expect(waiting.map(({ id }) => id).sort()).toEqual(open.map(({ id }) => id).sort())
        }
        await book.end()
      }),
      { numRuns: 40 },
    )
  })
})
