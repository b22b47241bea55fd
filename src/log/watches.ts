import type { StreamRef } from '../domain/event.ts'
import { streamKey } from '../domain/stream.ts'
import type { WatchNews, WatchOptions } from '../ports/ledger.ts'

/** What a look at the streams came upon. A newcomer is somebody for whom this was the first look. */
export type Seen = 'nothing' | 'a newcomer' | 'a change'

/** How a store sees that streams went on. */
export interface Marks {
  /** For each stream, in the order given, a text that is another one after every step. One look serves everybody who watches. */
  look(streams: readonly StreamRef[]): Promise<readonly string[]>
  /** Milliseconds until the next look, if nobody nudges before. Asked once after each look. */
  rest(seen: Seen): number
  /** Nobody watches any more; a later look begins anew. */
  close(): void
}

/** Looks that a busy store calls for are at least so far apart, milliseconds. */
const SHORTEST_MS = 25

/** Somebody who watches some streams. */
interface Watcher {
  readonly streams: ReadonlyMap<string, StreamRef>
  /** What was seen last; `null` before the first look. */
  mark: string | null
  /** There while it waits. */
  wake: ((news: WatchNews) => void) | null
}

/**
 * Everybody in this process who watches streams of one book. They share the looks, which are taken only while somebody waits. What was
 * seen is compared with what each saw last, so nothing that happens between two waits is missed.
 */
export class Watches {
  readonly #marks: Marks
  readonly #watchers = new Set<Watcher>()
  #isLooking = false
  #isNudged = false
  #lookedAt = Number.NEGATIVE_INFINITY
  #due = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  /** `makeMarks` is given what to call where a store is told by itself that something happened. */
  constructor(makeMarks: (nudge: () => void) => Marks) {
    this.#marks = makeMarks(() => this.#nudge())
  }

  async *watch(streams: readonly StreamRef[], { signal, at_most_ms }: WatchOptions): AsyncGenerator<WatchNews> {
    if (signal.aborted) return
    const watcher: Watcher = { streams: byName(streams), mark: null, wake: null }
    const end = () => this.#end(watcher)
    signal.addEventListener('abort', end, { once: true })
    this.#watchers.add(watcher)
    this.#nudge()
    try {
      while (this.#watchers.has(watcher)) {
        const news = await this.#next(watcher, at_most_ms)
        if (this.#watchers.has(watcher)) yield news
      }
    } finally {
      signal.removeEventListener('abort', end)
      end()
    }
  }

  /** Ends every watch that goes on. */
  close(): void {
    for (const watcher of [...this.#watchers]) this.#end(watcher)
  }

  #end(watcher: Watcher): void {
    if (!this.#watchers.delete(watcher)) return
    watcher.wake?.('quiet')
    if (this.#watchers.size === 0) this.#marks.close()
  }

  #next(watcher: Watcher, atMostMs: number): Promise<WatchNews> {
    return new Promise((resolve) => {
      const bound = setTimeout(() => watcher.wake?.('quiet'), atMostMs)
      watcher.wake = (news) => {
        clearTimeout(bound)
        watcher.wake = null
        this.#schedule()
        resolve(news)
      }
      this.#schedule()
    })
  }

  #nudge(): void {
    this.#isNudged = this.#isLooking
    this.#due = Math.min(this.#due, this.#lookedAt + SHORTEST_MS)
    this.#schedule()
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    const isWaitedFor = [...this.#watchers].some(({ wake }) => wake !== null)
    if (this.#isLooking || !isWaitedFor) return
    this.#timer = setTimeout(() => void this.#look(), Math.max(0, this.#due - performance.now()))
  }

  async #look(): Promise<void> {
    this.#isLooking = true
    this.#isNudged = false
    const looking = [...this.#watchers].filter(({ wake }) => wake !== null)
    let seen: Seen = 'nothing'
    try {
      const streams = new Map(looking.flatMap((watcher) => [...watcher.streams]))
      const marks = await this.#marks.look([...streams.values()])
      const markOf = new Map([...streams.keys()].map((name, i) => [name, marks[i]]))
      for (const watcher of looking) {
        const mark = JSON.stringify([...watcher.streams.keys()].map((name) => markOf.get(name)))
        // Whoever stopped waiting meanwhile is to be told at the next look.
        if (watcher.wake === null || mark === watcher.mark) continue
        if (watcher.mark !== null) seen = 'a change'
        else if (seen === 'nothing') seen = 'a newcomer'
        watcher.mark = mark
        watcher.wake('stirred')
      }
    } catch {
      // Whoever watches goes and reads, and meets there what is wrong, with all that belongs to a refusal.
      for (const { wake } of looking) wake?.('stirred')
    }
    this.#isLooking = false
    this.#lookedAt = performance.now()
    this.#due = this.#lookedAt + this.#marks.rest(seen)
    if (this.#isNudged) this.#nudge()
    else this.#schedule()
  }
}

function byName(streams: readonly StreamRef[]): ReadonlyMap<string, StreamRef> {
  return new Map(streams.map((stream) => [streamKey(stream), stream]))
}
