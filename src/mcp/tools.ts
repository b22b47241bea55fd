import type { CallToolResult, Tool } from '@modelcontextprotocol/server'
import * as z from 'zod'
import { asRefusal, type Operation, refusalSchema } from '../app/operation.ts'

/** An operation as MCP lists it. */
export function toolOf(operation: Operation): Tool {
  return {
    name: operation.name,
    title: operation.title,
    description: operation.summary,
    inputSchema: inputSchema(operation),
    outputSchema: outputSchema(operation),
    annotations: { title: operation.title, ...operation.annotations },
  }
}

/**
 * The answer to a call: the same JSON for programs and for models, since some clients show only the one, some only the other. One that
 * says an error is an error, though it has the shape of a result, as what was not saved has.
 */
export function resultOf(answer: unknown): CallToolResult {
  const structuredContent = answer as Record<string, unknown>
  const content: CallToolResult['content'] = [{ type: 'text', text: JSON.stringify(answer) }]
  return { content, structuredContent, ...('error' in structuredContent ? { isError: true } : {}) }
}

/** A refusal, in the same two forms. */
export function refusalResult(error: unknown): CallToolResult {
  return resultOf({ error: asRefusal(error).body })
}

type ObjectSchema = Tool['inputSchema']

function inputSchema(operation: Operation): ObjectSchema {
  return jsonSchema(operation.input, 'input')
}

/**
 * What a call may answer: its result, or a refusal. Clients that check answers against the schema check refusals too, so the fields of
 * both are in it and none is required: an `anyOf` of the two hides every field from clients that make types of it.
 */
function outputSchema(operation: Operation): ObjectSchema {
  const { properties, required: _, ...rest } = jsonSchema(operation.output, 'output')
  const error: unknown = jsonSchema(refusalSchema, 'output')
  return { ...rest, properties: { ...properties, error } } as ObjectSchema
}

/** JSON Schema without what every reader takes for granted: each character costs an agent context. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): ObjectSchema {
  const full = z.toJSONSchema(schema, {
    io,
    override: ({ jsonSchema: node }) => {
      if (node.type === 'integer') {
        if (node.maximum === Number.MAX_SAFE_INTEGER) delete node.maximum
        if (node.minimum === Number.MIN_SAFE_INTEGER) delete node.minimum
      }
      if (node.format === 'date-time' || node.format === 'date') delete node.pattern
      // Not every client's regular expressions know Unicode's classes, and one that does not refuses the whole list of tools.
      if (node.pattern?.includes('\\p{')) delete node.pattern
      // Names are texts anyway; some models' interfaces do not know the word.
      delete node.propertyNames
      const { additionalProperties: others } = node
      if (typeof others === 'object' && Object.keys(others).length === 0) delete node.additionalProperties
    },
  })
  delete full.$schema
  return oneTypeEach(io === 'input' ? briefly(full) : full) as ObjectSchema
}

/** How much a call may bring is said when it brings too much. */
const LIMITS: ReadonlySet<string> = new Set(['minLength', 'maxLength', 'maxItems'])

/** An input's schema without its limits, and without saying that what may be left out may be null as well. */
function briefly(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(briefly)
  if (typeof node !== 'object' || node === null) return node
  const entries = Object.entries(node).filter(([key, value]) => !(LIMITS.has(key) && typeof value === 'number'))
  const { anyOf, ...rest } = Object.fromEntries(entries.map(([key, value]) => [key, briefly(value)]))
  if (!Array.isArray(anyOf)) return anyOf === undefined ? rest : { anyOf, ...rest }
  const others = anyOf.filter((one: { type?: unknown }) => one.type !== 'null')
  return others.length === 1 ? { ...others[0], ...rest } : { anyOf: others, ...rest }
}

/** `"type": ["string", "null"]` is legal, but some clients know only one type at a time. */
function oneTypeEach(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(oneTypeEach)
  if (typeof node !== 'object' || node === null) return node
  const { type, ...rest } = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, oneTypeEach(value)]))
  if (!Array.isArray(type)) return type === undefined ? rest : { type, ...rest }
  return { anyOf: type.map((one) => (one === 'null' ? { type: one } : { type: one, ...rest })) }
}
