/** Looks in the time that somebody may say nothing: what is cut off at the latest a quarter later. */
const LOOKS = 4

/**
 * Notices servers that do not answer any more. With one timer for everything that waits: one for each statement, which is hardly ever
 * to go off, took a twelfth of what a call costs this process.
 */
export class SilenceWatch {
  readonly #waiting = new Set<Listening>()
  readonly #lookEveryMs: number
  #timer: NodeJS.Timeout | undefined

  constructor(shortestMs: number) {
    this.#lookEveryMs = shortestMs / LOOKS
  }

  /** Calls `onSilence` once there was no answer for so long while there should have been one. */
  over(limitMs: number, onSilence: () => void): Listening {
    return new Listening(this, limitMs, onSilence)
  }

  /** For the listening itself: it waits for an answer. */
  add(listening: Listening): void {
    this.#waiting.add(listening)
    this.#timer ??= setTimeout(() => this.#look(), this.#lookEveryMs).unref()
  }

  /** For the listening itself: it waits no more. */
  remove(listening: Listening): void {
    this.#waiting.delete(listening)
  }

  #look(): void {
    const now = performance.now()
    for (const listening of this.#waiting) listening.look(now)
    this.#timer = this.#waiting.size === 0 ? undefined : setTimeout(() => this.#look(), this.#lookEveryMs).unref()
  }
}

/** One who asks, and may ask several things before the first answer. */
export class Listening {
  readonly #watch: SilenceWatch
  readonly #limitMs: number
  readonly #onSilence: () => void
  #asked = 0
  #since = 0

  constructor(watch: SilenceWatch, limitMs: number, onSilence: () => void) {
    this.#watch = watch
    this.#limitMs = limitMs
    this.#onSilence = onSilence
  }

  asked(): void {
    if (this.#asked++ > 0) return
    this.#since = performance.now()
    this.#watch.add(this)
  }

  answered(): void {
    this.#since = performance.now()
    this.#asked = Math.max(0, this.#asked - 1)
    if (this.#asked === 0) this.#watch.remove(this)
  }

  look(now: number): void {
    if (now - this.#since < this.#limitMs) return
    this.#watch.remove(this)
    this.#onSilence()
  }
}
