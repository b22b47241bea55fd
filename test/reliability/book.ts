import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Context } from '../../src/app/context.ts'
import { asRefusal, perform } from '../../src/app/operation.ts'
import { operations } from '../../src/app/operations/index.ts'
import type { RefusalBody } from '../../src/domain/refusal.ts'
import { check, type Verdict } from '../torture/checker.ts'
import { openRig, type RigOptions } from '../torture/rig.ts'

type Result = Record<string, unknown>

/** One connection to the book under test, in this process. */
export interface Caller {
  readonly context: Context
  /** The answer; throws where the call is refused. */
  call(name: string, args?: object): Promise<Result>
  /** The refusal; throws where the call is answered. */
  refused(name: string, args?: object): Promise<RefusalBody>
  /** A session in the caller's slot; gives its id. */
  begin(): Promise<string>
}

/** A book in a folder of its own. */
export class TestBook {
  readonly root = mkdtempSync(join(tmpdir(), 'rutter-bad-day-'))
  readonly #open: Context[] = []

  get records(): string {
    return join(this.root, '.bot', 'workspace', 'sessions')
  }

  get control(): string {
    return join(this.root, '.bot', '.control')
  }

  record(session: string): string {
    return join(this.records, `${session}.jsonl`)
  }

  connect(name: string, options: Partial<RigOptions> = {}): Caller {
    const context = openRig({ root: this.root, actor: { kind: 'agent', name }, ...options })
    this.#open.push(context)
    const call = async (operation: string, args: object = {}) => {
      const found = operations.find((o) => o.name === operation)
      if (found === undefined) throw new Error(`There is no operation ${operation}.`)
      return (await perform(found, context, args)) as Result
    }
    return {
      context,
      call,
      async refused(operation, args) {
        const outcome = await call(operation, args).catch((error: unknown) => asRefusal(error).body)
        if (typeof outcome['code'] !== 'string')
          throw new Error(`${operation} was answered: ${JSON.stringify(outcome)}`)
        return outcome as RefusalBody
      },
      async begin() {
        const { session_id } = await call('session_initialize', { session_type: 'autonomous' })
        return String(session_id)
      },
    }
  }

  /** What the checker, which shares no code with the program, says of the records. */
  check(answered: readonly string[] = []): Verdict {
    return check(join(this.root, '.bot'), [{ by: 'test', call: 'several', marks: answered }])
  }

  /** Events of all records, in order, by type. */
  events(session: string): { type: string; at: string; data: Record<string, unknown> }[] {
    return readFileSync(this.record(session), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { type: string; at: string; data: Record<string, unknown> })
  }

  sessions(): string[] {
    return readdirSync(this.records).map((name) => name.replace('.jsonl', ''))
  }

  async remove(): Promise<void> {
    for (const { ledger } of this.#open) await ledger.close()
    rmSync(this.root, { recursive: true, force: true })
  }
}
