import * as z from 'zod'

/** Callers that must give every argument give null for what they leave out; where null says nothing else, it is that. */
export function withoutNulls(schema: z.ZodType, input: unknown): unknown {
  if (!(schema instanceof z.ZodObject) || typeof input !== 'object' || input === null) return input
  const isLeftOut = ([name, value]: [string, unknown]) => {
    const field = schema.shape[name]
    return value === null && field?.safeParse(null).success === false && field.safeParse(undefined).success
  }
  const entries = Object.entries(input)
  return entries.some(isLeftOut) ? Object.fromEntries(entries.filter((entry) => !isLeftOut(entry))) : input
}

/** The fields of the arguments, and of each object in them in which something is wrong. */
export function whatIsTaken(name: string, input: z.ZodType, issues: readonly z.core.$ZodIssue[]): string {
  const taken = new Map([[name, fieldsOf(input)]])
  for (const { path } of issues) {
    let schema: z.core.$ZodType | undefined = input
    for (const [i, key] of path.entries()) {
      schema = inside(schema, key)
      const fields = fieldsOf(schema)
      if (fields.length > 0) taken.set(path.slice(0, i + 1).join('.'), fields)
    }
  }
  const told = [...taken].map(([what, fields]) =>
    fields.length === 0 ? `${what} takes no arguments.` : `${what} takes: ${fields.join(', ')}.`,
  )
  return told.join(' ')
}

function fieldsOf(schema: z.core.$ZodType | undefined): string[] {
  const bare = bareOf(schema)
  return bare instanceof z.ZodObject ? Object.keys(bare.shape) : []
}

function inside(schema: z.core.$ZodType | undefined, key: PropertyKey): z.core.$ZodType | undefined {
  const bare = bareOf(schema)
  if (bare instanceof z.ZodArray) return bare.element
  return bare instanceof z.ZodObject ? (bare.shape as Record<PropertyKey, z.core.$ZodType>)[key] : undefined
}

/** A schema without what only says that it may be left out, or what becomes of it. */
function bareOf(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return bareOf(schema.unwrap())
  return schema instanceof z.ZodPipe ? bareOf(schema.in) : schema
}
