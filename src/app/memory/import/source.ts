import type * as z from 'zod'
import { explain } from '../../../domain/invalid.ts'
import type { Artifact } from '../../../domain/memory/artifact.ts'
import type { Review } from '../../../domain/memory/review.ts'
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

/** What was read from a file, all of it checked; the oldest first. */
export type Source =
  | { readonly format: 'rutter'; readonly artifacts: readonly Artifact[]; readonly reviews: readonly Review[] }
  | {
      readonly format: 'server-memory' | 'graphbase'
      readonly items: readonly ForeignItem[]
      /** What is not taken over, and how much of it. */
      readonly left_out: Readonly<Record<string, number>>
    }

/** A place in a file that cannot be understood: nothing of the file is imported. */
export function broken(where: string, what: string): Refusal {
  return new Refusal('invalid_argument', `${where}: ${what}. Nothing was imported.`, {
    hint: 'Mend the file, or name its format with --format rutter, server-memory or graphbase.',
    details: { where },
  })
}

/** A line of JSON with its number, from 1. */
export interface JsonLine {
  readonly where: string
  readonly json: unknown
}

/** The lines of a file of JSON lines; empty ones are passed over. */
export function jsonLines(text: string): JsonLine[] {
  return text.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === '') return []
    const where = `line ${i + 1}`
    return [{ where, json: parsed(line, where) }]
  })
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
