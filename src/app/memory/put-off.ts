import type { Passing, Refusal } from '../../domain/refusal.ts'
import { notSaved } from './saving.ts'

/** What was to be saved. */
interface Asked {
  readonly summary: object | null
  readonly decisions: readonly object[]
  readonly patterns: readonly object[]
  readonly idempotency_key: string | null
}

/**
 * What a saving call answers while the store that its caller asked for is away. Nothing is kept elsewhere in the meantime: what is told
 * as saved is in that store.
 */
export function putOff(refusal: Refusal, passing: Passing, asked: Asked) {
  const nextStep = nextStepOf(passing, asked)
  const kept = passing === 'nothing' ? 'Nothing was kept here.' : 'Nothing waits here to be saved later.'
  const result = notSaved('pending_retry', refusal.code, `${refusal.message} ${kept} ${nextStep}`, nextStep)
  const { summary, decisions, patterns } = asked
  return {
    summary: summary === null ? null : result,
    decisions: decisions.map(() => result),
    patterns: patterns.map(() => result),
  }
}

function nextStepOf(passing: Passing, { idempotency_key, summary }: Asked): string {
  if (idempotency_key !== null) {
    return 'Save it again with the same idempotency_key when the store is back: it is kept once, however often you do.'
  }
  // Decisions and patterns are known by what they say.
  if (summary === null) return 'Save it again in the same words when the store is back: they are kept once.'
  return passing === 'nothing'
    ? 'Save it again when the store is back, in each attempt with the same idempotency_key, so that it is kept once.'
    : 'When the store is back, look with memory_surface whether it is there before you save it again; the same idempotency_key in each attempt spares you that.'
}
