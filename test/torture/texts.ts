import { randomFrom } from './random.ts'

/** What agents say in a round: much that others say too, much that is nearly the same, and what nobody said before. */

type Scope = 'project' | 'focus' | 'global'

export interface Batch {
  readonly idempotency_key: string
  readonly focus: string
  readonly summary: { readonly text: string; readonly scope: Scope }
  readonly decisions: readonly { readonly text: string; readonly scope: Scope }[]
  readonly patterns: readonly { readonly text: string; readonly scope: Scope }[]
}

export const FOCUSES = ['wharf', 'tide'] as const

/** So many words that nothing else has. */
function wordsFrom(seed: string, count: number): string[] {
  const random = randomFrom(numberOf(seed))
  return Array.from({ length: count }, () => random.int(36 ** 5, 36 ** 6 - 1).toString(36))
}

function numberOf(text: string): number {
  let sum = 0x811c9dc5
  for (const char of text) sum = Math.imul(sum ^ (char.codePointAt(0) ?? 0), 0x01000193)
  return sum >>> 0
}

/** A text of nobody else's. */
export function newText(mark: string): string {
  return `new ${wordsFrom(mark, 9).join(' ')}`
}

const VARIANTS = 5

/**
 * One of a few texts that change with time, so that several processes say them at once: as it is, written another way (the same),
 * with another word (nearly the same), with other words (half alike), or with its meaning turned round.
 */
export function pooledText(random: { int(from: number, to: number): number }): string {
  const topic = `topic-${Math.floor(Date.now() / 2000)}-${random.int(1, 4)}`
  const words = wordsFrom(topic, 10)
  const variant = random.int(1, VARIANTS)
  if (variant === 1) return words.join(' ')
  if (variant === 2) return `${words.join('  ').toUpperCase()}.`
  if (variant === 3) return [...words.slice(0, 9), 'instead'].join(' ')
  if (variant === 4) return [...words.slice(0, 7), 'rather', 'like', 'that'].join(' ')
  return ['never', ...words].join(' ')
}

/** A key that several processes use at about the same time, each as if the one before it had died unheard. */
export function sharedKey(kind: string, random: { int(from: number, to: number): number }): string {
  return `${kind}-${Math.floor(Date.now() / 200) - random.int(0, 4)}`
}

/**
 * The batch of a key: whoever calls with that key says the same. Each of its things tells how many there are, so that the record
 * shows when some are missing.
 */
export function batchOf(idempotency_key: string, withGlobal: boolean): Batch {
  const random = randomFrom(numberOf(idempotency_key))
  const scopes: readonly Scope[] = withGlobal ? ['project', 'focus', 'global', 'global'] : ['project', 'focus']
  const scope = () => random.pick(scopes)
  const decisions = Array.from({ length: random.int(1, 3) }, scope)
  const patterns = Array.from({ length: random.int(0, 2) }, scope)
  // At least one thing for each book, where the batch is to be in both.
  if (withGlobal) decisions.push('global', 'project')
  const count = 1 + decisions.length + patterns.length
  let item = 0
  const text = () => {
    item++
    const words = wordsFrom(`${idempotency_key} ${item}`, 9).join(' ')
    return `batch ${idempotency_key} item ${item} of ${count} ${words}`
  }
  return {
    idempotency_key,
    focus: random.pick(FOCUSES),
    summary: { text: text(), scope: withGlobal ? scope() : 'project' },
    decisions: decisions.map((each) => ({ text: text(), scope: each })),
    patterns: patterns.map((each) => ({ text: text(), scope: each })),
  }
}
