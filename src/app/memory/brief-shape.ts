import * as z from 'zod'
import { REVIEW_REASONS } from '../../domain/memory/events.ts'
import { FRESHNESS } from '../../domain/memory/freshness.ts'
import type { Scope } from '../../domain/memory/room.ts'
import { scope } from './shapes.ts'

/** Where a brief puts the scopes: what is nearest first. */
export const SCOPE_ORDER: readonly Scope[] = ['focus', 'project', 'global']

export const BRIEF_KINDS = ['decision', 'pattern', 'summary', 'error'] as const
export type BriefKind = (typeof BRIEF_KINDS)[number]

const texts = z.array(z.string()).optional()

/** One thing of a brief, with the fields of its kind. */
export const briefItem = z.object({
  id: z.string(),
  kind: z.enum(BRIEF_KINDS),
  scope,
  focus: z.string().optional(),
  /** Where it is not this repository's own. */
  project_id: z.string().optional(),
  freshness: z.enum(FRESHNESS),
  title: z.string().optional(),
  rationale: z.string().optional(),
  confidence: z.number().optional(),
  trigger: z.string().optional(),
  repeatable_steps: texts,
  exclusions: texts,
  objective: z.string().optional(),
  actions_taken: texts,
  decisions_made: texts,
  message: z.string().optional(),
  times: z.number().optional(),
  sessions: z.number().optional(),
  session_id: z.string().nullable(),
  saved_at: z.string(),
  /** True where a text or list was cut; the whole is in the record. */
  shortened: z.boolean().optional(),
})
export type BriefItem = z.infer<typeof briefItem>

const strings = z.array(z.string())

/** What an agent should read before it starts; the answer of `retrieve_context`. */
export const briefShape = z.object({
  retrieval_status: z.enum(['succeeded', 'empty', 'conflicted']),
  scope_state: z.enum(['resolved', 'uncertain', 'unresolved']),
  open_items: strings,
  next_actions: strings,
  items: z.array(briefItem),
  conflicts_found: z.boolean(),
  conflicts: z.array(
    z.object({
      ids: strings,
      /** In the order of the ids. */
      titles: strings,
      why: z.string(),
      /** The review in which somebody may say which of the two holds. */
      review_id: z.string().optional(),
    }),
  ),
  /** Decisions that are not in force and wait for somebody to look at them. */
  reviews: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      candidate_id: z.string(),
      similarity: z.number(),
      reason: z.enum(REVIEW_REASONS),
    }),
  ),
  truncated_scopes: z.array(scope),
  /** What is known and not said here, counted by kind, and how to get at it; one line. */
  left_out: z.string().nullable(),
  as_of: z.string(),
  message: z.string().nullable(),
})
export type Brief = z.infer<typeof briefShape>
export type ListName = 'conflicts' | 'open_items' | 'next_actions' | 'items' | 'reviews'

/** Something that a brief may say or leave out. */
export type Part = {
  [L in ListName]: { readonly list: L; readonly value: Brief[L][number]; readonly scope: Scope }
}[ListName]

/** What a brief says whatever it has to leave out. */
export type BriefFrame = Readonly<Omit<Brief, ListName | 'left_out' | 'truncated_scopes'>> & {
  /** Scopes that could not be read. */
  readonly unread: readonly Scope[]
}

/** All that is known for one brief. */
export interface Candidates {
  /** What it may say, the most useful first. */
  readonly parts: readonly Part[]
  /** What it does not say however much room there is, since it goes beyond what a brief has of one sort. */
  readonly beyond: readonly Part[]
  /** Scopes of which more is there than was looked through. */
  readonly unseen: ReadonlySet<Scope>
  /** With so many asked for, no item goes beyond; `null` where none does, or where more cannot be asked for. */
  readonly max_items: number | null
  /** True where a topic would leave less to be told. */
  readonly may_narrow: boolean
}
