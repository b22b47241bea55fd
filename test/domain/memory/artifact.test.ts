import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { foldApproval } from '../../../src/domain/memory/approval.ts'
import { foldArtifact, isInForce } from '../../../src/domain/memory/artifact.ts'
import type { MemoryEvent } from '../../../src/domain/memory/events.ts'
import { subjectsOf } from '../../../src/domain/memory/projection.ts'

const place = { project_id: 'p', scope: 'project', focus: null, origin: { project_id: 'p', session_id: null } } as const
const recorded = (at: number, id: string, event: object) =>
  ({
    ...{ v: 1, seq: 1, prev: '', actor: { kind: 'agent', name: 'a' } },
    ...{ at: new Date(at * 1000).toISOString(), id },
    ...event,
  }) as MemoryEvent

const saved = (id: string, at = 0, supersedes: string | null = null) =>
  recorded(at, `saved-${id}`, {
    type: 'decision.saved',
    data: {
      artifact_id: id,
      ...place,
      ...{ title: id, rationale: '', owner: 'o', date: '2026-11-21', confidence: 1 },
      ...{ content_hash: id, supersedes, similarity: null, summary_id: null },
    },
  })
const retired = (at: number, eventId: string, id: string, by: string) =>
  recorded(at, eventId, { type: 'decision.retired', data: { artifact_id: id, ...place, superseded_by: by } })

/** As a store folds it: of all that is known, what is about this one. */
function fold(id: string, all: readonly MemoryEvent[]) {
  return foldArtifact(
    id,
    all.filter((event) => subjectsOf(event).some((subject) => subject.id === id)),
  )
}

describe('two decisions that were retired by each other', () => {
  test('leave the one in force that gave way last, in whichever order the facts are read', () => {
    const facts = fc
      .tuple(fc.array(fc.record({ at: fc.integer({ min: 1, max: 4 }), isFirst: fc.boolean() }), { minLength: 1 }))
      .map(([all]) => all.map(({ at, isFirst }, i) => ({ at, id: `e${i}`, isFirst })))
    fc.assert(
      fc.property(facts, fc.infiniteStream(fc.integer({ min: 0, max: 1000 })), (all, keys) => {
        const events = [
          ...[saved('a'), saved('b')],
          ...all.map(({ at, id, isFirst }) => (isFirst ? retired(at, id, 'a', 'b') : retired(at, id, 'b', 'a'))),
        ]
        const shuffled = events.map((event) => ({ event, key: keys.next().value })).sort((x, y) => x.key - y.key)
        const [a, b] = ['a', 'b'].map((id) =>
          fold(
            id,
            shuffled.map(({ event }) => event),
          ),
        )
        const earliest = all.toSorted((x, y) => x.at - y.at || (x.id < y.id ? -1 : 1))[0]
        expect([a, b].map((one) => one !== undefined && isInForce(one))).toEqual(
          earliest?.isFirst ? [false, true] : [true, false],
        )
        expect([a, b]).toEqual([fold('a', events), fold('b', events)])
      }),
    )
  })

  test('are told apart as well where one was saved in the place of the other', () => {
    const all = [saved('a'), saved('b', 1, 'a'), retired(2, 'e1', 'b', 'a')]
    expect([fold('a', all), fold('b', all)].map((one) => one?.superseded_by)).toEqual([['b'], []])
    const before = [saved('a'), retired(0.5, 'e0', 'b', 'a'), saved('b', 1, 'a')]
    expect([fold('a', before), fold('b', before)].map((one) => one?.superseded_by)).toEqual([[], ['a']])
  })

  test('are as they were before once the stream with the other half is gone', () => {
    const all = [saved('a'), saved('b'), retired(1, 'e1', 'a', 'b'), retired(2, 'e2', 'b', 'a')]
    expect(fold('b', all)?.superseded_by).toEqual([])
    const without = all.filter(({ id }) => id !== 'e1')
    expect(fold('a', without)?.superseded_by).toEqual([])
    expect(fold('b', without)?.superseded_by).toEqual(['a'])
  })
})

test('an approval says when it was given by the clock, and nothing where that was not recorded', () => {
  const granted = (more: object) =>
    recorded(9, 'g', {
      type: 'approval.granted',
      data: { approval_id: 'x', ...place, content_preview: '', expires_at: '2026-11-21T22:01:00.000Z', ...more },
    })
  expect(foldApproval('x', [granted({})])).toMatchObject({ granted_at: null, spent: false })
  const granted_at = '2026-11-21T22:00:00.000Z'
  expect(foldApproval('x', [granted({ granted_at })])).toMatchObject({ granted_at })
})
