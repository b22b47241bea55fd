import * as z from 'zod'
import { MAX_ENTRIES, patternInput } from '../shapes.ts'
import { checked, type ForeignItem, type JsonLine, type Source } from './source.ts'

const entitySchema = z.object({
  type: z.literal('entity'),
  name: z.string(),
  entityType: z.string(),
  observations: z.array(z.string()),
})
const relationSchema = z.object({
  type: z.literal('relation'),
  from: z.string(),
  to: z.string(),
  relationType: z.string(),
})
const lineSchema = z.discriminatedUnion('type', [entitySchema, relationSchema])

export function isServerMemory(first: unknown): boolean {
  const type = (first as { type?: unknown } | null)?.type
  return type === 'entity' || type === 'relation'
}

interface Known {
  readonly where: string
  readonly trigger: string
  readonly said: string[]
}

/**
 * The file of `@modelcontextprotocol/server-memory`. An entity is a standing fact and not the report of a run, so it becomes a pattern:
 * its name and type are the trigger, its observations and the relations that go out from it the steps. A relation whose entity is not
 * in the file becomes a pattern of its own.
 */
export function readServerMemory(lines: readonly JsonLine[], now: string): Source {
  const known = new Map<string, Known>()
  const entries = lines.map(({ where, json }) => ({ where, entry: checked(lineSchema, json, where) }))
  for (const { where, entry } of entries) {
    if (entry.type !== 'entity') continue
    const { name, entityType, observations } = entry
    // Another entity of the same name, by hand or by a merge, is the same one.
    const one = known.get(name) ?? { where, trigger: entityType === '' ? name : `${name} (${entityType})`, said: [] }
    one.said.push(...observations.filter((text) => !one.said.includes(text)))
    known.set(name, one)
  }
  for (const { where, entry } of entries) {
    if (entry.type !== 'relation') continue
    const { from, to, relationType } = entry
    const one = known.get(from) ?? { where, trigger: from, said: [] }
    const said = `${from} ${relationType} ${to}`
    if (!one.said.includes(said)) one.said.push(said)
    known.set(from, one)
  }
  const items = [...known].flatMap(([name, { where, trigger, said }]) =>
    parts(said).map((steps, i, all): ForeignItem => {
      const part = all.length === 1 ? trigger : `${trigger}, part ${i + 1} of ${all.length}`
      const pattern = { trigger: part, repeatable_steps: steps, scope: 'project', last_validated_at: now }
      const input = checked(patternInput, pattern, where)
      const common = { key: `${name}#${i}`, project_id: null, focus: null, at: null, produced_by: [] }
      return { ...common, kind: 'pattern', input, is_dated: false }
    }),
  )
  return { format: 'server-memory', items, left_out: {} }
}

/** A pattern has so many steps at most; an entity may have any number. */
function parts(said: readonly string[]): string[][] {
  const count = Math.max(1, Math.ceil(said.length / MAX_ENTRIES))
  return Array.from({ length: count }, (_, i) => said.slice(i * MAX_ENTRIES, (i + 1) * MAX_ENTRIES))
}
