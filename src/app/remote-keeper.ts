import { nextAttemptAt, type Standing } from '../domain/remote.ts'
import type { RemoteNotes } from '../ports/remote-notes.ts'

export interface KeeperParts {
  /** The team's database, without its password. */
  readonly remote: string
  readonly notes: RemoteNotes
  /** False as long as there is no book: keeping it together makes none. */
  readonly hasBook: () => boolean
  /** One attempt, in a process of its own, which notes what it came to. Comes back when that process is over. */
  readonly attempt: () => Promise<void>
  /** The same for when this process ends: it only begins it. */
  readonly lastAttempt: () => void
  /** Told where an attempt could not even be started. */
  readonly onError: (error: unknown) => void
  /** Milliseconds of the wall clock, by which the notes go as well. */
  readonly now: () => number
  readonly random: () => number
}

/** Where somebody else is at it, or nothing is there to bring together, it is looked again after so long. */
const LOOK_AGAIN_MS = 2000
/** A clock that goes back by more was set, and what was seen before tells nothing about when. */
const SET_BACK_MS = 60_000
/** A timer of Node takes no more than a month, and a clock may jump: it is looked anew at least so often. */
const LONGEST_SLEEP_MS = 60_000

/**
 * Sees to it that a clone's book and its team's database are brought together in the background for as long as this process lives: soon
 * after its start, after something was recorded, now and then, and once at its end. It only decides when. Nobody waits for it, and it
 * keeps no process alive.
 */
export class RemoteKeeper {
  readonly #parts: KeeperParts
  #startedAt: number
  #latest: number
  #recorded: Standing['recorded'] = null
  /** The attempts of this process, also those that were killed before they could note anything. */
  #own: Standing['last'] = null
  #isAtIt = false
  #spread: number
  #timer: NodeJS.Timeout | undefined
  #wakesAt = Number.POSITIVE_INFINITY

  constructor(parts: KeeperParts) {
    this.#parts = parts
    this.#startedAt = parts.now()
    this.#latest = this.#startedAt
    this.#spread = parts.random()
    this.#sleepUntil(this.#startedAt)
  }

  /** Something was recorded here. Costs next to nothing: it is called in the midst of a write. */
  recorded(): void {
    const now = this.#now()
    this.#recorded = { first: this.#recorded?.first ?? now, last: now }
    if (this.#isAtIt) return
    // What is read from the disk is read when it is time, and not here.
    const soonest = nextAttemptAt(this.#standing(this.#own), this.#spread)
    if (soonest < this.#wakesAt) this.#sleepUntil(soonest)
  }

  /** For the end of this process: what has not been taken along by then is taken along by one that nobody waits for. */
  end(): void {
    clearTimeout(this.#timer)
    this.#forgetWhatWentAlong()
    if (this.#recorded === null || !this.#parts.hasBook()) return
    try {
      this.#parts.lastAttempt()
    } catch (error) {
      this.#parts.onError(error)
    }
  }

  #sleepUntil(time: number): void {
    clearTimeout(this.#timer)
    const ms = Math.min(LONGEST_SLEEP_MS, Math.max(0, time - this.#now()))
    this.#wakesAt = time
    this.#timer = setTimeout(() => void this.#wake(), ms)
    this.#timer.unref()
  }

  async #wake(): Promise<void> {
    const { notes, hasBook } = this.#parts
    if (!hasBook()) return this.#sleepUntil(this.#now() + LOOK_AGAIN_MS)
    const note = notes.read()
    if (note !== null && notes.isRunning(note)) return this.#sleepUntil(this.#now() + LOOK_AGAIN_MS)
    this.#forgetWhatWentAlong()
    const due = nextAttemptAt(this.#standing(this.#last()), this.#spread)
    if (due > this.#now()) return this.#sleepUntil(due)
    this.#isAtIt = true
    await this.#attempt()
    this.#isAtIt = false
    this.#spread = this.#parts.random()
    this.#sleepUntil(nextAttemptAt(this.#standing(this.#last()), this.#spread))
  }

  async #attempt(): Promise<void> {
    const began = this.#now()
    const before = this.#recorded
    await this.#parts.attempt().catch(this.#parts.onError)
    const noted = this.#noted()
    if (noted !== null && noted.began_at >= began) {
      this.#own = noted
      // What came while it was under way is the next one's.
      const isNew = this.#recorded !== null && this.#recorded.last !== before?.last
      if (noted.outcome !== 'together') return
      this.#recorded = isNew ? { first: began, last: this.#recorded?.last ?? began } : null
      return
    }
    // It was killed, or could not even begin.
    const failures = (this.#last()?.failures ?? 0) + 1
    this.#own = { ended_at: this.#now(), outcome: 'away', failures, is_of_now: true }
  }

  /** Other processes of this clone take along what is recorded here as well. */
  #forgetWhatWentAlong(): void {
    const noted = this.#noted()
    const hasGone = noted?.outcome === 'together' && this.#recorded !== null && noted.began_at > this.#recorded.last
    if (hasGone) this.#recorded = null
  }

  /** The last attempt on this database that anybody noted. */
  #noted() {
    const note = this.#parts.notes.read()
    if (note === null || note.remote !== this.#parts.remote || note.last === null) return null
    const { began_at, ended_at, outcome, failures } = note.last
    const [began, end] = [Date.parse(began_at), Date.parse(ended_at)]
    // Of before the clock was set back: nobody is to wait until it is that late again.
    if (end > this.#now() + SET_BACK_MS) return null
    return { began_at: began, ended_at: end, outcome, failures, is_of_now: began >= this.#startedAt }
  }

  #last(): Standing['last'] {
    const noted = this.#noted()
    return noted === null || (this.#own !== null && this.#own.ended_at > noted.ended_at) ? this.#own : noted
  }

  #now(): number {
    const now = this.#parts.now()
    if (now < this.#latest - SET_BACK_MS) {
      this.#startedAt = now
      this.#own = null
      if (this.#recorded !== null) this.#recorded = { first: now, last: now }
    }
    this.#latest = now
    return now
  }

  #standing(last: Standing['last']): Standing {
    return { started_at: this.#startedAt, recorded: this.#recorded, last }
  }
}
