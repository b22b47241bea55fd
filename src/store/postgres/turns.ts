/** Lets so many at a time, in the order in which they came; who has waited too long is told. */
export class Turns {
  readonly #waiting = new Set<() => void>()
  #free: number

  constructor(count: number) {
    this.#free = count
  }

  /** Gives what ends the turn. `tooLate` makes the error for one that did not come within `patienceMs`. */
  take(patienceMs: number, tooLate: () => Error): (() => void) | Promise<() => void> {
    const end = () => {
      const [next] = this.#waiting
      if (next === undefined) this.#free++
      else next()
    }
    if (this.#free === 0) return this.#wait(patienceMs, tooLate).then(() => end)
    this.#free--
    return end
  }

  #wait(patienceMs: number, tooLate: () => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(go)
        reject(tooLate())
      }, patienceMs)
      const go = () => {
        clearTimeout(timer)
        this.#waiting.delete(go)
        resolve()
      }
      this.#waiting.add(go)
    })
  }
}
