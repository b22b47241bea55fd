import type { NewMemoryEvent } from '../../domain/memory/events.ts'
import { type Room, roomOf, type Scope } from '../../domain/memory/room.ts'
import { Refusal } from '../../domain/refusal.ts'
import type { LedgerWriter } from '../../ports/ledger.ts'
import type { Context } from '../context.ts'
import { type Grants, writeWithGlobal, writeWithGrants } from '../lock.ts'
import { blockedBy, type Gate, openGate, spentApproval } from './gate.ts'
import { type Origin, originOf } from './origin.ts'
import { putOff } from './put-off.ts'
import { type DecisionWords, readDecision, saveDecision } from './save-decision.ts'
import { savePattern } from './save-pattern.ts'
import { saveSummary } from './save-summary.ts'
import { Draft, notSaved, type Saying } from './saving.ts'
import type { DecisionInput, PatternInput, SaveResult, SummaryInput } from './shapes.ts'

/** What one call wants to save; one decision alone is a batch of one, so the same rules hold for both. */
export interface Learnings {
  readonly summary: SummaryInput | null
  readonly decisions: readonly DecisionInput[]
  readonly patterns: readonly PatternInput[]
  readonly project_id: string | null
  readonly focus: string | null
  readonly governance_token: string | null
  readonly session_id: string | null
  readonly idempotency_key: string | null
}

/** Results in the order of what was given. */
export interface Saved {
  readonly summary: SaveResult | null
  readonly decisions: readonly SaveResult[]
  readonly patterns: readonly SaveResult[]
}

/**
 * Saves what was learned: judges each item among all that is known, the items before it included, and records what is to be kept
 * as one step, in this book and the global one together.
 */
export async function saveLearnings(context: Context, learnings: Learnings): Promise<Saved> {
  try {
    return await saveNow(context, learnings)
  } catch (error) {
    const passing = error instanceof Refusal ? error.storeAway : null
    if (!(error instanceof Refusal) || passing === null) throw error
    return putOff(error, passing, learnings)
  }
}

async function saveNow(context: Context, learnings: Learnings): Promise<Saved> {
  const { summary, decisions, patterns } = learnings
  // Before any lock is taken: nobody else is to wait for it.
  const words = decisions.map((decision) => readDecision(context.identity, decision))
  const scopes = [...(summary === null ? [] : [summary.save_scope]), ...[...decisions, ...patterns].map((i) => i.scope)]
  if (!scopes.includes('global')) {
    return await writeWithGrants(context, (book, grants) => save(context, learnings, words, book, null, grants))
  }
  const problem = await globalProblem(context)
  return problem === null
    ? await writeWithGlobal(context, (book, global, grants) => save(context, learnings, words, book, global, grants))
    : await writeWithGrants(context, (book, grants) => save(context, learnings, words, book, problem, grants))
}

/** Why the global book cannot be written, as the items that wanted it are told; the others are saved all the same. */
async function globalProblem({ ledger }: Context): Promise<SaveResult | null> {
  try {
    await ledger.openGlobal()
    return null
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'store_unavailable') throw error
    const message = `The global book cannot be written: ${error.message}`
    const status = error.storeAway === null ? 'failed' : 'pending_retry'
    return notSaved(status, 'store_unavailable', message, error.hint ?? 'Save it in project scope.')
  }
}

/** The global book as one call finds it: not asked for, not to be written and why, or open. */
type Global = LedgerWriter | SaveResult | null

async function save(
  context: Context,
  learnings: Learnings,
  words: readonly DecisionWords[],
  book: LedgerWriter,
  global: Global,
  grants: Grants,
): Promise<Saved> {
  const batch = await Batch.open(context, learnings, book, global, grants)
  const summary = learnings.summary === null ? null : await batch.summary(learnings.summary)
  const decisions: SaveResult[] = []
  for (const [i, decision] of learnings.decisions.entries()) decisions.push(await batch.decision(decision, words[i]))
  const patterns: SaveResult[] = []
  for (const pattern of learnings.patterns) patterns.push(await batch.pattern(pattern))
  await batch.append()
  return { summary, decisions, patterns }
}

/** One call's items, judged in their order and appended together. */
class Batch {
  readonly #context: Context
  readonly #learnings: Learnings
  readonly #project: string
  readonly #now: string
  readonly #gate: Gate
  readonly #origin: Origin
  readonly #own: { readonly book: LedgerWriter; readonly draft: Draft }
  readonly #global: { readonly book: LedgerWriter; readonly draft: Draft } | null
  readonly #globalFault: SaveResult | null
  #summaryId: string | null = null

  private constructor(
    context: Context,
    learnings: Learnings,
    book: LedgerWriter,
    global: Global,
    found: { gate: Gate; origin: Origin },
  ) {
    this.#context = context
    this.#learnings = learnings
    this.#project = learnings.project_id ?? context.ledger.project_id
    this.#now = context.clock.now()
    this.#gate = found.gate
    this.#origin = found.origin
    const side = (of: LedgerWriter) => ({ book: of, draft: new Draft(context, of.memory, this.#now) })
    this.#own = side(book)
    this.#global = isBook(global) ? side(global) : null
    this.#globalFault = isBook(global) ? null : global
  }

  static async open(
    context: Context,
    learnings: Learnings,
    book: LedgerWriter,
    global: Global,
    grants: Grants,
  ): Promise<Batch> {
    const gate = await openGate(context, book.memory, isBook(global) ? global.memory : null, {
      project_id: learnings.project_id ?? context.ledger.project_id,
      token: learnings.governance_token,
    })
    const origin = await originOf(book, context, learnings.session_id, grants)
    return new Batch(context, learnings, book, global, { gate, origin })
  }

  async summary(input: SummaryInput): Promise<SaveResult> {
    const scope = input.save_scope
    // A summary claims nothing for others, so it needs no approval.
    const fault = (scope === 'global' ? this.#globalFault : null) ?? this.#gate.project
    const { idempotency_key } = this.#learnings
    const result =
      fault ?? (await saveSummary(this.#draft(scope), this.#saying, this.#room(scope), input, idempotency_key))
    this.#summaryId = result.artifact_id
    return this.#noted(result, scope)
  }

  async decision(input: DecisionInput, words?: DecisionWords): Promise<SaveResult> {
    const { scope } = input
    return await this.#item(scope, (draft) => saveDecision(draft, this.#saying, this.#room(scope), input, words))
  }

  async pattern(input: PatternInput): Promise<SaveResult> {
    const { scope } = input
    return await this.#item(scope, (draft) => savePattern(draft, this.#saying, this.#room(scope), input))
  }

  async #item(scope: Scope, saveIn: (draft: Draft) => Promise<SaveResult>): Promise<SaveResult> {
    const fault = this.#blocked(scope)
    const result =
      fault === null ? await saveIn(this.#draft(scope)) : ((await this.#savedBefore(scope, saveIn)) ?? fault)
    return this.#noted(result, scope)
  }

  /**
   * What became of an item when this very call came before: whoever did not hear the answer asks again with the token that it spent.
   * The item is saved once more on paper; where that leaves nothing to record, it is all there.
   */
  async #savedBefore(scope: Scope, saveIn: (draft: Draft) => Promise<SaveResult>): Promise<SaveResult | null> {
    const isRetry = this.#learnings.idempotency_key !== null && this.#gate.approval?.spent === true
    if (scope !== 'global' || this.#global === null || this.#gate.project !== null || !isRetry) return null
    const paper = new Draft(this.#context, this.#global.book.memory, this.#now)
    const result = await saveIn(paper)
    return paper.events.length === 0 && result.error === undefined ? result : null
  }

  /** Hands over all that is to be recorded, and spends the approval if anything was written by it. */
  async append(): Promise<void> {
    const { actor } = this.#context.connection
    const { stream, not_before } = this.#origin
    const at = this.#now > not_before ? this.#now : not_before
    await this.#own.book.append(stream, this.#own.draft.events, { actor, at })
    if (this.#global === null) return
    const { book, draft } = this.#global
    const { approval } = this.#gate
    if (approval !== null && draft.events.some(({ type }) => SPENDS.has(type))) {
      draft.add(spentApproval(approval, this.#room('global'), this.#saying))
    }
    await book.append(await book.memoryStream(), draft.events, { actor, at: this.#now })
  }

  get #saying(): Saying {
    const origin = { project_id: this.#project, session_id: this.#origin.session_id }
    return { context: this.#context, origin, summary_id: this.#summaryId }
  }

  #blocked(scope: Scope): SaveResult | null {
    return (scope === 'global' ? this.#globalFault : null) ?? blockedBy(this.#gate, scope)
  }

  #draft(scope: Scope): Draft {
    return scope === 'global' && this.#global !== null ? this.#global.draft : this.#own.draft
  }

  #room(scope: Scope): Room {
    return roomOf(scope, this.#project, this.#learnings.focus)
  }

  #noted(result: SaveResult, scope: Scope): SaveResult {
    if (result.status !== 'saved') return result
    const notes = this.#origin.note === null ? [] : [this.#origin.note]
    if (scope === 'focus' && this.#learnings.focus === null) {
      notes.push('No focus was given, so it is kept at project scope.')
    }
    if (this.#gate.isNewProject && scope !== 'global') {
      notes.push(
        `Project "${this.#project}" is new here; this repository's own is "${this.#context.ledger.project_id}".`,
      )
    }
    if (notes.length === 0) return result
    return { ...result, message: [result.message, ...notes].filter((part) => part !== null).join(' ') }
  }
}

function isBook(global: Global): global is LedgerWriter {
  return global !== null && 'append' in global
}

/** What counts as the one write that an approval is good for. */
const SPENDS: ReadonlySet<NewMemoryEvent['type']> = new Set([
  'decision.saved',
  'decision.retired',
  'pattern.saved',
  'pattern.validated',
])
