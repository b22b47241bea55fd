import { expect, test } from 'vitest'
import { forget, forgettable } from '../../../src/app/memory/forgetting.ts'
import { memoryReview } from '../../../src/app/operations/memory_review.ts'
import { memorySurface } from '../../../src/app/operations/memory_surface.ts'
import { retrieveContext } from '../../../src/app/operations/retrieve_context.ts'
import type { Artifact } from '../../../src/domain/memory/artifact.ts'
import { GLOBAL_PROJECT } from '../../../src/domain/memory/room.ts'
import { refusalOf } from '../../support/book.ts'
import { onEachStore } from '../../support/stores.ts'
import { type Learner, learner } from './learned.ts'

const KEEP = { purge: false }
const wanted = (id: string, project_id: string | null = null) => ({ id, project_id })

async function artifact({ context, book }: Learner, id: string, projectId = book.project_id): Promise<Artifact> {
  const found = await context.ledger.readWithGlobal((own, global) =>
    (projectId === GLOBAL_PROJECT && global !== null ? global : own).memory.artifact(projectId, id),
  )
  if (found === undefined) throw new Error(`There is no ${id}.`)
  return found
}

/** Everything that an agent can be told. */
async function answers({ context }: Learner, query: string): Promise<string> {
  const found = await context.call(memorySurface, { query })
  const brief = await context.call(retrieveContext, {})
  const { reviews } = await context.call(memoryReview, { action: 'list' })
  return JSON.stringify([found, brief, reviews])
}

onEachStore(() => {
  test('takes a decision out of search, brief and artifacts, and says what it was', async () => {
    const me = learner()
    const id = await me.decide('Keep tokens in heliotrope', 'The vault is called heliotrope.')
    await me.decide('Build with esbuild', 'One file starts faster than many.')
    expect(await answers(me, 'heliotrope')).toContain('heliotrope')
    expect(await forget(me.context, wanted(id), KEEP)).toEqual({
      id,
      kind: 'decision',
      project_id: 'test-project',
      scope: 'project',
      focus: null,
      saved_at: expect.any(String),
      was_forgotten: false,
      purged: null,
      said_again_as: [],
    })
    const after = await answers(me, 'heliotrope')
    expect(after).not.toContain('vault')
    expect(after).toContain('esbuild')
    expect(await artifact(me, id)).toMatchObject({ id, forgotten: true, text: null })
  })

  test.each(['pattern', 'summary'] as const)('forgets a %s', async (kind) => {
    const me = learner()
    const id =
      kind === 'pattern'
        ? await me.pattern('heliotrope fails', ['restart heliotrope'])
        : await me.summary('Mend heliotrope', { open_items: ['ask about heliotrope'] })
    expect(await answers(me, 'heliotrope')).toContain('heliotrope')
    expect(await forget(me.context, wanted(id), KEEP)).toMatchObject({ kind, was_forgotten: false })
    expect((await answers(me, 'heliotrope')).replaceAll('"query":"heliotrope"', '')).not.toContain('heliotrope')
  })

  test('forgets a text that waits for review, which can then not be let in', async () => {
    const me = learner()
    await me.decide('Cache pages for one hour', 'Readers see changes late, and the server is calm.')
    const review = await me.decide('Cache pages for one day', 'Readers see changes late, heliotrope is calm.')
    expect((await me.context.call(memoryReview, { action: 'list' })).reviews).toHaveLength(1)
    expect(await forget(me.context, wanted(review), KEEP)).toMatchObject({ kind: 'review', was_forgotten: false })
    expect((await me.context.call(memoryReview, { action: 'list' })).reviews).toEqual([])
    const late = me.context.call(memoryReview, { action: 'resolve', id: review, resolution: 'keep_both' })
    expect((await refusalOf(late)).code).toBe('invalid_argument')
    expect(await answers(me, 'heliotrope')).not.toContain('heliotrope is calm')
  })

  test('forgets the copy in the review that a decision came from along with the decision', async () => {
    const me = learner()
    await me.decide('Cache pages for one hour', 'Readers see changes late, and the server is calm.')
    const review = await me.decide('Cache pages for one day', 'Readers see changes late, heliotrope is calm.')
    await me.resolve(review, 'keep_both')
    const stored = () => me.context.ledger.read((book) => book.memory.review(me.book.project_id, review))
    const id = String((await stored())?.artifact_id)
    expect((await stored())?.decision).not.toBeNull()
    await forget(me.context, wanted(id), KEEP)
    expect((await stored())?.decision).toBeNull()
  })

  test('leaves what superseded it in force, and brings nothing back that it had superseded', async () => {
    const me = learner()
    const first = await me.decide('Cache pages for one hour', 'Readers wait less.')
    const second = await me.decide('Cache pages for a day', 'Readers hardly wait.', { supersedes: first })
    const third = await me.decide('Cache nothing', 'Readers saw old pages.', { supersedes: second })
    await forget(me.context, wanted(second), KEEP)
    expect(await artifact(me, first)).toMatchObject({ superseded_by: [second], forgotten: false })
    expect(await artifact(me, second)).toMatchObject({ supersedes: first, superseded_by: [third], text: null })
    expect(await artifact(me, third)).toMatchObject({ superseded_by: [], supersedes: second })
    const inForce = await me.context.ledger.read((book) =>
      book.memory.artifacts({ project_id: me.book.project_id, in_force: true, limit: 10 }),
    )
    expect(inForce.map(({ id }) => id)).toEqual([third])

    await forget(me.context, wanted(third), KEEP)
    expect(await answers(me, 'cache pages readers')).not.toContain('Readers')
  })

  test('keeps no word of it by which a later decision could be found alike', async () => {
    const me = learner()
    const id = await me.decide('Cache pages for one hour', 'Readers see changes late, and the server is calm.')
    await forget(me.context, wanted(id), KEEP)
    const again = await me.decide('Cache pages for one hour', 'Readers see changes late, and the server is calm.')
    expect(again).not.toBe(id)
    expect(await artifact(me, again)).toMatchObject({ forgotten: false, supersedes: null })
    expect(await forget(me.context, wanted(again), KEEP)).toMatchObject({ said_again_as: [] })
  })

  test('names what says the same words under another id, which stays', async () => {
    const me = learner()
    const first = await me.decide('Cache pages for one hour', 'Readers wait less.')
    const second = await me.decide('Cache nothing', 'They saw old ones.', { supersedes: first })
    const again = await me.decide('Cache pages for one hour', 'Readers wait less.')
    expect(again).not.toBe(first)
    expect(await forget(me.context, wanted(first), KEEP)).toMatchObject({ said_again_as: [again] })
    expect(await artifact(me, again)).toMatchObject({ forgotten: false, supersedes: second })
  })

  test('changes nothing when it is done twice', async () => {
    const me = learner()
    const id = await me.decide('Keep tokens in heliotrope', 'The vault is called heliotrope.')
    await forget(me.context, wanted(id), KEEP)
    const before = await me.book.events()
    expect(await forget(me.context, wanted(id), KEEP)).toMatchObject({ was_forgotten: true })
    expect(await me.book.events()).toEqual(before)
  })

  test('forgets what is global and what another project has, each where it is', async () => {
    const me = learner()
    const everywhere = await me.decide('Use heliotrope everywhere', 'All projects have it.', { scope: 'global' })
    const elsewhere = await me.decide('Use heliotrope there', 'Only that one has it.', { project_id: 'other' })
    expect(await forget(me.context, wanted(everywhere), KEEP)).toMatchObject({ project_id: null, scope: 'global' })
    expect(await artifact(me, everywhere, GLOBAL_PROJECT)).toMatchObject({ forgotten: true })
    expect((await refusalOf(forget(me.context, wanted(elsewhere), KEEP))).code).toBe('artifact_not_found')
    expect(await forget(me.context, wanted(elsewhere, 'other'), KEEP)).toMatchObject({ project_id: 'other' })
  })

  test('refuses an id that nothing has, and names the nearest', async () => {
    const me = learner()
    const id = await me.decide('Keep tokens in heliotrope', 'The vault is called heliotrope.')
    const refusal = await refusalOf(forget(me.context, wanted(`${id.slice(0, -1)}x`), KEEP))
    expect(refusal).toMatchObject({ code: 'artifact_not_found', hint: expect.stringContaining(id) })
    expect(await forgettable(me.context, wanted(id))).toMatchObject({
      title: 'Keep tokens in heliotrope',
      is_forgotten: false,
    })
    expect(await refusalOf(forget(learner().context, wanted('x'), KEEP))).toMatchObject({
      hint: 'Nothing has been saved there yet.',
    })
  })

  test('stays forgotten after a rebuild', async () => {
    const me = learner()
    const id = await me.decide('Keep tokens in heliotrope', 'The vault is called heliotrope.')
    await forget(me.context, wanted(id), KEEP)
    await me.context.ledger.rebuild()
    expect(await artifact(me, id)).toMatchObject({ forgotten: true, text: null })
    expect(await answers(me, 'heliotrope')).not.toContain('vault')
  })

  test('takes the beginning of an id as lists show it, where only one begins so', async () => {
    const me = learner()
    const id = await me.decide('Keep tokens in heliotrope', 'The vault is called heliotrope.')
    expect(await forget(me.context, wanted(id.slice(0, 8)), KEEP)).toMatchObject({ id, was_forgotten: false })
    expect((await refusalOf(forget(me.context, wanted(id.slice(0, 3)), KEEP))).code).toBe('artifact_not_found')
  })
})
