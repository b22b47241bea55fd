import { stemmer } from 'stemmer'
import type { Artifact, Summary } from '../../domain/memory/artifact.ts'
import { FRESHNESS } from '../../domain/memory/freshness.ts'
import { type OpenItem, openWork } from '../../domain/memory/open-items.ts'
import { repeatedErrors } from '../../domain/memory/repeated-errors.ts'
import { GLOBAL_PROJECT, type Scope } from '../../domain/memory/room.ts'
import { Terms } from '../../domain/memory/terms.ts'
import type { LedgerReader } from '../../ports/ledger.ts'
import type { Context } from '../context.ts'
import { readBoth } from './both-books.ts'
import { conflictsAmong, waitingReviews } from './brief-conflicts.ts'
import { fitted } from './brief-fit.ts'
import { clipped, errorItem, itemOf } from './brief-items.ts'
import { type Brief, type BriefItem, type BriefKind, type Part, SCOPE_ORDER } from './brief-shape.ts'
import { artifactsIn, limitOf, type Source, type Wanted } from './brief-sources.ts'

export interface BriefQuery extends Omit<Wanted, 'now'> {
  /** `null` for the repository's own. */
  readonly project_id: string | null
  /** The widest look by default; `project` leaves out what no named focus asks for, `global` has that room alone. */
  readonly scope: Scope | null
  readonly focus: string | null
  readonly max_tokens: number
}

/** Summaries, and sessions, that a brief looks back on. */
const LOOKED_BACK = 20
const MOST_ERRORS = 5
/** Of each: what was left open, and what was to come next. */
const MOST_LEFT = 20
/** So many of each come before the items; the others after them. */
const FIRST_OPEN = 10
const FIRST_NEXT = 5
/** Characters of one open item. */
const LONGEST_LEFT = 300

const terms = new Terms(stemmer)
const termsOf = (text: string) => terms.of(text)

/**
 * What an agent should read before it starts, within `max_tokens`: what the last sessions left open, what is in force by scope, what went
 * wrong more than once, and what contradicts itself. A read of what nobody knows is empty and no error.
 */
export async function brief(context: Context, query: BriefQuery): Promise<Brief> {
  const asked = { ...query, topic: query.topic === null || query.topic.trim() === '' ? null : query.topic }
  const found = await read(context, asked)
  const isEmpty = found.parts.length === 0
  const conflicts_found = found.parts.some(({ list }) => list === 'conflicts')
  const frame = {
    retrieval_status: isEmpty ? 'empty' : conflicts_found ? 'conflicted' : 'succeeded',
    scope_state: found.scope_state,
    conflicts_found,
    truncated_scopes: [...found.truncated],
    as_of: found.as_of,
    message: found.notes.length === 0 ? null : found.notes.join(' '),
  } as const
  return await fitted(frame, found.parts, query.max_tokens, context.tokens)
}

interface Found {
  readonly parts: readonly Part[]
  readonly truncated: Set<Scope>
  readonly scope_state: Brief['scope_state']
  readonly as_of: string
  readonly notes: string[]
}

/** With the book that all projects share; without it, and saying so, where that cannot be read. */
async function read(context: Context, query: BriefQuery): Promise<Found> {
  return await readBoth(context, async (book, global, problem) => {
    const found = await gather(context, query, book, global)
    if (problem === null) return found
    found.truncated.add('global')
    found.notes.unshift(clipped(problem, 240))
    return found
  })
}

async function gather(
  context: Context,
  query: BriefQuery,
  book: LedgerReader,
  global: LedgerReader | null,
): Promise<Found> {
  const now = context.clock.now()
  const own = context.ledger.project_id
  const projectId = query.project_id ?? own
  const wanted = { ...query, now }
  const sources = sourcesOf(query, projectId, book, global)
  const truncated = new Set<Scope>()
  const artifacts = new Map<string, Artifact>()
  const items: BriefItem[] = []
  for (const source of sources) {
    const known = await artifactsIn(source, wanted)
    for (const artifact of known) artifacts.set(artifact.id, artifact)
    const own_ = known.map((artifact) => itemOf(artifact, own, now)).filter((item) => item !== undefined)
    const isOwnProject = source.scope === 'project' && projectId === own && query.kinds.includes('error')
    const errors = isOwnProject ? await errorsOf(context, book, query.topic, now) : []
    const ranked = query.topic === null ? mixed([...own_, ...errors]) : [...own_, ...errors]
    const limit = limitOf(source.scope, query.max_items)
    if (ranked.length > limit) truncated.add(source.scope)
    items.push(...ranked.slice(0, limit))
  }
  for (const { scope } of items.slice(query.max_items)) truncated.add(scope)
  const told = items.slice(0, query.max_items)

  const work = query.kinds.includes('summary') ? await workLeft(sources, query.topic) : { open: [], next: [] }
  const decides = query.kinds.includes('decision')
  const chosen = told.map(({ id }) => artifacts.get(id)).filter((artifact) => artifact !== undefined)
  const conflicts = decides ? await conflictsAmong(sources, chosen) : []
  const reviews = decides && query.topic === null ? await waitingReviews(sources) : []
  const parts: Part[] = [
    ...conflicts,
    ...work.open.slice(0, FIRST_OPEN),
    ...work.next.slice(0, FIRST_NEXT),
    ...told.map((value) => ({ list: 'items', value, scope: value.scope }) as const),
    ...work.open.slice(FIRST_OPEN),
    ...work.next.slice(FIRST_NEXT),
    ...reviews,
  ]
  return { parts, truncated, as_of: now, ...(await placed(context, query, projectId, book)) }
}

/** The scopes that are looked at, the nearest first. */
function sourcesOf(
  query: BriefQuery,
  projectId: string,
  { memory }: LedgerReader,
  global: LedgerReader | null,
): Source[] {
  const { scope, focus } = query
  const skips: Scope[] =
    scope === 'global' ? ['focus', 'project'] : scope === 'project' && focus === null ? ['focus'] : []
  return SCOPE_ORDER.filter((one) => !skips.includes(one)).flatMap((one): Source[] => {
    if (one !== 'global') return [{ memory, project_id: projectId, scope: one, focus: one === 'focus' ? focus : null }]
    return global === null ? [] : [{ memory: global.memory, project_id: GLOBAL_PROJECT, scope: one, focus: null }]
  })
}

/**
 * How far apart two of a kind stand in a scope, and where the first one stands. Decisions come closest, since they are what an agent
 * must not go against; no kind pushes the others out.
 */
const SPACING: Readonly<Record<BriefKind, { readonly first: number; readonly step: number }>> = {
  decision: { first: 0, step: 1.5 },
  summary: { first: 0.5, step: 6 },
  pattern: { first: 0.75, step: 3 },
  error: { first: 1, step: 4 },
}

/** One list of all kinds. Decisions and patterns stand by freshness, confidence and age; the others in the order in which they come. */
function mixed(items: readonly BriefItem[]): BriefItem[] {
  const sorted = items.map((item, i) => ({ item, i })).sort((a, b) => beforeOf(a.item, b.item) || a.i - b.i)
  const seen = new Map<BriefKind, number>()
  return sorted
    .map(({ item }) => {
      const nth = seen.get(item.kind) ?? 0
      seen.set(item.kind, nth + 1)
      const { first, step } = SPACING[item.kind]
      return { item, place: first + nth * step }
    })
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

function beforeOf(a: BriefItem, b: BriefItem): number {
  if (a.kind !== b.kind || a.kind === 'error' || a.kind === 'summary') return 0
  return FRESHNESS.indexOf(a.freshness) - FRESHNESS.indexOf(b.freshness) || (b.confidence ?? 1) - (a.confidence ?? 1)
}

/** Errors of the last sessions that came more than once. */
async function errorsOf(context: Context, book: LedgerReader, topic: string | null, now: string): Promise<BriefItem[]> {
  const sessions = await book.sessions({ limit: LOOKED_BACK })
  const errors = sessions.flatMap(({ session_id, errors }) =>
    errors.map(({ at, message }) => ({ session_id, at, message })),
  )
  return repeatedErrors(errors)
    .filter(({ message }) => isAbout(message, topic))
    .slice(0, MOST_ERRORS)
    .map((error) => {
      const id = context.identity.idOf(['error', context.ledger.project_id, error.pattern])
      return errorItem(id, error, now)
    })
}

/** What the last summaries of these scopes left to do, the newest first. */
async function workLeft(sources: readonly Source[], topic: string | null): Promise<{ open: Part[]; next: Part[] }> {
  const summaries: Summary[] = []
  for (const { memory, project_id, scope, focus } of sources) {
    const filter = { project_id, scope, focus: focus ?? undefined, kinds: ['summary'] as const }
    const last = await memory.artifacts({ ...filter, in_force: true, limit: LOOKED_BACK })
    summaries.push(...last.filter((artifact) => artifact.kind === 'summary'))
  }
  const { open_items, next_actions } = openWork(summaries, termsOf)
  const parts = (list: 'open_items' | 'next_actions', left: readonly OpenItem[]): Part[] =>
    left
      .filter(({ text }) => isAbout(text, topic))
      .slice(0, MOST_LEFT)
      .map(({ text, from }) => ({ list, value: clipped(text, LONGEST_LEFT), scope: from.scope }))
  return { open: parts('open_items', open_items), next: parts('next_actions', next_actions) }
}

function isAbout(text: string, topic: string | null): boolean {
  if (topic === null) return true
  const wanted = new Set(termsOf(topic))
  return termsOf(text).some((term) => wanted.has(term))
}

/** Whether what was named is known, and what to say where it is not. */
async function placed(
  context: Context,
  { project_id, focus }: BriefQuery,
  projectId: string,
  { memory }: LedgerReader,
): Promise<Pick<Found, 'scope_state' | 'notes'>> {
  const own = context.ledger.project_id
  if (projectId !== own && !(await memory.projects()).includes(projectId)) {
    const note = `Nothing is known of project "${clipped(project_id ?? own, 60)}"; this repository's own is "${own}".`
    return { scope_state: context.settings.strict_projects ? 'unresolved' : 'uncertain', notes: [note] }
  }
  if (focus === null) return { scope_state: 'resolved', notes: [] }
  const known = await memory.focuses(projectId)
  if (known.includes(focus)) return { scope_state: 'resolved', notes: [] }
  const named = known.slice(0, 5).map((one) => `"${clipped(one, 30)}"`)
  const others =
    named.length === 0 ? 'There is none yet.' : `There are: ${named.join(', ')}${known.length > 5 ? ', …' : ''}.`
  return { scope_state: 'uncertain', notes: [`Nothing was saved in focus "${clipped(focus, 60)}". ${others}`] }
}
