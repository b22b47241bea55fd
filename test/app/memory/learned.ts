import { memoryReview } from '../../../src/app/operations/memory_review.ts'
import { requestGlobalWriteApproval } from '../../../src/app/operations/request_global_write_approval.ts'
import { saveDecision } from '../../../src/app/operations/save_decision.ts'
import { savePattern } from '../../../src/app/operations/save_pattern.ts'
import { saveSession } from '../../../src/app/operations/save_session.ts'
import { type LedgerOptions, type TestContext, testContext } from '../../support/book.ts'
import { type AnyBook, newBook } from '../../support/stores.ts'

type Openable = Pick<AnyBook, 'open' | 'clock'>

/** Somebody who saves things, in a book of their own, a second after each other. */
export interface Learner<Book extends Openable = AnyBook> {
  readonly book: Book
  readonly context: TestContext
  /** Gives the artifact's id, or the review's where the text waits. */
  decide(title: string, rationale: string, over?: Record<string, unknown>): Promise<string>
  pattern(trigger: string, steps: readonly string[], over?: Record<string, unknown>): Promise<string>
  summary(objective: string, over?: Record<string, unknown>): Promise<string>
  resolve(id: string, resolution: 'supersede' | 'keep_both' | 'discard'): Promise<void>
}

export function learner(): Learner
export function learner<Book extends Openable>(book: Book, options?: LedgerOptions): Learner<Book>
export function learner(book: Openable = newBook(), options: LedgerOptions = {}): Learner<Openable> {
  const context = testContext(book.open(options), book.clock)
  const token = async (scope: unknown) => {
    if (scope !== 'global') return {}
    const approval = await context.call(requestGlobalWriteApproval, { content_preview: 'for all' })
    return { governance_token: approval.token }
  }
  const call = async (operation: Parameters<TestContext['call']>[0], input: unknown) => {
    book.clock.advance(1000)
    const result = (await context.call(operation, input)) as { artifact_id: string | null; review_id?: string }
    return String(result.artifact_id ?? result.review_id)
  }
  return {
    book,
    context,
    async decide(title, rationale, { focus, project_id, ...over } = {}) {
      const decision = { title, rationale, owner: 'olga', date: '2026-11-21', scope: 'project', ...over }
      return await call(saveDecision, { decision, focus, project_id, ...(await token(over['scope'])) })
    },
    async pattern(trigger, steps, { focus, project_id, ...over } = {}) {
      const validated = book.clock.now()
      const pattern = { trigger, repeatable_steps: steps, scope: 'project', last_validated_at: validated, ...over }
      return await call(savePattern, { pattern, focus, project_id, ...(await token(over['scope'])) })
    },
    async summary(objective, { focus, project_id, ...over } = {}) {
      const lists = { actions_taken: [], decisions_made: [], open_items: [], next_actions: [] }
      const session = { objective, ...lists, save_scope: 'project', ...over }
      return await call(saveSession, { session, focus, project_id })
    },
    async resolve(id, resolution) {
      book.clock.advance(1000)
      await context.call(memoryReview, { action: 'resolve', id, resolution })
    },
  }
}
