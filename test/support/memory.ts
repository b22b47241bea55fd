import type { Context } from '../../src/app/context.ts'
import type { Artifact, Decision, Pattern, Summary } from '../../src/domain/memory/artifact.ts'
import { isInForce } from '../../src/domain/memory/artifact.ts'
import type { Review } from '../../src/domain/memory/review.ts'
import { GLOBAL_PROJECT, roomOf, type Scope } from '../../src/domain/memory/room.ts'
import { docOf } from '../../src/domain/memory/search-doc.ts'
import type { SessionState } from '../../src/domain/session/state.ts'
import { initialState } from '../../src/domain/session/state.ts'
import { settingsSchema } from '../../src/domain/settings.ts'
import { systemIdentity } from '../../src/machine/identity.ts'
import { vocabularyTokens } from '../../src/machine/tokens.ts'
import type { Ledger, LedgerReader } from '../../src/ports/ledger.ts'
import type { MemoryReader } from '../../src/ports/memory.ts'
import { AGENT, testClock } from './book.ts'

/** What every artifact of these tests is made of; the rest is said where it matters. */
export interface Place {
  readonly id?: string
  readonly project_id?: string
  readonly scope?: Scope
  readonly focus?: string
  /** Days before the test's clock. */
  readonly days?: number
  readonly session_id?: string | null
  readonly supersedes?: string
  readonly superseded_by?: readonly string[]
  readonly produced_by?: readonly string[]
  readonly forgotten?: boolean
}

/** Where the clock of these tests stands. */
export const NOW = '2026-11-21T22:00:00.000Z'
let made = 0

function daysAgo(days: number): string {
  return new Date(Date.parse(NOW) - days * 86_400_000).toISOString()
}

function common(place: Place) {
  const { scope = 'project', focus = null, project_id = 'atlas' } = place
  const session_id = place.session_id === undefined ? 's-1' : place.session_id
  return {
    ...roomOf(scope, project_id, focus),
    id: place.id ?? `a-${++made}`,
    saved_at: daysAgo(place.days ?? 0),
    saved_by: AGENT,
    origin: { project_id, session_id },
    sessions: session_id === null ? [] : [session_id],
    produced_by: place.produced_by ?? [],
    content_hash: null,
    supersedes: place.supersedes ?? null,
    superseded_by: place.superseded_by ?? [],
    forgotten: place.forgotten ?? false,
  }
}

export function decision(title: string, place: Place & { rationale?: string; confidence?: number } = {}): Decision {
  const { rationale = 'It was tried.', confidence = 1 } = place
  const text = { title, rationale, owner: 'olga', date: '2026-11-21', confidence }
  return { ...common(place), kind: 'decision', text: place.forgotten === true ? null : text }
}

export function pattern(
  trigger: string,
  place: Place & { steps?: readonly string[]; validated?: number } = {},
): Pattern {
  const last_validated_at = daysAgo(place.validated ?? place.days ?? 0)
  const text = { trigger, repeatable_steps: [...(place.steps ?? ['do it'])], exclusions: [], last_validated_at }
  return { ...common(place), kind: 'pattern', text: place.forgotten === true ? null : text }
}

type Lists = 'actions_taken' | 'decisions_made' | 'open_items' | 'next_actions'

export function summary(objective: string, place: Place & { [L in Lists]?: readonly string[] } = {}): Summary {
  const list = (name: Lists) => [...(place[name] ?? [])]
  const text = {
    objective,
    actions_taken: list('actions_taken'),
    decisions_made: list('decisions_made'),
    open_items: list('open_items'),
    next_actions: list('next_actions'),
  }
  return { ...common(place), kind: 'summary', text: place.forgotten === true ? null : text }
}

export function review(candidate_id: string, over: Partial<Review> = {}): Review {
  return {
    ...roomOf('project', 'atlas', null),
    id: `r-${++made}`,
    opened_at: NOW,
    origin: { project_id: 'atlas', session_id: null },
    decision: { title: 'Waits', rationale: 'It is alike.', owner: 'olga', date: '2026-11-21', confidence: 1 },
    content_hash: 'hash',
    candidate_id,
    similarity: 0.6,
    reason: 'similar',
    summary_id: null,
    status: 'open',
    resolution: null,
    resolved_at: null,
    artifact_id: null,
    ...over,
  }
}

/** A session of which nothing matters but its errors. */
export function sessionWith(session_id: string, messages: readonly string[], days = 0): SessionState {
  const at = daysAgo(days)
  const errors = messages.map((message) => {
    return { at, message, task_id: null, outcome: 'failed', kind: null, detail: null } as const
  })
  return { ...initialState, session_id, errors }
}

/** A memory that is a list; what it gives is what the port promises, with a search that knows words and no ranks. */
function memoryOf(artifacts: readonly Artifact[], reviews: readonly Review[] = []): MemoryReader {
  const newestFirst = artifacts.toSorted((a, b) => (a.saved_at < b.saved_at ? 1 : a.saved_at > b.saved_at ? -1 : 0))
  const unused = () => Promise.reject(new Error('Reading back does not ask this.'))
  return {
    artifact: async (projectId, id) => artifacts.find((one) => one.id === id && one.project_id === projectId),
    isKnownId: async (projectId, id) =>
      [...artifacts, ...reviews].some((one) => one.id === id && one.project_id === projectId),
    withHash: unused,
    similar: unused,
    approval: unused,
    artifacts: async ({ project_id, kinds, scope, focus, in_force, limit }) =>
      newestFirst
        .filter((one) => one.project_id === project_id && (!in_force || isInForce(one)))
        .filter((one) => kinds === undefined || kinds.includes(one.kind))
        .filter((one) => (scope === undefined || one.scope === scope) && (focus === undefined || one.focus === focus))
        .slice(0, limit),
    review: async (projectId, id) => reviews.find((one) => one.id === id && one.project_id === projectId),
    reviews: async ({ project_id, status, limit }) =>
      reviews
        .filter((one) => one.project_id === project_id && (status === undefined || one.status === status))
        .slice(0, limit),
    projects: async () => [...new Set(artifacts.map((one) => one.project_id).filter((id) => id !== GLOBAL_PROJECT))],
    focuses: async (projectId) => [
      ...new Set(artifacts.flatMap((one) => (one.project_id === projectId && one.focus !== null ? [one.focus] : []))),
    ],
    search: async ({ project_ids, text, limit, kinds }) => {
      const words = text.toLowerCase().split(/\s+/)
      return newestFirst
        .map(docOf)
        .filter((doc) => doc !== undefined)
        .filter((doc) => project_ids.includes(doc.project_id) && (kinds === undefined || kinds.includes(doc.kind)))
        .filter((doc) => words.some((word) => `${doc.title} ${doc.text}`.toLowerCase().includes(word)))
        .slice(0, limit)
        .map((doc) => ({ ...doc, snippet: doc.title, score: 1 }))
    },
  }
}

export interface Remembered {
  readonly artifacts?: readonly Artifact[]
  readonly reviews?: readonly Review[]
  readonly sessions?: readonly SessionState[]
  /** Thrown instead of an answer wherever the book of all projects is asked. */
  readonly globalFails?: Error
  readonly strict_projects?: boolean
}

const tokens = vocabularyTokens()

/** A context that can read back and do nothing else. The book's own project is `atlas`. */
export function readingContext(remembered: Remembered = {}): Context {
  const { artifacts = [], reviews = [], sessions = [], globalFails, strict_projects = false } = remembered
  const memory = memoryOf(artifacts, reviews)
  const book = {
    memory,
    session: async (id: string) => sessions.find(({ session_id }) => session_id === id),
    sessions: async () => [...sessions],
    tasks: async () => ({ tasks: [], total: 0 }),
  } as Partial<LedgerReader> as LedgerReader
  const ledger: Partial<Ledger> = {
    project_id: 'atlas',
    read: (work) => work(book),
    readWithGlobal: (work) => (globalFails === undefined ? work(book, book) : Promise.reject(globalFails)),
  }
  return {
    ledger: ledger as Ledger,
    clock: testClock(NOW),
    prices: { estimate: async () => null },
    redactor: { redact: async (value) => value },
    identity: systemIdentity(() => 'id'),
    tokens,
    settings: settingsSchema.parse({ project_id: 'atlas', strict_projects }),
    random: () => 0.5,
    connection: {
      actor: AGENT,
      slot: 'default',
      runs_as: null,
      session_id: null,
      refused_for: null,
      tokens: new Map(),
    },
  }
}
