/** What a project has learned, in any amount: the same each time. */

import type { NewMemoryEvent } from '../src/domain/memory/events.ts'
import { wordsOfDecision } from '../src/domain/memory/judge.ts'
import { canonicalText } from '../src/domain/memory/words.ts'
import type { Identity } from '../src/ports/identity.ts'
import { Families } from './similarity-data.ts'

/** Words of a title; the rest of a decision's words are its rationale. */
const TITLE_WORDS = 5

type DecisionSaved = Extract<NewMemoryEvent, { type: 'decision.saved' }>

/** A decision as an agent would give it, of some words. */
export function decisionOf(words: readonly string[]) {
  return {
    title: words.slice(0, TITLE_WORDS).join(' '),
    rationale: words.slice(TITLE_WORDS).join(' '),
    owner: 'bench',
    date: '2026-11-22',
    scope: 'project' as const,
    confidence: 1,
  }
}

/** So many decisions that are all in force, as if each had been looked at by a person and kept beside those that it is like. */
export function* decisionEvents(
  projectId: string,
  count: number,
  { digest, newId }: Identity,
  families = new Families(),
): Generator<DecisionSaved> {
  for (const words of families.decisions(count)) {
    const { scope, ...text } = decisionOf(words)
    if (wordsOfDecision(text).size === 0) throw new Error('A decision of the bench has no words.')
    yield {
      type: 'decision.saved',
      data: {
        artifact_id: newId(),
        project_id: projectId,
        scope,
        focus: null,
        origin: { project_id: projectId, session_id: null },
        ...text,
        content_hash: digest(canonicalText([text.title, text.rationale])),
        supersedes: null,
        similarity: null,
        summary_id: null,
      },
    }
  }
}
