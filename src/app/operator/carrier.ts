import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { streamKey } from '../../domain/stream.ts'
import type { LogCopy, Piece, TakenIn } from '../../ports/log-copy.ts'

export interface Pace {
  /** Lines that go over at once. */
  readonly lines: number
  /** Batches that are on their way while the next is read. */
  readonly batches: number
  /** How long it rests behind a batch, as a multiple of the time that it took. */
  readonly rest: number
}

/** More lines gain nothing; with one batch on its way, either side would wait for the other half of the time. */
export const AT_FULL_SPEED: Pace = { lines: 2000, batches: 3, rest: 0 }
/** Whoever writes where the lines go waits for a short batch at most, and has its turn before the next. */
export const UNHURRIED: Pace = { lines: 200, batches: 1, rest: 2 }

/** Brings pieces to a copy of a log, many small ones at a time, those of one stream in their order. */
export class Carrier {
  readonly #to: LogCopy
  readonly #onOutcome: (piece: Piece, outcome: TakenIn) => void
  readonly #pace: Pace
  /** By the names of their streams. */
  readonly #onTheirWay = new Map<ReadonlySet<string>, Promise<void>>()
  #batch = new Map<string, Piece>()
  #lines = 0

  constructor(to: LogCopy, onOutcome: (piece: Piece, outcome: TakenIn) => void, pace: Pace) {
    this.#to = to
    this.#onOutcome = onOutcome
    this.#pace = pace
  }

  async add(piece: Piece): Promise<void> {
    // Reading a batch keeps this process busy; between its pieces it hears what was answered to those before, and sends them on.
    await nextTurn()
    const key = streamKey(piece.stream)
    if (this.#batch.has(key) || this.#lines + piece.lines.length > this.#pace.lines) await this.#send()
    this.#batch.set(key, piece)
    this.#lines += piece.lines.length
  }

  /** Comes back when all of it has arrived. */
  async end(): Promise<void> {
    await this.#send()
    await Promise.all(this.#onTheirWay.values())
  }

  async #send(): Promise<void> {
    const batch = this.#batch
    this.#batch = new Map()
    this.#lines = 0
    if (batch.size === 0) return
    const keys = new Set(batch.keys())
    for (const [before, arrival] of this.#onTheirWay) if (!before.isDisjointFrom(keys)) await arrival
    while (this.#onTheirWay.size >= this.#pace.batches) await Promise.race(this.#onTheirWay.values())
    const arrival = this.#bring([...batch.values()]).finally(() => this.#onTheirWay.delete(keys))
    // Told to whoever waits for it next.
    arrival.catch(() => {})
    this.#onTheirWay.set(keys, arrival)
  }

  async #bring(pieces: readonly Piece[]): Promise<void> {
    const began = performance.now()
    const outcomes = await this.#to.takeIn(pieces)
    const rest = (performance.now() - began) * this.#pace.rest
    for (const [i, piece] of pieces.entries()) this.#onOutcome(piece, outcomes[i] ?? 'moved')
    if (rest > 0) await sleep(rest)
  }
}
