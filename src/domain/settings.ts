import * as z from 'zod'
import { explain } from './invalid.ts'
import { Refusal } from './refusal.ts'

/** `.bot/rutter.json`. Everything but the project's id may be left out. */
export const settingsSchema = z.strictObject({
  project_id: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'letters, digits, ".", "_" and "-", at most 100')
    .describe('Names the project in every book it meets.'),
  max_consecutive_failures: z.int().min(0).default(3).describe('More failures in a row than this open the circuit.'),
  lease_seconds: z
    .int()
    .min(5)
    .max(3600)
    .default(60)
    .describe('How long a lock outlives its last renewal where its holder cannot be looked at.'),
  strict_projects: z.boolean().default(false).describe('Refuse memory writes to projects that are not known yet.'),
  approval_seconds: z.int().min(5).max(3600).default(60).describe('How long a token for one global write is good for.'),
  redact: z
    .array(z.string())
    .default([])
    .describe('Regular expressions to be kept out of records, beside the secrets that are found anyway.'),
})
export type Settings = z.infer<typeof settingsSchema>

/** Reads settings, or says which file, which field and why not. */
export function parseSettings(text: string, path: string): Settings {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new Refusal('invalid_argument', `${path} is not JSON: ${(error as Error).message}`, {
      hint: 'Mend the file, or delete it and run rutter init.',
    })
  }
  const parsed = settingsSchema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new Refusal('invalid_argument', `${path}: ${explain(parsed.error, json)}`, {
    hint: `Allowed are: ${Object.keys(settingsSchema.shape).join(', ')}.`,
  })
}
