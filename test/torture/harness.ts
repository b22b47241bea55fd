import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import { type Answer, readAnswers } from './answers.ts'
import { check, type StoredSession, type Verdict } from './checker.ts'
import { cutPower } from './forgetful-disk.ts'
import type { StoredMemory } from './memory-checker.ts'
import type { Random } from './random.ts'
import { globalFolder } from './rig.ts'
import type { WorkerConfig } from './worker.ts'

const repository = join(import.meta.dirname, '..', '..')

/** A change to the program's text. `from` must be found exactly once. */
export interface Patch {
  readonly file: string
  readonly from: string
  readonly to: string
}

/** A folder that is removed again by `Scratch.remove`. */
export function scratchFolder(prefix = 'rutter-torture-'): string {
  return mkdtempSync(join(tmpdir(), prefix))
}

/**
 * Bundles the worker with the program that it drives into one file, since a process that lives for milliseconds must not spend
 * them on reading a hundred. `patches` are made in a copy: the program itself has no switch for being wrong.
 */
export async function bundleWorker(folder: string, patches: readonly Patch[] = []): Promise<string> {
  const copy = join(folder, 'copy')
  cpSync(join(repository, 'src'), join(copy, 'src'), { recursive: true })
  cpSync(join(repository, 'test', 'torture'), join(copy, 'test', 'torture'), { recursive: true })
  for (const patch of patches) apply(join(copy, patch.file), patch)
  await build({
    entryPoints: [join(copy, 'test', 'torture', 'worker.ts')],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // What stands behind `import()` is read only where it is needed.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    nodePaths: [join(repository, 'node_modules')],
    logLevel: 'error',
  })
  rmSync(copy, { recursive: true })
  return join(folder, 'worker.mjs')
}

function apply(path: string, { file, from, to }: Patch): void {
  const text = readFileSync(path, 'utf8')
  const found = text.split(from).length - 1
  if (found !== 1) {
    throw new Error(`The patch of ${file} no longer fits: its text is found ${found} times, not once:\n${from}`)
  }
  writeFileSync(
    path,
    text.replace(from, () => to),
  )
}

type Message = Record<string, unknown>

/** A worker as seen from outside. */
export class Worker {
  readonly id: string
  readonly #child: ChildProcess
  readonly #waiting: ((message: Message | null) => void)[] = []
  readonly #unread: Message[] = []
  readonly gone: Promise<void>
  isGone = false
  /** Told of every message that nobody waits for. */
  onMessage: (message: Message) => void = (message) => this.#unread.push(message)

  constructor(bundle: string, config: WorkerConfig) {
    this.id = config.id
    this.#child = spawn(process.execPath, [bundle, JSON.stringify(config)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NODE_COMPILE_CACHE: join(dirname(bundle), 'compile-cache') },
    })
    this.#child.stdin?.on('error', () => {})
    this.gone = new Promise((resolve) => {
      this.#child.once('close', () => {
        this.isGone = true
        for (const wait of this.#waiting.splice(0)) wait(null)
        resolve()
      })
    })
    if (this.#child.stdout === null) throw new Error('The worker has no standard output.')
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const message = JSON.parse(line) as Message
      const wait = this.#waiting.shift()
      if (wait === undefined) this.onMessage(message)
      else wait(message)
    })
  }

  /** The next thing that it says; `null` once it is gone. */
  next(): Promise<Message | null> {
    const unread = this.#unread.shift()
    if (unread !== undefined) return Promise.resolve(unread)
    if (this.isGone) return Promise.resolve(null)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** The next thing that it says of that kind, whatever it says before. */
  async heard(kind: 'result' | 'refused' | 'fate'): Promise<Message> {
    for (;;) {
      const message = await this.next()
      if (message === null) throw new Error(`Worker ${this.id} died and never said "${kind}".`)
      if (kind in message) return message
    }
  }

  /** A call in which it meets its fate, before or after its answer. */
  async fatal(call: string, args: object = {}, marks: readonly string[] = []): Promise<Message> {
    this.#child.stdin?.write(`${JSON.stringify({ call, args, marks })}\n`)
    return await this.heard('fate')
  }

  /** One call of a scripted worker. Gives what it said: `result`, `refused`, or `fate`; `null` when it died. */
  call(call: string, args: object = {}, marks: readonly string[] = []): Promise<Message | null> {
    this.#child.stdin?.write(`${JSON.stringify({ call, args, marks })}\n`)
    return this.next()
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    if (!this.isGone) this.#child.kill(signal)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.gone
  }
}

/** One book under test: where it is, who works on it, what they were told. */
export class Site {
  readonly folder: string
  readonly root: string
  readonly records: string
  readonly shadow: string
  readonly #bundle: string
  readonly #answers: string
  readonly workers = new Set<Worker>()
  started = 0

  constructor(bundle: string, options: { root?: string } = {}) {
    this.#bundle = bundle
    this.folder = scratchFolder('rutter-site-')
    this.root = options.root ?? join(this.folder, 'book')
    this.records = join(this.root, '.bot', 'workspace', 'sessions')
    this.shadow = join(this.folder, 'shadow')
    this.#answers = join(this.folder, 'answers')
    mkdirSync(this.root, { recursive: true })
    mkdirSync(this.#answers)
  }

  /** Ids of the sessions that have a record. */
  sessions(): string[] {
    return readdirSync(this.records).flatMap((name) => (name.endsWith('.jsonl') ? [name.slice(0, -6)] : []))
  }

  get control(): string {
    return join(this.root, '.bot', '.control')
  }

  /** Both books: the project's and the one that all projects share. */
  get books(): string[] {
    return [join(this.root, '.bot'), globalFolder(this.root)]
  }

  /** Takes from both books what the disk had not promised to keep. */
  cutPower(random: Random, luck?: (name: string) => number): void {
    for (const book of this.books) {
      for (const folder of ['workspace/sessions', 'workspace/memory', '.control']) {
        cutPower(join(book, folder), this.shadow, random, luck)
      }
    }
  }

  start(options: Partial<WorkerConfig> = {}): Worker {
    const id = options.id ?? `w${++this.started}`
    const worker = new Worker(this.#bundle, {
      id,
      root: this.root,
      answers: join(this.#answers, `${id}.jsonl`),
      mode: 'script',
      actor: 'agent',
      seed: this.started,
      slots: ['default'],
      ttl_ms: 60_000,
      boot_id: 'boot-1',
      pid_space: 'space-1',
      jumps: false,
      shadow: null,
      fate: null,
      ...options,
    })
    this.workers.add(worker)
    void worker.gone.then(() => this.workers.delete(worker))
    return worker
  }

  /** A scripted worker that is up and listens. */
  async ready(options: Partial<WorkerConfig> = {}): Promise<Worker> {
    const worker = this.start({ ...options, mode: 'script' })
    const first = await worker.next()
    if (first?.['ready'] !== true) throw new Error(`Worker ${worker.id} did not come up: ${JSON.stringify(first)}`)
    return worker
  }

  async killAll(): Promise<void> {
    const all = [...this.workers]
    for (const worker of all) worker.signal('SIGKILL')
    await Promise.all(all.map((worker) => worker.gone))
  }

  answers(): Answer[] {
    return readAnswers(this.#answers)
  }

  /** Lets a fresh worker take in what was left, as the next call of anybody would, and checks everything. */
  async verdict(options: Partial<WorkerConfig> = {}): Promise<Verdict & { findings: unknown[] }> {
    await this.killAll()
    const id = `settler${++this.started}`
    // In a slot of its own, so that it adopts nothing.
    const settler = await this.ready({ ...options, id, slots: [id], fate: null, jumps: false })
    const lists = { actions_taken: [], decisions_made: [], open_items: [id], next_actions: [] }
    const session = { objective: 'end of the round', save_scope: 'project', ...lists }
    await settler.call('save_session', { session }, [`saved:${id}`])
    const states = await settler.call('states')
    const verified = await settler.call('verify')
    const followed = await this.#known(settler, 'followed')
    await settler.call('rebuild')
    const rebuilt = await this.#known(settler, 'rebuilt')
    await settler.kill()
    const stored = states?.['result'] as StoredSession[] | undefined
    const report = verified?.['result'] as { findings: { damage: boolean }[] } | undefined
    if (stored === undefined || report === undefined) {
      throw new Error(`The book cannot be read any more: ${JSON.stringify(states)} ${JSON.stringify(verified)}`)
    }
    const findings = report.findings.filter(({ damage }) => damage)
    const [own = '', global = ''] = this.books
    const beside = { sessions: stored, global, known: { followed, rebuilt } }
    return { ...check(own, this.answers(), beside), findings }
  }

  /** What the stores know of what was learned. */
  async #known(worker: Worker, name: string): Promise<StoredMemory> {
    const to = join(this.folder, `${name}.json`)
    const told = await worker.call('known', { to })
    if (told === null || !('result' in told)) throw new Error(`The stores cannot be read: ${JSON.stringify(told)}`)
    return JSON.parse(readFileSync(to, 'utf8')) as StoredMemory
  }

  async remove(): Promise<void> {
    await this.killAll()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
