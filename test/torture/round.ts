import { copyFileSync, cpSync, existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { VIOLATIONS, type Violation } from './checker.ts'
import { Site, type Worker } from './harness.ts'
import { type Random, randomFrom } from './random.ts'
import { mountSmallDisk, type SmallDisk } from './tmpfs.ts'
import type { Fate, WorkerConfig } from './worker.ts'

/** What a round is about, beside the kills, stops and clock steps that each has. */
export const WEATHERS = ['kills', 'containers', 'power', 'full-disk'] as const
export type Weather = (typeof WEATHERS)[number]

export interface RoundResult {
  readonly tallies: Record<Tally, number>
  readonly violations: Record<Violation | 'damage' | 'surprises', number>
  readonly details: readonly string[]
  /** Where the book of a round that failed was left for a look; `null` where nothing failed. */
  readonly kept: string | null
}

export const TALLIES = [
  'processes',
  'calls answered',
  'calls refused',
  'kills',
  'kills between two books',
  'stops',
  'reclaims',
  'adoptions',
  'power cuts',
  'full-disk refusals',
  'events',
  'artifacts',
] as const
export type Tally = (typeof TALLIES)[number]

const AGENTS = 4
const SLOTS = ['one', 'two', 'three']
const TTL_MS = 300
const POINTS: readonly Fate['point'][] = [
  'locked',
  'decided',
  'mid-append',
  'appended',
  'synced',
  'projected',
  'committed',
]
/** Between the records of two books; a process comes by there less often. */
const PAIR_POINTS: readonly Fate['point'][] = ['pair-prepared', 'pair-appended', 'pair-synced']

/** Plays one round: several processes at one book, and what a machine can do to them. `null` where the weather cannot be made here. */
export async function playRound(
  bundle: string,
  round: { seed: number; weather: Weather; ms: number },
): Promise<RoundResult | string> {
  const folder = join(tmpdir(), `rutter-small-${process.pid}`)
  const small = round.weather === 'full-disk' ? mountSmallDisk(folder, 24) : null
  if (typeof small === 'string') return small
  try {
    return await new Round(bundle, round, small).play()
  } finally {
    small?.unmount()
    if (small !== null) rmSync(folder, { recursive: true, force: true })
  }
}

class Round {
  readonly #random: Random
  readonly #weather: Weather
  readonly #endsAt: number
  readonly #site: Site
  readonly #small: SmallDisk | null
  readonly #tallies = Object.fromEntries(TALLIES.map((tally) => [tally, 0])) as Record<Tally, number>
  readonly #surprises: string[] = []
  #boot = 1
  #ending = false

  constructor(bundle: string, round: { seed: number; weather: Weather; ms: number }, small: SmallDisk | null) {
    this.#random = randomFrom(round.seed)
    this.#weather = round.weather
    this.#endsAt = performance.now() + round.ms
    this.#small = small
    this.#site = new Site(bundle, small === null ? {} : { root: small.root })
  }

  async play(): Promise<RoundResult> {
    const site = this.#site
    for (let i = 0; i < AGENTS; i++) this.#spawn('agent')
    this.#spawn('operator')
    while (performance.now() < this.#endsAt) {
      await sleep(this.#random.int(40, 260))
      await this.#strike()
    }
    this.#ending = true
    this.#small?.makeRoom()
    if (this.#weather === 'power') await this.#powerCut()
    const verdict = await site.verdict(this.#common())
    const answers = site.answers()
    const refused = answers.filter((answer) => 'refused' in answer)
    const unavailable = refused.filter((answer) => 'refused' in answer && answer.refused === 'store_unavailable')
    Object.assign(this.#tallies, {
      'calls answered': answers.length - refused.length,
      'calls refused': refused.length,
      'full-disk refusals': this.#small === null ? 0 : unavailable.length,
      events: verdict.events,
      reclaims: verdict.reclaims,
      adoptions: verdict.adoptions,
      artifacts: verdict.artifacts,
    })
    if (this.#small === null && unavailable.length > 0) {
      this.#surprises.push(`${unavailable.length} calls were refused with store_unavailable on a disk with room`)
    }
    const violations = {
      ...verdict.counts,
      damage: verdict.findings.length,
      surprises: this.#surprises.length,
    }
    const details = [
      ...verdict.details,
      ...verdict.findings.map((finding) => `damage: ${JSON.stringify(finding)}`),
      ...this.#surprises.slice(0, 5).map((surprise) => `surprise: ${surprise}`),
    ]
    const failed = Object.values(violations).some((count) => count > 0)
    if (!failed) await site.remove()
    // The small disk goes with the round.
    else if (this.#small !== null) cpSync(site.root, join(site.folder, 'book'), { recursive: true })
    return { tallies: this.#tallies, violations, details, kept: failed ? site.folder : null }
  }

  #common(): Partial<WorkerConfig> {
    return {
      slots: SLOTS,
      ttl_ms: TTL_MS,
      boot_id: `boot-${this.#boot}`,
      shadow: this.#weather === 'power' ? this.#site.shadow : null,
    }
  }

  #spawn(actor: 'agent' | 'operator'): void {
    const random = this.#random
    const isMortal = actor === 'agent' && random.chance(0.6)
    const isPair = random.chance(0.5)
    const fate = {
      point: random.pick(isPair ? PAIR_POINTS : POINTS),
      nth: random.int(1, isPair ? 5 : 60),
      what: random.chance(0.7) ? 'SIGKILL' : 'SIGSTOP',
    } as const
    const worker = this.#site.start({
      ...this.#common(),
      mode: 'random',
      actor,
      seed: random.int(1, 2 ** 31),
      pid_space: this.#weather === 'containers' ? random.pick(['space-a', 'space-b', 'space-c']) : 'space-1',
      // Who has such a clock saves nothing in two books: a token might expire between asking and saving.
      jumps: !(isMortal && isPair) && random.chance(0.5),
      fate: isMortal ? fate : null,
    })
    this.#tallies.processes++
    worker.onMessage = (message) => this.#hear(worker, message)
    const boot = this.#boot
    void worker.gone.then(() => {
      if (!this.#ending && boot === this.#boot) this.#spawn(actor)
    })
  }

  #hear(worker: Worker, message: Record<string, unknown>): void {
    if (message['fate'] === 'SIGKILL') {
      this.#tallies.kills++
      if (PAIR_POINTS.some((point) => point === message['point'])) this.#tallies['kills between two books']++
    } else if (message['fate'] === 'SIGSTOP') {
      this.#tallies.stops++
      // It may have stopped with the write lock in hand: then everybody waits.
      void this.#wakeLater(worker, TTL_MS)
    } else if (!('first' in message))
      this.#surprises.push(`${worker.id}: ${message['surprise'] ?? JSON.stringify(message)}`)
  }

  /** Long enough for a lease to run out, or not. */
  async #wakeLater(worker: Worker, atMost = 3 * TTL_MS): Promise<void> {
    await sleep(this.#random.int(20, atMost))
    worker.signal('SIGCONT')
  }

  async #strike(): Promise<void> {
    const random = this.#random
    const workers = [...this.#site.workers]
    if (workers.length === 0) return
    const victim = random.pick(workers)
    const dice = random.next()
    if (dice < 0.35) {
      this.#tallies.kills++
      victim.signal('SIGKILL')
    } else if (dice < 0.7) {
      this.#tallies.stops++
      victim.signal('SIGSTOP')
      void this.#wakeLater(victim)
    } else if (this.#small !== null) {
      this.#small.fill(random.pick([0, 0, 4096, 65_536]))
      await sleep(random.int(50, 300))
      this.#small.makeRoom()
    } else if (this.#weather === 'power' && dice > 0.85) {
      await this.#powerCut()
      for (let i = 0; i < AGENTS; i++) this.#spawn('agent')
      this.#spawn('operator')
    }
  }

  /** All processes die at once, the disk forgets, the store is thrown back, and the machine comes up again. */
  async #powerCut(): Promise<void> {
    this.#boot++
    this.#tallies['power cuts']++
    await this.#site.killAll()
    this.#site.cutPower(this.#random)
    for (const [index, book] of this.#site.books.entries()) this.#spoilStore(book, index)
  }

  /** A store keeps no promise that its records do not: it may be gone after a power cut, or be as it was long before. */
  #spoilStore(book: string, index: number): void {
    const database = join(book, '.control', 'rutter.db')
    const older = join(this.#site.folder, `older-${index}.db`)
    const dice = this.#random.next()
    if (dice < 0.35) removeStore(database)
    else if (dice < 0.7 && existsSync(older)) {
      removeStore(database)
      copyFileSync(older, database)
    }
    if (existsSync(database)) snapshot(database, older)
  }
}

function removeStore(database: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(database + suffix, { force: true })
}

/** A whole copy of the store as it is, to be what a later power cut throws it back to. */
function snapshot(database: string, to: string): void {
  rmSync(to, { force: true })
  const db = new DatabaseSync(database)
  try {
    db.prepare('VACUUM INTO ?').run(to)
  } finally {
    db.close()
  }
}

/** Every kind of violation that a round counts. */
export const COUNTED = [...VIOLATIONS, 'damage', 'surprises'] as const
