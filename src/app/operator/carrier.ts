import type { StreamRef } from '../../domain/event.ts'
import type { LogCopy, Piece, TakenIn } from '../../ports/log-copy.ts'

/** Lines that go over at once; more gain nothing. */
const LINES_AT_ONCE = 2000
/** Batches that are on their way while the next is read: with one, either side would wait for the other half of the time. */
const ON_THEIR_WAY = 3

/** Brings pieces to a copy of a log, many small ones at a time, those of one stream in their order. */
export class Carrier {
  readonly #to: LogCopy
  readonly #onOutcome: (piece: Piece, outcome: TakenIn) => void
  /** By the names of their streams. */
  readonly #onTheirWay = new Map<ReadonlySet<string>, Promise<void>>()
  #batch = new Map<string, Piece>()
  #lines = 0

  constructor(to: LogCopy, onOutcome: (piece: Piece, outcome: TakenIn) => void) {
    this.#to = to
    this.#onOutcome = onOutcome
  }

  async add(piece: Piece): Promise<void> {
    const key = keyOf(piece.stream)
    if (this.#batch.has(key) || this.#lines + piece.lines.length > LINES_AT_ONCE) await this.#send()
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
    while (this.#onTheirWay.size >= ON_THEIR_WAY) await Promise.race(this.#onTheirWay.values())
    const arrival = this.#bring([...batch.values()]).finally(() => this.#onTheirWay.delete(keys))
    // Told to whoever waits for it next.
    arrival.catch(() => {})
    this.#onTheirWay.set(keys, arrival)
  }

  async #bring(pieces: readonly Piece[]): Promise<void> {
    const outcomes = await this.#to.takeIn(pieces)
    for (const [i, piece] of pieces.entries()) this.#onOutcome(piece, outcomes[i] ?? 'moved')
  }
}

function keyOf({ kind, id }: StreamRef): string {
  return `${kind} ${id}`
}
