import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type End, NOTHING, type Standing, standingOf } from '../../src/domain/copies.ts'

/** What a stream says, as the hashes of its chain: each covers all before. */
function chainOf(words: readonly number[]): End[] {
  const chain = [NOTHING]
  for (const word of words)
    chain.push({ seq: chain.length, hash: hash('sha256', `${chain.at(-1)?.hash} ${word}`, 'hex') })
  return chain
}

const words = fc.array(fc.nat(2), { maxLength: 6 })

/** The same by comparing the words themselves. */
function standingOfWords(here: readonly number[], there: readonly number[]): Standing {
  const common = Math.min(here.length, there.length)
  if (here.slice(0, common).join() !== there.slice(0, common).join()) return 'forked'
  if (here.length === there.length) return 'equal'
  return here.length > there.length ? 'here_has_more' : 'there_has_more'
}

const isOver = (end: End | undefined): End => end ?? NOTHING

test('of two copies, one is the other, or its beginning, or each has something of its own', () => {
  fc.assert(
    fc.property(words, words, words, (common, mine, theirs) => {
      const [here, there] = [chainOf([...common, ...mine]), chainOf([...common, ...theirs])]
      const [a, b] = [isOver(here.at(-1)), isOver(there.at(-1))]
      const longer = a.seq > b.seq ? here : there
      const asked = longer[Math.min(a.seq, b.seq)]?.hash ?? null
      expect(standingOf(a, b, asked)).toBe(standingOfWords([...common, ...mine], [...common, ...theirs]))
    }),
  )
})

test('a copy that does not have the line where the other ends has forked from it', () => {
  const [end, longer] = [chainOf([1]).at(-1) ?? NOTHING, chainOf([1, 2]).at(-1) ?? NOTHING]
  expect(standingOf(end, longer, null)).toBe('forked')
  expect(standingOf(longer, end, null)).toBe('forked')
  expect(standingOf(NOTHING, longer, null)).toBe('there_has_more')
})
