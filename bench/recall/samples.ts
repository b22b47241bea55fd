/** Conversations with questions, in the format of the LoCoMo data set. */
import { readFileSync } from 'node:fs'
import * as z from 'zod'

export interface Turn {
  /** As the questions' evidence names it: "D1:3". */
  readonly id: string
  readonly speaker: string
  readonly text: string
  /** What a picture shows that was sent along. */
  readonly caption: string
}

export interface Session {
  readonly number: number
  /** As people write it: "1:56 pm on 8 May, 2023". */
  readonly date: string
  readonly turns: readonly Turn[]
}

export interface Question {
  readonly text: string
  readonly category: string
  /** Ids of turns that have the answer; all of them are turns of this sample. */
  readonly evidence: readonly string[]
}

export interface Sample {
  readonly id: string
  readonly sessions: readonly Session[]
  readonly questions: readonly Question[]
  /** Questions that name no turn: there is nothing to find. */
  readonly skipped: number
  /** Pieces of evidence that name a turn which the conversation does not have. */
  readonly unknown: number
}

const turnSchema = z.object({
  speaker: z.string(),
  dia_id: z.string().regex(/^D\d+:\d+$/, 'is no turn id; one looks like "D1:3"'),
  text: z.string(),
  blip_caption: z.string().optional(),
})

const sampleSchema = z.object({
  sample_id: z.string().optional(),
  conversation: z.record(z.string(), z.unknown()),
  qa: z.array(
    z.object({
      question: z.string(),
      evidence: z.array(z.string()).optional(),
      category: z.union([z.number(), z.string()]).optional(),
    }),
  ),
})

/** The file cannot be used; the message names it, the place in it and what is wrong there. */
export class BrokenFile extends Error {}

/** Reads the samples of a file; throws `BrokenFile`. */
export function readSamples(path: string): Sample[] {
  const broken = (what: string) => new BrokenFile(`${path}: ${what}`)
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw broken(error instanceof SyntaxError ? `is not JSON: ${error.message}` : `cannot be read: ${messageOf(error)}`)
  }
  if (!Array.isArray(json)) throw broken(`is ${kindOf(json)}; a list of conversations is expected.`)
  if (json.length === 0) throw broken('is an empty list; there is nothing to ask.')
  const samples = json.map((sample: unknown, i) => sampleOf(sample, i, broken))
  if (samples.every((sample) => sample.questions.length === 0)) {
    throw broken('has no question whose evidence names a turn; there is nothing to score.')
  }
  return samples
}

type Broken = (what: string) => BrokenFile

function sampleOf(json: unknown, i: number, broken: Broken): Sample {
  const { sample_id, conversation, qa } = parsed(sampleSchema, json, `[${i}]`, broken)
  const numbers = Object.keys(conversation)
    .map((key) => /^session_(\d+)$/.exec(key)?.[1])
    .filter((number) => number !== undefined)
    .map(Number)
    .sort((a, b) => a - b)
  if (numbers.length === 0) throw broken(`[${i}].conversation has no session; "session_1" is expected.`)
  const taken = new Set<string>()
  const sessions = numbers.map((number): Session => {
    const key = `session_${number}`
    const turns = parsed(z.array(turnSchema), conversation[key], `[${i}].conversation.${key}`, broken)
    const date = conversation[`${key}_date_time`]
    if (date !== undefined && typeof date !== 'string') {
      throw broken(`[${i}].conversation.${key}_date_time is ${kindOf(date)}; a text is expected.`)
    }
    for (const { dia_id } of turns) {
      if (taken.has(dia_id)) throw broken(`[${i}].conversation.${key} has the turn ${dia_id} a second time.`)
      taken.add(dia_id)
    }
    return {
      number,
      date: date ?? '',
      turns: turns.map(({ dia_id, speaker, text, blip_caption = '' }) => ({
        id: dia_id,
        speaker,
        text,
        caption: blip_caption,
      })),
    }
  })

  let unknown = 0
  const questions = qa.map(({ question, evidence = [], category = '' }): Question => {
    const named = evidence.flatMap(turnIds)
    const known = [...new Set(named)].filter((id) => taken.has(id))
    unknown += new Set(named).size - known.length
    return { text: question, category: String(category), evidence: known }
  })
  const answerable = questions.filter((question) => question.evidence.length > 0)
  return {
    id: sample_id ?? String(i),
    sessions,
    questions: answerable,
    skipped: questions.length - answerable.length,
    unknown,
  }
}

/** The data set writes some of them carelessly: "D8:6; D9:17", "D30:05". */
function turnIds(evidence: string): string[] {
  return [...evidence.matchAll(/D:?(\d+):(\d+)/g)].map(([, session, turn]) => `D${Number(session)}:${Number(turn)}`)
}

function parsed<T extends z.ZodType>(schema: T, json: unknown, place: string, broken: Broken): z.infer<T> {
  const result = schema.safeParse(json)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const inside = (issue?.path ?? []).map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
  throw broken(`${place}${inside}: ${issue?.message ?? 'is not of the format'}`)
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
