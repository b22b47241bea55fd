import { setTimeout as sleep } from 'node:timers/promises'
import { change } from '../../src/app/call.ts'
import type { Context } from '../../src/app/context.ts'
import { keepLeases } from '../../src/app/lease-keeper.ts'
import { asRefusal, type Operation, perform } from '../../src/app/operation.ts'
import { operations } from '../../src/app/operations/index.ts'
import type { SessionState } from '../../src/domain/session/state.ts'
import type { AnswerFile, SavingAnswer } from './answers.ts'
import type { Random } from './random.ts'
import { resolveOne, saverAt } from './saving.ts'
import type { WorkerConfig } from './worker.ts'

export interface ChaosParts {
  readonly context: Context
  readonly answers: AnswerFile
  readonly random: Random
  readonly config: WorkerConfig
  say(message: object): void
  /** The idempotency key of the batch that is being saved: what the global book could not take is not missed in it. */
  batch: string | null
}

export type Result = Record<string, unknown>

const byName = new Map<string, Operation>(operations.map((operation) => [operation.name, operation]))

/** Codes that end a worker's hold on its session. */
const LOST = ['lease_lost', 'session_stopped', 'session_not_found', 'no_active_session']

/** Calls as fast as it can, on sessions that it starts or takes over, until somebody kills it. */
export async function runAtRandom(parts: ChaosParts): Promise<never> {
  const { context, config } = parts
  tellOfGlobalFaults(parts)
  keepLeases(context.ledger, config.ttl_ms / 1000, () => {})
  const round = config.actor === 'operator' ? operatorAt(parts) : agentAt(parts)
  for (;;) await round()
}

/**
 * Where the global book cannot be written, the rest of a batch is saved all the same; if the process dies before it hears that, only
 * this tells that a part was rightly left out.
 */
function tellOfGlobalFaults(parts: ChaosParts): void {
  const { ledger } = parts.context
  const openGlobal = ledger.openGlobal.bind(ledger)
  ledger.openGlobal = async () => {
    try {
      await openGlobal()
    } catch (error) {
      const idempotency_key = parts.batch
      const { code } = asRefusal(error)
      if (idempotency_key !== null) {
        parts.answers.add({ by: parts.config.id, call: 'open_global', marks: [], idempotency_key, refused: code })
      }
      throw error
    }
  }
}

function agentAt(parts: ChaosParts): () => Promise<void> {
  const { context, random, config } = parts
  const call = caller(parts)
  const save = saverAt(parts)
  let session: string | null = null
  let task: string | null = null
  let n = 0
  const mark = () => `${config.id}.${++n}`

  /** Starts a session in a free slot, or asks for one that another worker may have left behind. */
  async function find(): Promise<void> {
    const m = mark()
    if (random.chance(0.6)) {
      const slot = random.pick(config.slots)
      const args = { session_type: 'autonomous', slot, metadata: { mark: m } }
      const started = await call('session_initialize', args, [`init:${m}`], (r) => [
        `grant:${slot}:${(r['lock'] as { token: number }).token}`,
      ])
      if ('refused' in started) await sleep(random.int(0, 8))
      else session = String(started.result['session_id'])
      return
    }
    const states = await running(context)
    if (states.length === 0) return
    const wanted = random.pick(states).session_id
    const args = { session_id: wanted, outcome: 'skipped', error: { message: m } }
    const touched = await call('session_record_failure', args, [`fail:${m}`])
    // Without a grant it was a visitor's call on a session whose holder lives; it has left no trace but its own.
    if (!('refused' in touched) && context.connection.tokens.has(wanted)) session = wanted
  }

  async function work(id: string): Promise<string | undefined> {
    const m = mark()
    const which = { session_id: id }
    const dice = random.next()
    if (dice < 0.3) {
      const started = await call('session_update', { ...which, current_task_id: m }, [`start:${m}`])
      if (!('refused' in started)) task = m
      return refusal(started)
    }
    if (dice < 0.45 && task !== null) {
      const finished = task
      task = null
      return refusal(await call('session_increment_completed', which, [`complete:${finished}`]))
    }
    if (dice < 0.6) {
      const failure = { ...which, outcome: random.pick(['failed', 'skipped']), error: { message: m }, task_id: m }
      return refusal(await call('session_record_failure', failure, [`fail:${m}`]))
    }
    if (dice < 0.7) {
      const added = await call('task_add', { ...which, tasks: [{ task_id: m, title: m }] }, [`add:${m}`])
      if ('refused' in added) return added.refused
      return refusal(await call('task_mark_done', { ...which, task_id: m, note: m }, [`done:${m}`]))
    }
    if (dice < 0.82) {
      const turn = { ...which, input_tokens: 5, output_tokens: 7, cost_usd: 0.5, request_id: m }
      const counted = await call('session_record_turn', turn, [`turn:${m}`])
      // The same turn again, as a client does that has seen no answer: it counts once.
      if (random.chance(0.3)) return refusal(await call('session_record_turn', turn, [`turn:${m}`]))
      return refusal(counted)
    }
    if (dice < 0.97) {
      const beat = { ...which, status: m, next_action: m }
      const handed = (r: Result) => (r['whispers'] as { id: string }[]).map((w) => `deliver:${w.id}`)
      return refusal(await call('steering_heartbeat', beat, [], handed))
    }
    return refusal(await call('session_update', { ...which, status: 'stopped' }, [`end:${id}`])) ?? 'stopped'
  }

  return async () => {
    if (random.chance(0.35)) return await save(session)
    if (session === null) return await find()
    const refused = await work(session)
    if (refused === 'circuit_open') await call('session_update', { session_id: session, status: 'running' }, [])
    if (refused !== undefined && (refused === 'stopped' || LOST.includes(refused))) {
      session = null
      task = null
    }
    if (random.chance(0.02)) await sleep(random.int(0, 20))
  }
}

/** A person at the command line: whispers to whoever runs, and now and then stops somebody. */
function operatorAt(parts: ChaosParts): () => Promise<void> {
  const { context, random, config } = parts
  const call = caller(parts)
  let n = 0
  return async () => {
    await sleep(random.int(2, 25))
    if (random.chance(0.15)) return await resolveOne(parts)
    const states = await running(context)
    if (states.length === 0) return
    const { session_id } = random.pick(states)
    if (random.chance(0.05)) {
      await call('session_update', { session_id, status: 'stopped' }, [`end:${session_id}`])
      return
    }
    const instruction = `${config.id}.${++n}`
    const priority = random.pick(['normal', 'urgent', 'abort'] as const)
    const command = { kind: 'whisper', whisper_id: instruction, instruction, priority } as const
    await attempt(
      parts,
      'whisper',
      [`whisper:${instruction}`],
      () => [],
      async () => {
        await change(context, { session_id, command }, async () => ({}))
        return {}
      },
    )
  }
}

async function running(context: Context): Promise<SessionState[]> {
  try {
    const states = await context.ledger.read((book) => book.sessions({ limit: 50 }))
    return states.filter(({ status }) => status === 'running' || status === 'paused')
  } catch (error) {
    if (asRefusal(error).code === 'store_unavailable') return []
    throw error
  }
}

export type Outcome = { readonly result: Result } | { readonly refused: string }

function refusal(outcome: Outcome): string | undefined {
  return 'refused' in outcome ? outcome.refused : undefined
}

/** What a saving call writes down beside its marks. */
interface Saving {
  /** What must not be in the record if the call is refused. */
  readonly refused: readonly string[]
  readonly saving: (result: Result) => SavingAnswer
}

/** Calls by name. `marks` must be in the record once it was answered, and `more` names those that only the answer tells. */
export function caller(parts: ChaosParts) {
  return (
    name: string,
    args: object,
    marks: readonly string[],
    more = (_: Result): string[] => [],
    saving?: Saving,
  ) => {
    const operation = byName.get(name)
    if (operation === undefined) throw new Error(`There is no operation ${name}.`)
    const work = async () => (await perform(operation, parts.context, args)) as Result
    return attempt(parts, name, marks, more, work, saving)
  }
}

/** Makes one call and writes down what it was told, before anything else is done. */
async function attempt(
  parts: ChaosParts,
  call: string,
  marks: readonly string[],
  more: (result: Result) => string[],
  work: () => Promise<Result>,
  saving?: Saving,
): Promise<Outcome> {
  const { answers, config, say } = parts
  try {
    const result = await work()
    const all = [...marks, ...more(result)]
    answers.add({ by: config.id, call, marks: all, ...saving?.saving(result) })
    sayFirst(parts, call)
    return { result }
  } catch (error) {
    const { code, message } = asRefusal(error)
    answers.add({ by: config.id, call, marks: saving?.refused ?? marks, refused: code })
    // A review that another one resolved meanwhile is refused as an argument that comes too late.
    const isWrong = code === 'internal' || (code === 'invalid_argument' && call !== 'memory_review')
    if (isWrong) say({ surprise: `${call}: ${code}: ${message}` })
    return { refused: code }
  }
}

let hasAnswered = false

/** Tells whoever started this process that it is at work. */
function sayFirst({ say }: ChaosParts, call: string): void {
  if (!hasAnswered) say({ first: call })
  hasAnswered = true
}
