import { onTestFinished } from 'vitest'
import type { z } from 'zod'
import { type Operation, perform } from '../../src/app/operation.ts'
import { sessionInitialize } from '../../src/app/operations/session_initialize.ts'
import { openBook } from '../../src/wire.ts'
import { scratchFolder } from './cli.ts'

export interface Learner {
  readonly session_id: string
  call<Input extends z.ZodType, Output extends z.ZodType>(
    operation: Operation<Input, Output>,
    input: unknown,
  ): Promise<z.infer<Output>>
}

/** Gives this test, and every command line that it runs, a global book of its own. */
export function ownGlobalBook(): void {
  const before = process.env['XDG_DATA_HOME']
  process.env['XDG_DATA_HOME'] = scratchFolder('data')
  onTestFinished(() => {
    if (before === undefined) delete process.env['XDG_DATA_HOME']
    else process.env['XDG_DATA_HOME'] = before
  })
}

/** An agent in this process, with a session begun in a repository. */
export async function startLearner(cwd: string): Promise<Learner> {
  const context = openBook(cwd).connect({ kind: 'agent', name: 'test-agent' }, 'default')
  onTestFinished(() => context.ledger.close())
  const call: Learner['call'] = (operation, input) => perform(operation, context, input)
  const { session_id } = await call(sessionInitialize, { session_type: 'autonomous' })
  return { session_id, call }
}
