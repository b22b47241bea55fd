import { writeSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { createInterface } from 'node:readline'
import { asRefusal, perform } from '../../src/app/operation.ts'
import { operations } from '../../src/app/operations/index.ts'
import { type Disk, nodeDisk } from '../../src/log/disk.ts'
import type { PausePoint } from '../../src/store/sqlite/read-transaction.ts'
import { AnswerFile } from './answers.ts'
import { type ChaosParts, runAtRandom } from './chaos.ts'
import { diskWith } from './disk.ts'
import { ForgetfulDisk } from './forgetful-disk.ts'
import { rebuildBoth, verifyBoth, writeKnown } from './known.ts'
import { randomFrom } from './random.ts'
import { jumpingClock, openRig, processesIn } from './rig.ts'

/** Where a write in two books can be cut short so that only one has it, or none and yet it is announced. */
type PairPoint = 'prepared' | 'appended' | 'synced'

/** What befalls a worker at the `nth` time that it comes by a point of the write path. */
export interface Fate {
  readonly point: PausePoint | 'mid-append' | 'truncate' | `pair-${PairPoint}`
  readonly nth: number
  readonly what: 'SIGKILL' | 'SIGSTOP'
}

export interface WorkerConfig {
  /** Unique over a round; the name under which it stands in the record. */
  readonly id: string
  readonly root: string
  /** Its file of answers. */
  readonly answers: string
  /** `script` does what it is told line by line on stdin; `random` calls as fast as it can until it is killed. */
  readonly mode: 'script' | 'random'
  readonly actor: 'agent' | 'operator'
  readonly seed: number
  readonly slots: readonly string[]
  readonly ttl_ms: number
  readonly boot_id: string
  readonly pid_space: string
  readonly jumps: boolean
  /** Where the forgetful disk keeps what is durable; `null` for the real disk. */
  readonly shadow: string | null
  readonly fate: Fate | null
}

const config = JSON.parse(process.argv[2] ?? '{}') as WorkerConfig
const random = randomFrom(config.seed)
let passed = 0

/** Standard output is written at once and whole: the process may be gone with the next instruction. */
function say(message: object): void {
  writeSync(1, `${JSON.stringify(message)}\n`)
}

/** The batch that is being saved, if one is. */
const current: Pick<ChaosParts, 'batch'> = { batch: null }
/** True while a batch is written in two books. */
let isInPair = false

/** Comes by a point of the write path; those of a batch in two books are told apart, as what a crash leaves there is half of it. */
function pass(point: PausePoint): void {
  if (point === 'prepared') isInPair = current.batch !== null
  if (point === 'projected' || point === 'locked') isInPair = false
  meetFate(point)
  if (isInPair && isPairPoint(point)) meetFate(`pair-${point}`)
}

function isPairPoint(point: PausePoint): point is PairPoint {
  return point === 'prepared' || point === 'appended' || point === 'synced'
}

function meetFate(point: Fate['point']): void {
  if (config.fate?.point !== point || ++passed !== config.fate.nth) return
  say({ fate: config.fate.what, point })
  process.kill(process.pid, config.fate.what)
}

/** Meets its fate between the two halves of a write, or before a write is taken back. */
function mortal(disk: Disk): Disk {
  const point = config.fate?.point
  if (point !== 'mid-append' && point !== 'truncate') return disk
  return diskWith(disk, (file) => ({
    append: (bytes) => {
      const half = Math.ceil(bytes.length / 2)
      file.append(bytes.subarray(0, half))
      meetFate('mid-append')
      file.append(bytes.subarray(half))
    },
    truncate: (to) => {
      meetFate('truncate')
      file.truncate(to)
    },
  }))
}

const context = openRig({
  root: config.root,
  actor: { kind: config.actor, name: config.id },
  slot: config.slots[0] ?? 'default',
  ttl_ms: config.ttl_ms,
  processes: processesIn(config),
  disk: mortal(config.shadow === null ? nodeDisk : new ForgetfulDisk(config.shadow)),
  pausePoint: pass,
  ...(config.jumps ? { clock: jumpingClock(random) } : {}),
})
const answers = new AnswerFile(config.answers)
// Who is killed leaves no compiled code behind, and the next one would start from the sources.
flushCompileCache()

if (config.mode === 'random') {
  await runAtRandom(Object.assign(current, { context, answers, random, config, say }))
} else {
  say({ ready: true })
  for await (const line of createInterface({ input: process.stdin })) {
    const { call, args, marks } = JSON.parse(line) as { call: string; args: object; marks: string[] }
    try {
      const result = await carryOut(call, args)
      answers.add({ by: config.id, call, marks })
      say({ result })
    } catch (error) {
      const { body } = asRefusal(error)
      answers.add({ by: config.id, call, marks, refused: body.code })
      say({ refused: body })
    }
  }
}

async function carryOut(call: string, args: object): Promise<unknown> {
  if (call === 'rebuild') return await rebuildBoth(context)
  if (call === 'known') return await writeKnown(context, (args as { to: string }).to)
  if (call === 'verify') return await verifyBoth(context)
  if (call === 'states') return await context.ledger.read((book) => book.sessions({ limit: 100_000 }))
  current.batch = call === 'store_session_with_learnings' ? call : null
  const operation = operations.find(({ name }) => name === call)
  if (operation === undefined) throw new Error(`There is no operation ${call}.`)
  return await perform(operation, context, args)
}
