import type * as z from 'zod'
import { explain } from '../../../domain/invalid.ts'
import type { Artifact } from '../../../domain/memory/artifact.ts'
import type { Review } from '../../../domain/memory/review.ts'
import type { Scope } from '../../../domain/memory/room.ts'
import { Refusal } from '../../../domain/refusal.ts'
import type { decisionInput, patternInput, summaryInput } from '../shapes.ts'

export const IMPORT_FORMATS = ['rutter', 'server-memory', 'graphbase'] as const
export type ImportFormat = (typeof IMPORT_FORMATS)[number]

interface Common {
  /** What the file calls it; the same in every import of it. */
  readonly key: string
  /** `null` where the file names none. */
  readonly project_id: string | null
  readonly focus: string | null
  /** When it was said, ISO 8601 UTC; `null` where the file does not tell. */
  readonly at: string | null
  /** Keys of the summaries that it was said with. */
  readonly produced_by: readonly string[]
}

/** Something that another program knew. It is judged as everything that is saved. */
export type ForeignItem = Common &
  (
    | { readonly kind: 'summary'; readonly input: z.infer<typeof summaryInput> }
    | {
        readonly kind: 'decision'
        readonly input: z.infer<typeof decisionInput>
        /** Keys of those that it took the place of. */
        readonly supersedes: readonly string[]
        readonly is_superseded: boolean
      }
    | {
        readonly kind: 'pattern'
        readonly input: z.infer<typeof patternInput>
        /** False where the file does not tell when it was last found true. */
        readonly is_dated: boolean
      }
  )

/** What was read from our own export, all of it checked; the oldest first. */
export interface OwnSource {
  readonly format: 'rutter'
  readonly artifacts: readonly Artifact[]
  readonly reviews: readonly Review[]
}

/** What was read from another program's file, all of it checked; the oldest first. */
export interface ForeignSource {
  readonly format: Exclude<ImportFormat, 'rutter'>
  readonly items: readonly ForeignItem[]
  /** What is not taken over, and how much of it. */
  readonly left_out: Readonly<Record<string, number>>
}

export type Source = OwnSource | ForeignSource

/** The same without what is global, and how much that was. */
export function withoutGlobal(source: Source): { source: Source; left: number } {
  const stays = ({ scope }: { readonly scope: Scope }) => scope !== 'global'
  if (source.format === 'rutter') {
    const artifacts = source.artifacts.filter(stays)
    const reviews = source.reviews.filter(stays)
    const left = source.artifacts.length + source.reviews.length - artifacts.length - reviews.length
    return { source: { ...source, artifacts, reviews }, left }
  }
  const items = source.items.filter((item) => stays({ scope: scopeOf(item) }))
  return { source: { ...source, items }, left: source.items.length - items.length }
}

export function scopeOf(item: ForeignItem): Scope {
  return item.kind === 'summary' ? item.input.save_scope : item.input.scope
}

/** A place in a file that cannot be understood: nothing of the file is imported. */
export function broken(where: string, what: string, hint = 'Mend the file.'): Refusal {
  return new Refusal('invalid_argument', `${where}: ${what}. Nothing was imported.`, { hint, details: { where } })
}

/** A line of JSON with its number, from 1. */
export interface JsonLine {
  readonly where: string
  readonly json: unknown
}

export function parsed(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw broken(where, `it is not JSON (${(error as Error).message})`)
  }
}

/** What a schema makes of a value, or what is wrong with it. */
export function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, where: string): z.infer<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw broken(where, explain(result.error, value))
}
