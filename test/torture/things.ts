import type { SavedItem } from './answers.ts'
import type { Batch } from './texts.ts'

/** One thing to be saved, before it is. */
export interface Thing {
  readonly kind: SavedItem['kind']
  readonly scope: string
  readonly focus: string
  readonly text: string
  /** Stands in the event that it leaves. */
  readonly mark: string
}

const VALIDATED = Date.parse('2026-11-01T00:00:00Z')

/** As `save_decision` takes it. */
export function decision({ text, scope, mark }: Thing, supersedes?: string) {
  const said = { title: text, rationale: 'the tide', owner: mark, date: '2026-11-22', scope }
  return supersedes === undefined ? said : { ...said, supersedes }
}

/** As `save_pattern` takes it. */
export function pattern({ text, scope, mark }: Thing) {
  const last_validated_at = new Date(VALIDATED + (mark.length % 7) * 3_600_000).toISOString()
  return { trigger: text, repeatable_steps: ['moor'], exclusions: [mark], scope, last_validated_at }
}

/** As `save_session` takes it. */
export function summary({ text, scope, mark }: Thing) {
  const lists = { actions_taken: [], decisions_made: [], open_items: [mark], next_actions: [] }
  return { objective: text, ...lists, save_scope: scope }
}

export function roomOf({ scope, focus }: Pick<Thing, 'scope' | 'focus'>): string {
  return scope === 'focus' ? `focus:${focus}` : scope
}

/** The things of a batch as one call says them, in the order in which they are answered. */
export function thingsOf(batch: Batch, call: string) {
  const { focus } = batch
  let i = 0
  const named = (kind: Thing['kind'], { text, scope }: { text: string; scope: string }): Thing => ({
    ...{ kind, text, scope, focus },
    mark: `${call}/${++i}`,
  })
  return {
    head: named('summary', batch.summary),
    decisions: batch.decisions.map((each) => named('decision', each)),
    patterns: batch.patterns.map((each) => named('pattern', each)),
    /** One more, beside those that belong to the batch. */
    another: (text: string, scope: string) => named('decision', { text, scope }),
  }
}

/** The arguments of `store_session_with_learnings`. */
export function argsOf(
  { focus, idempotency_key }: Batch,
  things: { head: Thing; decisions: readonly Thing[]; patterns: readonly Thing[] },
) {
  return {
    session: summary(things.head),
    decisions: things.decisions.map((each) => decision(each)),
    patterns: things.patterns.map(pattern),
    ...{ focus, idempotency_key },
  }
}
