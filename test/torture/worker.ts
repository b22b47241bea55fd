import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { asRefusal, perform } from '../../src/app/operation.ts'
import { operations } from '../../src/app/operations/index.ts'
import { type Disk, nodeDisk } from '../../src/log/disk.ts'
import type { PausePoint } from '../../src/store/sqlite/read-transaction.ts'
import { AnswerFile } from './answers.ts'
import { runAtRandom } from './chaos.ts'
import { diskWith } from './disk.ts'
import { ForgetfulDisk } from './forgetful-disk.ts'
import { randomFrom } from './random.ts'
import { jumpingClock, openRig, processesIn } from './rig.ts'

/** What befalls a worker at the `nth` time that it comes by a point of the write path. */
export interface Fate {
  readonly point: PausePoint | 'mid-append' | 'truncate'
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
  pausePoint: meetFate,
  ...(config.jumps ? { clock: jumpingClock(random) } : {}),
})
const answers = new AnswerFile(config.answers)

if (config.mode === 'random') {
  await runAtRandom({ context, answers, random, config, say })
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
  if (call === 'verify') return { ...(await context.ledger.verify()), repairs: context.ledger.repairs().length }
  if (call === 'states') return await context.ledger.read((book) => book.sessions({ limit: 100_000 }))
  const operation = operations.find(({ name }) => name === call)
  if (operation === undefined) throw new Error(`There is no operation ${call}.`)
  return await perform(operation, context, args)
}
