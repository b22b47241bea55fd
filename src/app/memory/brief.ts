import { stemmer } from 'stemmer'
import type { Artifact } from '../../domain/memory/artifact.ts'
import { GLOBAL_PROJECT, type Scope } from '../../domain/memory/room.ts'
import { termsWith } from '../../domain/memory/terms.ts'
import type { LedgerReader } from '../../ports/ledger.ts'
import type { Context } from '../context.ts'
import { readBoth } from './both-books.ts'
import { conflictsAmong, reviewsOf, waitingAmong } from './brief-conflicts.ts'
import { fitted } from './brief-fit.ts'
import { clipped, itemOf } from './brief-items.ts'
import { claims, type Entry, mixed } from './brief-order.ts'
import { placed } from './brief-place.ts'
import {
  BRIEF_KINDS,
  type Brief,
  type BriefFrame,
  type BriefItem,
  type Candidates,
  type Part,
  SCOPE_ORDER,
} from './brief-shape.ts'
import { artifactsIn, itemsFor, limitOf, type Source, saidAt, type Wanted } from './brief-sources.ts'
import { errorsOf, tasksLeft, workLeft } from './brief-work.ts'

export interface BriefQuery extends Omit<Wanted, 'now'> {
  /** `null` for the repository's own. */
  readonly project_id: string | null
  /** The widest look by default; `project` leaves out what no named focus asks for, `global` has that room alone. */
  readonly scope: Scope | null
  readonly focus: string | null
  readonly max_items: number
  readonly max_tokens: number
}

/** Of each: what was left open, and what was to come next. */
const MOST_LEFT = 20
/** So many of each come before the items; the others after them. */
const FIRST_OPEN = 10
const FIRST_NEXT = 5
const MOST_REVIEWS = 5

const terms = termsWith(stemmer)
const termsOf = (text: string) => terms.of(text)

/**
 * What an agent should read before it starts, within `max_tokens`: what the last sessions left open, what is in force by scope, what went
 * wrong more than once, and what contradicts itself. A read of what nobody knows is empty and no error.
 *
 * Items stand by scope, focus before project before global. Within a scope the kinds are mixed, decisions closest; decisions and patterns
 * by freshness, then confidence, then the one that was last saved, said again or found valid first; summaries newest first; errors by how
 * many sessions they hit. With a topic they stand by how well they fit it. Open items are the newest first, those of a named focus before
 * the others.
 *
 * Where there is not room for all, conflicts come first, then the first open items and next actions, items, reviews, and the other open
 * items. Of the scopes a named focus has the first claim, and without one the project: a focus that nobody named is not what the work is
 * about. What is left out is counted.
 */
export async function brief(context: Context, query: BriefQuery): Promise<Brief> {
  const asked = { ...query, topic: query.topic === null || query.topic.trim() === '' ? null : query.topic }
  const { frame, candidates } = await read(context, asked)
  return await fitted(frame, candidates, query.max_tokens, context.tokens)
}

interface Found {
  readonly frame: BriefFrame
  readonly candidates: Candidates
}

/** With the book that all projects share; without it, and saying so, where that cannot be read. */
async function read(context: Context, query: BriefQuery): Promise<Found> {
  return await readBoth(context, async (book, global, problem) => {
    const now = context.clock.now()
    const projectId = query.project_id ?? context.ledger.project_id
    const candidates = await gather(context, { ...query, now }, projectId, book, global)
    const { scope_state, note } = await placed(context, book.memory, projectId, query.focus)
    const isEmpty = candidates.parts.length === 0
    const conflicts_found = candidates.parts.some(({ list }) => list === 'conflicts')
    const notes = [problem === null ? null : clipped(problem, 240), note, isEmpty ? nothingFits(query) : null]
    const said = notes.filter((one) => one !== null)
    const frame = {
      retrieval_status: isEmpty ? 'empty' : conflicts_found ? 'conflicted' : 'succeeded',
      scope_state,
      conflicts_found,
      as_of: now,
      message: said.length === 0 ? null : said.join(' '),
      unread: problem === null ? [] : (['global'] as const),
    } as const
    return { frame, candidates }
  })
}

/** That nothing was found need not mean that nothing is known. */
function nothingFits({ topic, kinds, scope }: BriefQuery): string | null {
  if (topic !== null) return `Nothing that is known here speaks of "${clipped(topic, 60)}".`
  const isNarrow = scope === 'global' || kinds.length < BRIEF_KINDS.length
  return isNarrow
    ? 'Nothing of what was asked for was saved yet; without scope and categories there may be more.'
    : null
}

async function gather(
  context: Context,
  query: BriefQuery & Wanted,
  projectId: string,
  book: LedgerReader,
  global: LedgerReader | null,
): Promise<Candidates> {
  const { topic, kinds, now } = query
  const own = context.ledger.project_id
  const about = new Set(topic === null ? [] : termsOf(topic))
  const isAbout = (text: string) => topic === null || termsOf(text).some((term) => about.has(term))
  const sources = sourcesOf(query, projectId, book, global)
  const unseen = new Set<Scope>()
  const artifacts: Artifact[] = []
  const items = new Map<Scope, BriefItem[]>()
  for (const source of sources) {
    const known = await artifactsIn(source, query)
    if (known.is_part) unseen.add(source.scope)
    artifacts.push(...known.artifacts)
    const entries: Entry[] = []
    for (const artifact of known.artifacts) {
      const said_at = await saidAt(book, artifact)
      const item = itemOf(artifact, said_at, own, now)
      if (item !== undefined) entries.push({ item, said_at })
    }
    if (source.scope === 'project' && projectId === own && kinds.includes('error')) {
      const errors = await errorsOf(context, book, isAbout, now)
      entries.push(...errors.map((item) => ({ item, said_at: item.saved_at })))
    }
    items.set(source.scope, topic === null ? mixed(entries) : entries.map(({ item }) => item))
  }

  const chosen = chooseItems(items, query)
  const left = kinds.includes('summary') ? await workLeft(sources, isAbout, termsOf) : { open: [], next: [] }
  const isOwn = projectId === own && sources.some((source) => source.scope === 'project')
  const begun = isOwn && kinds.includes('summary') ? await tasksLeft(book, isAbout) : []
  const work = { ...left, open: [...begun, ...left.open] }
  const reviews = kinds.includes('decision') ? await reviewsOf(sources) : []
  const conflicts = kinds.includes('decision') ? await conflictsAmong(artifacts, reviews) : []
  const waiting = topic === null ? waitingAmong(reviews) : []
  return {
    parts: [
      ...conflicts,
      ...work.open.slice(0, FIRST_OPEN),
      ...work.next.slice(0, FIRST_NEXT),
      ...chosen.told.map(asPart),
      ...waiting.slice(0, MOST_REVIEWS),
      ...work.open.slice(FIRST_OPEN, MOST_LEFT),
      ...work.next.slice(FIRST_NEXT, MOST_LEFT),
    ],
    beyond: [
      ...chosen.beyond.map(asPart),
      ...waiting.slice(MOST_REVIEWS),
      ...work.open.slice(MOST_LEFT),
      ...work.next.slice(MOST_LEFT),
    ],
    unseen,
    max_items: chosen.max_items,
    may_narrow: topic === null,
  }
}

/** The items that a brief may have, those with the first claim on the room first, and those beyond its limits. */
function chooseItems(byScope: ReadonlyMap<Scope, readonly BriefItem[]>, { focus, max_items }: BriefQuery) {
  const within: BriefItem[] = []
  const beyond: BriefItem[] = []
  const counts = new Map<Scope, number>()
  for (const scope of claims(focus)) {
    const items = byScope.get(scope) ?? []
    const limit = limitOf(scope, max_items)
    counts.set(scope, items.length)
    within.push(...items.slice(0, limit))
    beyond.push(...items.slice(limit))
  }
  beyond.push(...within.slice(max_items))
  const needed = itemsFor(counts)
  return { told: within.slice(0, max_items), beyond, max_items: needed > max_items ? needed : null }
}

function asPart(value: BriefItem): Part {
  return { list: 'items', value, scope: value.scope }
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
