import { describe, expect, test } from 'vitest'
import { perform } from '../../../src/app/operation.ts'
import { memoryReview } from '../../../src/app/operations/memory_review.ts'
import { requestGlobalWriteApproval } from '../../../src/app/operations/request_global_write_approval.ts'
import { saveDecision } from '../../../src/app/operations/save_decision.ts'
import { savePattern } from '../../../src/app/operations/save_pattern.ts'
import { saveSession } from '../../../src/app/operations/save_session.ts'
import { secretRedactor } from '../../../src/machine/redactor.ts'
import { refusalOf, testContext } from '../../support/book.ts'
import { decisionOf, patternOf, summaryOf, words } from '../../support/memory-makers.ts'
import { newBook, onEachStore } from '../../support/stores.ts'

function redacting(...patterns: string[]) {
  const book = newBook()
  const context = { ...testContext(book.open(), book.clock), redactor: secretRedactor({ patterns }) }
  return { book, context }
}

/** Some are URLs of a build, with whatever their owner put into them. */
const keyOf = (password: string) => `https://ci:${password}@ci.example.com/job`

onEachStore(() => {
  describe('an idempotency key', () => {
    test('that looks like a secret is another key where the secret is another', async () => {
      const { context } = redacting()
      const save = (password: string) =>
        perform(saveSession, context, { session: summaryOf('x'), idempotency_key: keyOf(password) })
      const [one, other, again] = [await save('s3cretpass1'), await save('s3cretpass2'), await save('s3cretpass1')]
      expect(other.artifact_id).not.toBe(one.artifact_id)
      expect(again.artifact_id).toBe(one.artifact_id)
    })

    test('is recorded by its digest only', async () => {
      const { book, context } = redacting()
      await perform(saveSession, context, { session: summaryOf('x'), idempotency_key: keyOf('s3cretpass1') })
      const recorded = JSON.stringify(await book.events())
      expect(recorded).not.toContain('ci.example.com')
      expect(recorded).toMatch(/"idempotency_key":"[0-9a-f]{64}"/)
    })
  })

  describe("a user's own pattern", () => {
    const UUIDS = '[0-9a-f]{8}-[0-9a-f-]{27}'

    test('that takes tokens and ids for secrets keeps nobody from passing them', async () => {
      const { context } = redacting(UUIDS)
      const { token } = await perform(requestGlobalWriteApproval, context, { content_preview: 'x' })
      const decision = decisionOf(words(10), { scope: 'global' })
      const saved = await perform(saveDecision, context, { decision, governance_token: token })
      expect(saved).toMatchObject({ status: 'saved', dedup_outcome: 'new' })
      await perform(saveDecision, context, { decision: decisionOf(words(10)) })
      const asked = await perform(saveDecision, context, { decision: decisionOf(`${words(7)} a b c`) })
      const wanted = { action: 'resolve', id: asked.review_id, resolution: 'discard' }
      expect((await perform(memoryReview, context, wanted)).resolved).toMatchObject({ status: 'saved' })
    })

    test('that changes a date refuses the call, names the field and the pattern, and records nothing', async () => {
      const { book, context } = redacting(String.raw`\d{4}-\d{2}-\d{2}`)
      const refused = [
        [await refusalOf(perform(savePattern, context, { pattern: patternOf('x') })), 'pattern.last_validated_at'],
        [await refusalOf(perform(saveDecision, context, { decision: decisionOf('x') })), 'decision.date'],
      ] as const
      for (const [{ code, message, body }, field] of refused) {
        expect(code).toBe('invalid_argument')
        expect(message).toContain(field)
        expect(JSON.stringify(body)).toContain('redact pattern of .bot/rutter.json')
      }
      expect(await book.events()).toEqual([])
    })

    test('whose marker makes a text longer than it may be given costs nobody the text', async () => {
      const { context } = redacting('hush')
      const title = 'hush '.repeat(3200)
      const saved = await perform(saveDecision, context, { decision: decisionOf(title) })
      expect(saved).toMatchObject({ status: 'saved' })
    })
  })
})
