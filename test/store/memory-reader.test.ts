import { describe, expect, test } from 'vitest'
import type { NewMemoryEvent } from '../../src/domain/memory/events.ts'
import { roomOf, type Scope } from '../../src/domain/memory/room.ts'
import type { Ledger } from '../../src/ports/ledger.ts'
import type { MemoryReader } from '../../src/ports/memory.ts'
import { AGENT } from '../support/book.ts'
import { decisionOf, saver, words } from '../support/memory-makers.ts'
import { newBook, onEachStore } from '../support/stores.ts'

const PROJECT = 'test-project'
const TEXT = { rationale: '', owner: 'olga', date: '2026-11-21', confidence: 1 }

interface Place {
  readonly project_id?: string
  readonly scope?: Scope
  readonly focus?: string
}

const placeOf = ({ project_id = PROJECT, scope = 'project', focus }: Place) => ({
  ...roomOf(scope, project_id, focus ?? null),
  origin: { project_id: PROJECT, session_id: null },
})

/** With an id that a test chooses, as a record may bring it. */
function decided(artifact_id: string, place: Place & { supersedes?: string } = {}): NewMemoryEvent {
  const judged = { content_hash: `hash of ${artifact_id}`, supersedes: place.supersedes ?? null, similarity: null }
  const data = { artifact_id, ...placeOf(place), title: `about ${artifact_id}`, ...TEXT, ...judged, summary_id: null }
  return { type: 'decision.saved', data }
}

function opened(review_id: string, place: Place = {}): NewMemoryEvent {
  const decision = { title: `waits ${review_id}`, ...TEXT }
  const why = { candidate_id: 'c', similarity: 0.6, reason: 'similar' as const, summary_id: null }
  const data = {
    review_id,
    ...placeOf(place),
    decision,
    content_hash: `hash of ${review_id}`,
    artifact_id: null,
    ...why,
  }
  return { type: 'review.opened', data }
}

/** A book with these in it, each a second later than the one before. */
async function bookWith(...events: readonly NewMemoryEvent[]): Promise<Ledger> {
  const book = newBook()
  const ledger = book.open()
  for (const event of events) {
    book.clock.advance(1000)
    await ledger.write(async (own) => {
      await own.append(await own.memoryStream(), [event], { actor: AGENT, at: book.clock.now() })
    })
  }
  return ledger
}

const idsOf = async (found: Promise<readonly { readonly id: string }[]>) => (await found).map(({ id }) => id)
const asking = <T>(ledger: Ledger, ask: (memory: MemoryReader) => Promise<T>) =>
  ledger.read(({ memory }) => ask(memory))

onEachStore(() => {
  describe('what has an id that begins so', () => {
    const all = { project_id: PROJECT, in_force: false, limit: 100 }

    test('is given, newest first, and nothing else', async () => {
      const ledger = await bookWith(...['ab', 'abc', 'b', 'abd', 'aB', 'ac', 'a'].map((id) => decided(id)))
      const beginning = (id_prefix: string) =>
        asking(ledger, (memory) => idsOf(memory.artifacts({ ...all, id_prefix })))
      expect(await beginning('ab')).toEqual(['abd', 'abc', 'ab'])
      expect(await beginning('abc')).toEqual(['abc'])
      expect(await beginning('abcd')).toEqual([])
      expect(await beginning('A')).toEqual([])
      expect(await beginning('')).toEqual(['a', 'ac', 'aB', 'abd', 'b', 'abc', 'ab'])
    })

    test('is no pattern: each character stands for itself', async () => {
      const ids = ['a%', 'a_', 'ab', 'a\\', "a'", 'a\u{10FFFF}x', '航海', '航']
      const ledger = await bookWith(...ids.map((id) => decided(id)))
      const beginning = (id_prefix: string) =>
        asking(ledger, (memory) => idsOf(memory.artifacts({ ...all, id_prefix })))
      for (const id of ids.filter((one) => one !== '航')) expect(await beginning(id)).toEqual([id])
      expect(await beginning('航')).toEqual(['航', '航海'])
      expect(await beginning('%')).toEqual([])
      expect(await beginning('_')).toEqual([])
      expect(await beginning('a\u0000')).toEqual([])
      expect(await beginning('x'.repeat(20_000))).toEqual([])
    })

    test('is narrowed by everything else that is asked for', async () => {
      const ledger = await bookWith(
        decided('ab-1'),
        decided('ab-2', { supersedes: 'ab-1' }),
        decided('ab-3', { scope: 'focus', focus: 'web' }),
        decided('ab-4', { project_id: 'other' }),
        decided('b'),
      )
      const ask = (filter: object) =>
        asking(ledger, (memory) => idsOf(memory.artifacts({ ...all, id_prefix: 'ab', ...filter })))
      expect(await ask({})).toEqual(['ab-3', 'ab-2', 'ab-1'])
      expect(await ask({ in_force: true })).toEqual(['ab-3', 'ab-2'])
      expect(await ask({ in_force: true, limit: 1 })).toEqual(['ab-3'])
      expect(await ask({ scope: 'project' })).toEqual(['ab-2', 'ab-1'])
      expect(await ask({ scope: 'focus', focus: 'web' })).toEqual(['ab-3'])
      expect(await ask({ scope: 'focus', focus: 'api' })).toEqual([])
      expect(await ask({ kinds: ['pattern', 'summary'] })).toEqual([])
      expect(await ask({ kinds: ['pattern', 'decision'], scope: 'focus' })).toEqual(['ab-3'])
      expect(await ask({ project_id: 'other' })).toEqual(['ab-4'])
      expect(await ask({ project_id: 'nobody' })).toEqual([])
    })

    test('is found among reviews, the oldest first', async () => {
      const ledger = await bookWith(
        opened('rb'),
        opened('ra'),
        opened('r%'),
        opened('s'),
        opened('r', { project_id: 'other' }),
      )
      const resolve: NewMemoryEvent = {
        type: 'review.resolved',
        data: { review_id: 'ra', ...placeOf({}), resolution: 'discard', artifact_id: null },
      } as NewMemoryEvent
      await ledger.write(async (own) => {
        await own.append(await own.memoryStream(), [resolve], { actor: AGENT, at: '2026-11-22T00:00:00.000Z' })
      })
      const ask = (filter: object) =>
        asking(ledger, (memory) =>
          idsOf(memory.reviews({ project_id: PROJECT, id_prefix: 'r', limit: 100, ...filter })),
        )
      expect(await ask({})).toEqual(['rb', 'ra', 'r%'])
      expect(await ask({ limit: 2 })).toEqual(['rb', 'ra'])
      expect(await ask({ status: 'open' })).toEqual(['rb', 'r%'])
      expect(await ask({ status: 'resolved' })).toEqual(['ra'])
      expect(await ask({ id_prefix: 'r%' })).toEqual(['r%'])
      expect(await ask({ id_prefix: '' })).toEqual(['rb', 'ra', 'r%', 's'])
      expect(await ask({ project_id: 'other' })).toEqual(['r'])
    })
  })

  describe('what is in one book', () => {
    test('has the projects of which something was saved, and what is global is none of them', async () => {
      const agent = saver()
      await agent.decide(decisionOf('everywhere', { scope: 'global' }), { governance_token: await agent.token() })
      const projects = () => asking(agent.ledger, (memory) => memory.projects())
      expect(await projects()).toEqual([])
      await agent.decide('here')
      await agent.decide('there', { project_id: 'other' })
      expect(await projects()).toEqual(['other', PROJECT])
    })

    test('is compared with what is in force, and no more with what it took the place of', async () => {
      const agent = saver()
      const known = await agent.decide(words(10))
      const room = roomOf('project', PROJECT, null)
      const alike = () =>
        asking(agent.ledger, (memory) => idsOf(memory.similar(room, new Set(words(10).split(' ')), 0.5)))
      expect(await alike()).toEqual([known.artifact_id])
      await agent.decide(decisionOf('something else', { supersedes: known.artifact_id }))
      expect(await alike()).toEqual([])
    })
  })
})
