import { memoryReview } from '../../src/app/operations/memory_review.ts'
import { requestGlobalWriteApproval } from '../../src/app/operations/request_global_write_approval.ts'
import { saveDecision } from '../../src/app/operations/save_decision.ts'
import { savePattern } from '../../src/app/operations/save_pattern.ts'
import { saveSession } from '../../src/app/operations/save_session.ts'
import { storeSessionWithLearnings } from '../../src/app/operations/store_session_with_learnings.ts'
import type { Actor } from '../../src/domain/event.ts'
import type { Artifact } from '../../src/domain/memory/artifact.ts'
import { GLOBAL_PROJECT } from '../../src/domain/memory/room.ts'
import type { Ledger } from '../../src/ports/ledger.ts'
import { type LedgerOptions, type TestContext, testContext } from './book.ts'
import { type AnyBook, newBook } from './stores.ts'

/** Fields of a call's argument that a test says itself. */
export type Fields = Readonly<Record<string, unknown>>

export const SEED_DECISION = {
  title: 'Use SHA-256 + Jaccard for decision dedup',
  rationale:
    'BM25 score thresholds were fragile; hash gives exact-match certainty and Jaccard similarity gives semantic supersession for near-duplicates.',
  owner: 'Kai Vu',
  date: '2026-04-08',
  scope: 'project',
  supersedes: null,
  confidence: 0.95,
}

export const SEED_SESSION = {
  objective: 'Implement dedup engine for decisions',
  actions_taken: ['Read ARCHITECTURE.md', 'Implemented SHA-256 hash check', 'Added Jaccard similarity fallback'],
  decisions_made: ['Use hash-only dedup for patterns (exact match sufficient)', 'Jaccard threshold 0.70 for supersede'],
  open_items: ['Add integration test for manual_review path'],
  next_actions: ['Write tests for dedup engine', 'Review WriteEngine retry logic'],
  save_scope: 'project',
}

export const SEED_PATTERN = {
  trigger: 'When starting a new session on a known project',
  repeatable_steps: [
    'Call get_scope_state(project_id)',
    "Call retrieve_context(project_id, scope='project')",
    'Review decisions and patterns before reasoning',
  ],
  exclusions: ['Skip if Neo4j is unavailable — continue in local mode'],
  scope: 'global',
  last_validated_at: '2026-04-08T10:00:00Z',
}

/** A decision of which only the words matter; with no rationale but what is said. */
export const decisionOf = (title: string, over: Fields = {}) => ({
  title,
  rationale: '',
  owner: 'olga',
  date: '2026-11-21',
  scope: 'project',
  ...over,
})

export const patternOf = (trigger: string, over: Fields = {}) => ({
  trigger,
  repeatable_steps: ['look', 'do it'],
  scope: 'project',
  last_validated_at: '2026-11-01T10:00:00Z',
  ...over,
})

export const summaryOf = (objective: string, over: Fields = {}) => ({
  objective,
  actions_taken: [],
  decisions_made: [],
  open_items: [],
  next_actions: [],
  save_scope: 'project',
  ...over,
})

/** So many different words, none of which turns a meaning round. */
export function words(count: number, prefix = 'w'): string {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`).join(' ')
}

/** Two texts that share so many words and have so many each for itself: their similarity is shared / (shared + one + other). */
export function twoTexts(shared: number, one: number, other: number, prefix = ''): [string, string] {
  const common = words(shared, `${prefix}s`)
  return [`${common} ${words(one, `${prefix}a`)}`.trim(), `${common} ${words(other, `${prefix}b`)}`.trim()]
}

/** One connection that saves, with short names for what it calls. */
export class Saver {
  readonly ledger: Ledger
  readonly context: TestContext

  constructor(ledger: Ledger, context: TestContext) {
    this.ledger = ledger
    this.context = context
  }

  decide(decision: Fields | string, more: Fields = {}) {
    const given = typeof decision === 'string' ? decisionOf(decision) : decision
    return this.context.call(saveDecision, { decision: given, ...more })
  }

  learn(pattern: Fields | string, more: Fields = {}) {
    const given = typeof pattern === 'string' ? patternOf(pattern) : pattern
    return this.context.call(savePattern, { pattern: given, ...more })
  }

  summarize(session: Fields | string, more: Fields = {}) {
    const given = typeof session === 'string' ? summaryOf(session) : session
    return this.context.call(saveSession, { session: given, ...more })
  }

  batch(decisions: readonly Fields[], patterns: readonly Fields[] = [], more: Fields = {}) {
    return this.context.call(storeSessionWithLearnings, { session: summaryOf('A batch'), decisions, patterns, ...more })
  }

  async token(preview = 'something for everybody'): Promise<string> {
    return (await this.context.call(requestGlobalWriteApproval, { content_preview: preview })).token
  }

  async reviews(more: Fields = {}) {
    return (await this.context.call(memoryReview, { action: 'list', ...more })).reviews
  }

  async resolve(id: string | undefined, resolution: string, more: Fields = {}) {
    return (await this.context.call(memoryReview, { action: 'resolve', id, resolution, ...more })).resolved
  }

  /** An artifact of the project's book, or of the global one where the project is `*`. */
  async artifact(id: string | null, project: string = this.ledger.project_id): Promise<Artifact | undefined> {
    return await this.ledger.readWithGlobal(async (book, global) =>
      (project === GLOBAL_PROJECT ? global : book)?.memory.artifact(project, id ?? 'none'),
    )
  }

  /** Ids of the decisions and patterns in force, newest first. */
  async inForce(project: string = this.ledger.project_id): Promise<string[]> {
    const filter = { project_id: project, kinds: ['decision', 'pattern'] as const, in_force: true, limit: 10_000 }
    const found = await this.ledger.readWithGlobal(async (book, global) =>
      (project === GLOBAL_PROJECT ? global : book)?.memory.artifacts(filter),
    )
    return (found ?? []).map(({ id }) => id)
  }

  /** Waits until the store has followed what was answered. */
  async settle(): Promise<void> {
    await this.ledger.readWithGlobal(async () => {})
  }
}

export interface SaverOptions {
  readonly slot?: string
  readonly actor?: Actor
  readonly ledger?: LedgerOptions
  readonly settings?: { readonly strict_projects?: boolean; readonly approval_seconds?: number }
}

/** A connection of its own to a book. */
export function saver(
  book: Pick<AnyBook, 'open' | 'clock'> = newBook(),
  { ledger: options, settings, ...rest }: SaverOptions = {},
): Saver {
  const ledger = book.open(options)
  return new Saver(ledger, testContext(ledger, book.clock, { ...rest, ...settings }))
}
