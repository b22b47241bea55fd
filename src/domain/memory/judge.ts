import { type Decision, isInForce } from './artifact.ts'
import { differingNegations, wordSet } from './words.ts'

/** From this Jaccard similarity on, a decision takes the place of the one that it is like. */
const SUPERSEDES_AT = 0.7
/** From this one on, a person decides. */
export const REVIEWED_AT = 0.5

/** What is known of a decision's room when it is to be saved; all of it read under the lock under which it is written. */
export interface Surroundings {
  /** The newest decision of the same words, in force or not. */
  readonly same: Decision | undefined
  /** In force, at the end of the line in which `same` was superseded. */
  readonly successor: Decision | undefined
  /** The one that the caller said it takes the place of. */
  readonly named: Decision | undefined
  /** The most similar one in force, of equals the newest, if it reaches `REVIEWED_AT`. */
  readonly nearest: { readonly decision: Decision; readonly similarity: number } | undefined
}

export type Verdict =
  | { readonly outcome: 'duplicate_skip'; readonly of: Decision; readonly retires: Decision | null }
  | {
      readonly outcome: 'supersede'
      readonly target: Decision
      readonly similarity: number | null
      readonly because: 'named' | 'decided_again' | 'similar'
    }
  | {
      readonly outcome: 'manual_review'
      readonly candidate: Decision
      readonly similarity: number
      /** Words that one of the two texts has and the other has not, where that is why nobody but a person may judge. */
      readonly negations: readonly string[]
    }
  | { readonly outcome: 'new' }

/** What becomes of a decision among those that are known: the one rule, whether it comes alone, in a batch or by import. */
export function judge(text: { title: string; rationale: string }, known: Surroundings): Verdict {
  const { same, successor, named, nearest } = known
  if (same !== undefined && isInForce(same)) {
    return { outcome: 'duplicate_skip', of: same, retires: named === undefined || named.id === same.id ? null : named }
  }
  if (named !== undefined) return { outcome: 'supersede', target: named, similarity: null, because: 'named' }
  if (successor !== undefined) {
    return { outcome: 'supersede', target: successor, similarity: null, because: 'decided_again' }
  }
  if (nearest === undefined || nearest.similarity < REVIEWED_AT) return { outcome: 'new' }

  const { decision: candidate, similarity } = nearest
  if (similarity < SUPERSEDES_AT) return { outcome: 'manual_review', candidate, similarity, negations: [] }
  const negations =
    candidate.text === null ? [] : differingNegations(wordsOfDecision(text), wordsOfDecision(candidate.text))
  if (negations.length > 0) return { outcome: 'manual_review', candidate, similarity, negations }
  return { outcome: 'supersede', target: candidate, similarity, because: 'similar' }
}

/** The words by which decisions are compared. */
export function wordsOfDecision({ title, rationale }: { title: string; rationale: string }): Set<string> {
  return wordSet([title, rationale])
}
