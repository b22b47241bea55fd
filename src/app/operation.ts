import * as z from 'zod'
import { explain } from '../domain/invalid.ts'
import { REFUSAL_CODES, Refusal } from '../domain/refusal.ts'
import { whatIsTaken, withoutNulls } from './arguments.ts'
import type { Context } from './context.ts'

export type Toolset = 'session' | 'task' | 'steering' | 'memory'

/**
 * One thing that Rutter can do, in one place: the tools, commands and routes are derived from it, so no shape is written twice.
 */
export interface Operation<Input extends z.ZodType = z.ZodType, Output extends z.ZodType = z.ZodType> {
  readonly name: string
  readonly title: string
  readonly toolset: Toolset
  /** For an agent, under 60 words: when to call it, what it gives, what it refuses. */
  readonly summary: string
  readonly input: Input
  /**
   * Fields at the top of the input that no search for secrets changes, since they are compared or digested, and never recorded as
   * they were given: two keys that differ only in a password must stay two.
   */
  readonly verbatim?: readonly string[]
  readonly output: Output
  readonly annotations: {
    readonly readOnlyHint: boolean
    readonly idempotentHint: boolean
    readonly destructiveHint: boolean
    readonly openWorldHint: boolean
  }
  run(context: Context, input: z.infer<Input>): Promise<z.infer<Output>>
}

/** Keeps the types of an operation's input and output while it is defined. */
export function operation<Input extends z.ZodType, Output extends z.ZodType>(
  definition: Operation<Input, Output>,
): Operation<Input, Output> {
  return definition
}

/** Carries out an operation on input as it came in. The one door for every face: checks, redacts, runs. */
export async function perform<Input extends z.ZodType, Output extends z.ZodType>(
  op: Operation<Input, Output>,
  context: Context,
  input: unknown,
): Promise<z.infer<Output>> {
  const given = withoutNulls(op.input, input ?? {})
  const parsed = op.input.safeParse(given)
  if (!parsed.success) {
    throw new Refusal('invalid_argument', `${op.name}: ${explain(parsed.error, given)}. Nothing was changed.`, {
      hint: whatIsTaken(op.name, op.input, parsed.error.issues),
    })
  }
  // Before any lock is taken: a scan takes longer than the write that follows it.
  return await op.run(context, op.annotations.readOnlyHint ? parsed.data : await redacted(op, context, parsed.data))
}

/** The input without secrets. The very same where there are none; where there were, it must still be what the operation takes. */
async function redacted<Input extends z.ZodType>(
  op: Operation<Input>,
  { redactor }: Context,
  input: z.infer<Input>,
): Promise<z.infer<Input>> {
  const [kept, given] = setApart(input as Record<string, unknown>, op.verbatim ?? [])
  const clean = await redactor.redact(given)
  if (clean === given) return input

  const whole = { ...(clean as Record<string, unknown>), ...kept }
  const { error } = op.input.safeParse(whole)
  // A marker may be longer than the secret was, and that takes nothing from anybody.
  const issues = error?.issues.filter(({ code }) => code !== 'too_big') ?? []
  if (issues.length === 0) return whole as z.infer<Input>
  const what = explain(new z.ZodError(issues), whole)
  throw new Refusal('invalid_argument', `${op.name}: ${what}, once secrets were taken out. Nothing was changed.`, {
    hint: 'A redact pattern of .bot/rutter.json, or a rule that is built in, takes this for a secret: make the pattern narrower, or say it otherwise.',
  })
}

/** The fields with those names, and the rest: the very same object where there are no names. */
function setApart(
  input: Record<string, unknown>,
  names: readonly string[],
): [named: Record<string, unknown>, rest: Record<string, unknown>] {
  if (names.length === 0) return [{}, input]
  const isNamed = ([name]: [string, unknown]) => names.includes(name)
  const entries = Object.entries(input)
  return [Object.fromEntries(entries.filter(isNamed)), Object.fromEntries(entries.filter((entry) => !isNamed(entry)))]
}

/** What went wrong, as a caller is told it. A bug is told as one, without its stack. */
export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  const message = error instanceof Error ? error.message : String(error)
  return new Refusal('internal', `Rutter failed where it should not: ${message}`, {
    hint: 'This is a bug. Please report it with what was called; rutter doctor shows whether the records are whole.',
    cause: error,
  })
}

/** The shape of a refusal, for every face that publishes schemas. */
export const refusalSchema = z.looseObject({
  code: z.enum(REFUSAL_CODES),
  message: z.string(),
  hint: z.string().optional(),
})
