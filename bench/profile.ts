/**
 * Where the time of a recorded call goes, without MCP: `perform(session_update)` in this process, with a clock at every border
 * it crosses. Each part is also split by what it waits for: SQLite, the file system, or its own JavaScript.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { perform } from '../src/app/operation.ts'
import { sessionInitialize } from '../src/app/operations/session_initialize.ts'
import { sessionUpdate } from '../src/app/operations/session_update.ts'
import { type Disk, nodeDisk, type OpenFile } from '../src/log/disk.ts'
import type { LedgerWriter } from '../src/ports/ledger.ts'
import { openBook } from '../src/wire.ts'
import { type Bench, compare, measure, median, takeTurns, timed } from './harness.ts'

const WARM_UP = 3000
const ROUNDS = 20
/** Calls of one contender in one round. */
const CALLS = 250
/** Bytes of a usual line. */
const LINE_BYTES = 300

const KINDS = ['sqlite', 'file', 'sync'] as const
/** Marks the parts that the caller does not wait for, unless it calls again at once. */
const AFTER = 'after the answer: '

type Kind = (typeof KINDS)[number]

/** One call: milliseconds by part, in the order the parts were reached, and within a part by kind. */
class Stopwatch {
  parts = new Map<string, number>()
  kinds = new Map<string, number>()
  #last = 0
  #part = ''
  #prefix = ''

  start(): void {
    this.parts = new Map()
    this.kinds = new Map()
    this.#part = 'validate'
    this.#prefix = ''
    this.#last = performance.now()
  }

  /** The caller has its answer: what comes from here on is done behind its back. */
  answered(): void {
    this.enter('the rest')
    this.#part = `${AFTER}${this.#part}`
    this.#prefix = AFTER
  }

  /** What comes from here on belongs to `part`. */
  enter(name: string): void {
    const now = performance.now()
    const part = this.#prefix + name
    this.parts.set(this.#part, (this.parts.get(this.#part) ?? 0) + now - this.#last)
    this.#part = part
    this.#last = now
  }

  /** Runs something that waits outside JavaScript. */
  wait<T>(kind: Kind, work: () => T): T {
    const start = performance.now()
    try {
      return work()
    } finally {
      const key = `${this.#part}/${kind}`
      this.kinds.set(key, (this.kinds.get(key) ?? 0) + performance.now() - start)
    }
  }
}

export const bench: Bench = {
  name: 'profile',
  title: 'where the time of a recorded call goes (in process, without MCP)',
  async run(folder, say) {
    const watch = new Stopwatch()
    const unwatch = watchSqlite(watch)
    try {
      const { context, ledger } = openWatched(folder, watch)
      const watched = { ...sessionUpdate, run: inParts(watch, sessionUpdate.run) }
      await perform(sessionInitialize, context, { session_type: 'autonomous' })

      say('warming up')
      for (let i = 0; i < WARM_UP; i++) await perform(watched, context, { current_task_id: `warm-${i}` })
      say('measuring')
      const calls: { parts: Map<string, number>; kinds: Map<string, number> }[] = []
      const raw = openSync(join(folder, 'raw.jsonl'), 'a')
      const line = Buffer.alloc(LINE_BYTES, 'x')
      let n = 0
      const taken = await takeTurns(ROUNDS, {
        watched: () =>
          microseconds(
            async () => {
              watch.start()
              await perform(watched, context, { current_task_id: `task-${n++}` })
              watch.answered()
            },
            () => {
              watch.enter('')
              calls.push({ parts: watch.parts, kinds: watch.kinds })
              watch.start()
            },
          ),
        plain: () => microseconds(() => perform(sessionUpdate, context, { current_task_id: `task-${n++}` })),
        disk: () =>
          microseconds(async () => {
            writeSync(raw, line)
            fdatasyncSync(raw)
          }),
      })
      closeSync(raw)
      await ledger.close()

      const names = [...new Set(calls.flatMap(({ parts }) => [...parts.keys()]))].filter(
        (name) => name !== AFTER && median(calls.map((c) => c.parts.get(name) ?? 0)) > 0,
      )
      const parts = names.map((name) => {
        const waits = KINDS.map(
          (kind) => [kind, median(calls.map((c) => c.kinds.get(`${name}/${kind}`) ?? 0))] as const,
        )
        const inside = waits.filter(([, time]) => time > 0).map(([kind, time]) => `${kind} ${(time * 1000).toFixed(1)}`)
        const what = inside.length === 0 ? name : `${name}: ${inside.join(', ')}`
        return measure(what, 'µs', inRounds(calls.map((c) => (c.parts.get(name) ?? 0) * 1000)))
      })
      const whole = measure('the same call, as watched for the parts below', 'µs', taken.watched)
      const disk = [`${LINE_BYTES} bytes appended and synced, and nothing else`, taken.disk] as const
      return {
        comparisons: [compare('µs', ['session_update', taken.plain], disk)],
        measures: [whole, ...parts],
      }
    } finally {
      unwatch()
    }
  },
}

/** Times calls, each after the one before is done with what it does after its answer. */
async function microseconds(call: () => Promise<unknown>, after = () => {}): Promise<number[]> {
  const timings: number[] = []
  for (let i = 0; i < CALLS; i++) {
    timings.push((await timed(call)) * 1000)
    for (let turn = 0; turn < 3; turn++) await nextTurn()
    after()
  }
  return timings
}

function inRounds(timings: readonly number[]): number[][] {
  return Array.from({ length: ROUNDS }, (_, i) => timings.slice(i * CALLS, (i + 1) * CALLS))
}

function inParts(watch: Stopwatch, run: typeof sessionUpdate.run): typeof sessionUpdate.run {
  return async (context, input) => {
    watch.enter('wait in line')
    return await run(context, input)
  }
}

function openWatched(folder: string, watch: Stopwatch) {
  const { connect } = openBook(folder, {
    project_id: 'bench',
    ledger: {
      disk: watchedDisk(watch),
      pausePoint: (point) => {
        if (point === 'locked') watch.enter('look for what changed')
        if (point === 'decided') watch.enter('open and append')
        if (point === 'appended') watch.enter('sync')
        if (point === 'synced') watch.enter('rows')
        if (point === 'projected') watch.enter('commit')
        if (point === 'committed') watch.enter('close')
      },
    },
  })
  const context = connect({ kind: 'agent', name: 'bench' }, 'default')
  const { ledger, redactor } = context
  const write = ledger.write.bind(ledger)
  ledger.write = (work) =>
    write((book) => {
      watch.enter('find the session, decide, encode')
      return work(watchedBook(book, watch))
    })
  const watchedRedactor = {
    async redact<T>(value: T): Promise<T> {
      watch.enter('redact')
      return await redactor.redact(value)
    },
  }
  return { context: { ...context, redactor: watchedRedactor }, ledger }
}

/** The book of one write: its first question about a session meets the record, the others are rows. */
function watchedBook(book: LedgerWriter, watch: Stopwatch): LedgerWriter {
  let met = false
  return new Proxy(book, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      return async (...given: unknown[]) => {
        if (key === 'append') watch.enter('encode, project, rows beside')
        if (key === 'lease') watch.enter('judge the lease')
        if (key === 'heartbeat') watch.enter('answer')
        if (key === 'session' && !met) watch.enter('meet the record')
        const result: unknown = await Reflect.apply(value, target, given)
        if (key === 'session' && !met) watch.enter('decide')
        if (key === 'lease') watch.enter('decide')
        met ||= key === 'session'
        return result
      }
    },
  })
}

function watchedDisk(watch: Stopwatch): Disk {
  const file = <T>(work: () => T) => watch.wait('file', work)
  return {
    ...nodeDisk,
    open(path, create) {
      const opened = file(() => nodeDisk.open(path, create))
      return opened === null ? null : watchedFile(opened)
    },
    list: (folder) => file(() => nodeDisk.list(folder)),
    folderStamp: (folder) => file(() => nodeDisk.folderStamp(folder)),
    stat: (path) => file(() => nodeDisk.stat(path)),
  }

  function watchedFile(opened: OpenFile): OpenFile {
    return {
      size: opened.size,
      ino: opened.ino,
      created: opened.created,
      read: (offset, length) => file(() => opened.read(offset, length)),
      append: (bytes) => file(() => opened.append(bytes)),
      sync: () => watch.wait('sync', () => opened.sync()),
      truncate: (size) => opened.truncate(size),
      close: () => file(() => opened.close()),
    }
  }
}

/** Puts a clock around everything that is asked of SQLite in this process; gives a function that takes it away. */
function watchSqlite(watch: Stopwatch): () => void {
  const taken: [object, string, unknown][] = []
  const around = (prototype: object, name: string) => {
    const original: unknown = Reflect.get(prototype, name)
    if (typeof original !== 'function') throw new Error(`node:sqlite has no ${name} any more.`)
    taken.push([prototype, name, original])
    Reflect.set(prototype, name, function watched(this: unknown, ...given: unknown[]): unknown {
      return watch.wait('sqlite', () => Reflect.apply(original, this, given))
    })
  }
  for (const name of ['get', 'all', 'run']) around(StatementSync.prototype, name)
  around(DatabaseSync.prototype, 'exec')
  return () => {
    for (const [prototype, name, original] of taken) Reflect.set(prototype, name, original)
  }
}
