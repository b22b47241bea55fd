import { describe, expect, it } from 'vitest'
import { lineageOf } from '../../../src/app/memory/lineage.ts'
import { lineageMarkdown } from '../../../src/app/memory/lineage-text.ts'
import { decision, type Remembered, readingContext, review, summary } from '../../support/memory.ts'

const lineage = (remembered: Remembered, id: string) => lineageOf(readingContext(remembered), id)
const ids = async (remembered: Remembered, id: string) =>
  (await lineage(remembered, id))?.line.map(({ decision }) => decision.id)

describe('the lineage of a decision', () => {
  it('goes back to what it superseded and on to what superseded it, the oldest first', async () => {
    const artifacts = [
      decision('c', { id: 'c', days: 1, supersedes: 'b' }),
      decision('a', { id: 'a', days: 3, superseded_by: ['b'] }),
      decision('b', { id: 'b', days: 2, supersedes: 'a', superseded_by: ['c'] }),
      decision('stranger', { id: 'd' }),
    ]
    for (const id of ['a', 'b', 'c']) expect(await ids({ artifacts }, id)).toEqual(['a', 'b', 'c'])
    const line = (await lineage({ artifacts }, 'b'))?.line.map(({ in_force, supersedes }) => ({ in_force, supersedes }))
    expect(line).toEqual([
      { in_force: false, supersedes: [] },
      { in_force: false, supersedes: ['a'] },
      { in_force: true, supersedes: ['b'] },
    ])
  })

  it('follows one that was retired for another, although only the retired one says so', async () => {
    const artifacts = [
      decision('twin', { id: 'twin', days: 5, superseded_by: ['stays'] }),
      decision('stays', { id: 'stays', days: 4 }),
    ]
    expect(await ids({ artifacts }, 'stays')).toEqual(['twin', 'stays'])
    expect(await ids({ artifacts }, 'twin')).toEqual(['twin', 'stays'])
  })

  it('has both branches where two clones superseded the same one', async () => {
    const artifacts = [
      decision('root', { id: 'root', days: 3, superseded_by: ['left', 'right'] }),
      decision('left', { id: 'left', days: 2, supersedes: 'root' }),
      decision('right', { id: 'right', days: 1, supersedes: 'root' }),
    ]
    expect(await ids({ artifacts }, 'root')).toEqual(['root', 'left', 'right'])
    expect(await ids({ artifacts }, 'left')).toEqual(['root', 'left'])
  })

  it('puts none before the one that it superseded, also where all were saved at the same time', async () => {
    const chain = ['z', 'm', 'a', 'q', 'b']
    const artifacts = chain.map((id, i) => {
      const [before, after] = [chain[i - 1], chain[i + 1]]
      return decision(id, {
        id,
        ...(before === undefined ? {} : { supersedes: before }),
        ...(after === undefined ? {} : { superseded_by: [after] }),
      })
    })
    expect(await ids({ artifacts }, 'a')).toEqual(chain)
  })

  it('ends where two took the place of each other', async () => {
    const artifacts = [
      decision('a', { id: 'a', days: 2, superseded_by: ['b'] }),
      decision('b', { id: 'b', days: 1, superseded_by: ['a'] }),
    ]
    expect(await ids({ artifacts }, 'a')).toEqual(['a', 'b'])
  })

  it('of a thousand is told from any of them', async () => {
    const n = 1000
    const artifacts = Array.from({ length: n }, (_, i) =>
      decision(`v${i}`, {
        id: `d-${i}`,
        days: n - i,
        ...(i === 0 ? {} : { supersedes: `d-${i - 1}` }),
        ...(i === n - 1 ? {} : { superseded_by: [`d-${i + 1}`] }),
      }),
    )
    for (const i of [0, 500, 999]) {
      const found = await lineage({ artifacts }, `d-${i}`)
      expect(found?.line).toHaveLength(n)
      expect(found?.line.map(({ decision }) => decision.text?.title)).toEqual(artifacts.map(({ text }) => text?.title))
      if (found !== undefined) expect(lineageMarkdown(found)).toContain('(900 older ones left out)')
    }
  })

  it('is found in global scope and in other projects of the book, and nowhere else', async () => {
    const artifacts = [
      decision('g', { id: 'g', scope: 'global' }),
      decision('o', { id: 'o', project_id: 'borealis' }),
      summary('no decision', { id: 's' }),
    ]
    expect(await ids({ artifacts }, 'g')).toEqual(['g'])
    expect(await ids({ artifacts }, 'o')).toEqual(['o'])
    expect(await lineage({ artifacts }, 's')).toBeUndefined()
    expect(await lineage({ artifacts }, 'nowhere')).toBeUndefined()
  })
})

describe('a lineage as Markdown', () => {
  it('tells the decision, its line, its reviews, and which session and summary produced each', async () => {
    const artifacts = [
      summary('Set up the store', { id: 'sum-1' }),
      decision('Use files', {
        id: 'a',
        days: 3,
        superseded_by: ['b'],
        session_id: 's-1',
        produced_by: ['sum-1', 'sum-gone'],
      }),
      decision('Use\n# SQLite', { id: 'b', days: 2, supersedes: 'a', session_id: null }),
    ]
    const reviews = [
      review('b', { id: 'r-1' }),
      review('a', { id: 'r-2', status: 'resolved', resolution: 'discard', resolved_at: '2026-11-20T00:00:00.000Z' }),
      review('elsewhere', { id: 'r-3' }),
    ]
    const found = await lineage({ artifacts, reviews }, 'b')
    if (found === undefined) throw new Error('There is a lineage.')
    const text = lineageMarkdown(found)
    expect(text.split('\n').filter((line) => line.startsWith('#'))).toEqual([
      '# Use # SQLite',
      '## Lineage, the oldest first',
      '## Reviews',
    ])
    for (const said of [
      '- State: in force',
      '- Session: none',
      'Use files (a): superseded by b; session s-1; from summary sum-1 and sum-gone',
      '**Use # SQLite** (b): in force; session none; took the place of a',
      '(r-1), 60 % like b: waits',
      '(r-2), 60 % like a: discard at 2026-11-20T00:00:00.000Z',
    ])
      expect(text).toContain(said)
    expect(text).not.toContain('r-3')
    const first = await lineage({ artifacts }, 'a')
    expect(first === undefined ? '' : lineageMarkdown(first)).toContain(
      '- From summary sum-1: Set up the store\n- From summary sum-gone',
    )
  })

  it('tells of a forgotten decision that it was one, and nothing that it said', async () => {
    const artifacts = [decision('secret', { id: 'a', forgotten: true })]
    const found = await lineage({ artifacts }, 'a')
    const text = found === undefined ? '' : lineageMarkdown(found)
    expect(text).toContain('# A forgotten decision')
    expect(text).toContain('- State: forgotten')
    expect(text).not.toContain('secret')
  })
})
