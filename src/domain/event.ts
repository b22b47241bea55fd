import * as z from 'zod'

/** Version of the line format that this program writes. Lines of a newer version are kept and passed over. */
export const LINE_VERSION = 1

/** `prev` of the first line of a stream. */
export const GENESIS = '0'.repeat(64)

/**
 * A stream is one hash chain: the events of one session, or the learnings that one clone saved outside any session.
 * A book (a project's `.bot`, or the user's global book) holds many streams; streams never refer to another's chain,
 * so two books meet stream by stream.
 */
export interface StreamRef {
  readonly kind: 'session' | 'memory'
  readonly id: string
}

/** Who caused an event: the agent through a tool, a person through the command line, or Rutter itself. */
export const actorSchema = z.object({
  kind: z.enum(['agent', 'operator', 'rutter']),
  name: z.string(),
})
export type Actor = z.infer<typeof actorSchema>

/** An event as a `decide` returns it: what happened, not yet when, by whom, or where in the stream. */
export interface NewEvent<Type extends string = string, Data = unknown> {
  readonly type: Type
  readonly data: Data
}

/** An event as it stands in a record. Field order here is field order in the line. */
export interface RecordedEvent<Type extends string = string, Data = unknown> extends NewEvent<Type, Data> {
  readonly v: number
  /** 1 for the first event of the stream. */
  readonly seq: number
  /** UUIDv7. */
  readonly id: string
  /** ISO 8601 UTC with milliseconds; never earlier than the event before it in the stream. */
  readonly at: string
  readonly actor: Actor
  /** How many further events of the same step follow; a step counts only when its last event is there. */
  readonly more?: number | undefined
  /** SHA-256 of the line before, hex. */
  readonly prev: string
}

/**
 * True for what `envelopeSchema` accepts. By hand, because reading a million lines back spends a third of its time on nothing else;
 * a test holds the two together. The schema says what is wrong with a line that fails.
 */
export function isEnvelope(json: unknown): json is RecordedEvent {
  if (typeof json !== 'object' || json === null) return false
  const { v, seq, id, at, type, actor, data, more, prev } = json as Record<string, unknown>
  return (
    isCount(v) &&
    isCount(seq) &&
    isText(id) &&
    isText(at) &&
    isText(type) &&
    isActor(actor) &&
    typeof data === 'object' &&
    data !== null &&
    !Array.isArray(data) &&
    (more === undefined || isCount(more)) &&
    typeof prev === 'string' &&
    prev.length === 64
  )
}

function isActor(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { kind, name } = value as Record<string, unknown>
  return (kind === 'agent' || kind === 'operator' || kind === 'rutter') && typeof name === 'string'
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1
const isText = (value: unknown) => typeof value === 'string' && value !== ''

/** What every line must have to be one of ours, whatever its type and version. */
export const envelopeSchema = z.object({
  v: z.int().min(1),
  seq: z.int().min(1),
  id: z.string().min(1),
  at: z.string().min(1),
  type: z.string().min(1),
  actor: actorSchema,
  data: z.record(z.string(), z.unknown()),
  more: z.int().min(1).optional(),
  prev: z.string().length(64),
})
