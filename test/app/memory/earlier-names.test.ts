import { describe, expect, test } from 'vitest'
import { forget } from '../../../src/app/memory/forgetting.ts'
import { examineBook } from '../../../src/app/operator/doctor.ts'
import { type AnyBook, bookInFiles } from '../../support/stores.ts'
import { type Learner, learner } from './learned.ts'

/** The same folder, as it is opened once the settings have another project id. */
const renamed = ({ root, clock }: AnyBook, project_id: string) => learner(bookInFiles({ root, clock, project_id }))

const notes = async ({ context }: Learner) =>
  (await examineBook(context, { fix: false, restore: false })).filter(({ check }) => check === 'memory')

async function bookOf(project_id: string): Promise<Learner> {
  const me = learner(bookInFiles({ project_id }))
  await me.decide('Keep pages in memory', 'It is quick.')
  await me.decide('Write reports on Fridays', 'People have time then.')
  await me.pattern('the tide turns', ['cast off'])
  await me.summary('Chart the bay')
  return me
}

// In files alone: a database holds every team's projects, and a book there knows of those only that its own log speaks of.
describe('the earlier name of a project', () => {
  test('what was left behind under another project id is a note, with what to do', async () => {
    const old = await bookOf('old')
    expect(await notes(old)).toEqual([])
    expect(await notes(renamed(old.book, 'new'))).toEqual([
      {
        check: 'memory',
        level: 'note',
        where: 'project "old"',
        message:
          'this book holds 2 decisions, 1 pattern and 1 summary of project "old", which this project, "new", does not read',
        mend: expect.stringContaining('rutter export --project old | rutter import - --project new'),
        mended: null,
      },
    ])
  })

  test('is still told once something was saved under the new id, and while other clones go on with the old one', async () => {
    const old = await bookOf('old')
    const me = renamed(old.book, 'new')
    await me.decide('Sail before noon', 'The wind turns later.')
    const [told] = await notes(me)
    expect(told?.mend).toContain('what was saved for "new" since then stays under that name')
    await old.decide('Count barrels twice', 'One was missing.')
    await old.context.ledger.read(async () => {})
    expect(await notes(me)).toMatchObject([{ message: expect.stringContaining('3 decisions') }])
  })

  test('a project that grows beside the own one is not told, nor one that came after it', async () => {
    const me = await bookOf('atlas')
    for (const text of ['Sail before noon', 'Count barrels twice'])
      await me.decide(text, '', { project_id: 'borealis' })
    await me.decide('Feed the ship cat', 'Mice eat rope.')
    expect(await notes(me)).toEqual([])
  })

  test('what the own project has in the same words, and what was forgotten, is not counted', async () => {
    const old = await bookOf('old')
    const gone = await old.decide('Feed the ship cat', 'Mice eat rope.')
    await forget(old.context, { id: gone, project_id: null }, { purge: false })
    const me = renamed(old.book, 'new')
    await me.decide('keep pages in memory', 'it is quick')
    expect(await notes(me)).toMatchObject([
      { message: expect.stringMatching(/holds 1 decision, 1 pattern and 1 summary of/) },
    ])
  })

  test('a project that no settings could name is not told: an agent named it', async () => {
    const me = learner()
    for (const text of ['Sail before noon', 'Count barrels twice'])
      await me.decide(text, '', { project_id: 'the west wing' })
    expect(await notes(me)).toEqual([])
    await me.decide('Feed the ship cat', 'Mice eat rope.', { project_id: 'west-wing' })
    expect(await notes(me)).toMatchObject([{ where: 'project "west-wing"' }])
  })
})
