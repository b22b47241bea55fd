import { setTimeout as sleep } from 'node:timers/promises'
import { v7 } from 'uuid'
import { type Context, newConnection } from '../../src/app/context.ts'
import { perform } from '../../src/app/operation.ts'
import { sessionInitialize } from '../../src/app/operations/session_initialize.ts'
import { sessionRecordFailure } from '../../src/app/operations/session_record_failure.ts'
import { sessionUpdate } from '../../src/app/operations/session_update.ts'
import { Refusal } from '../../src/domain/refusal.ts'
import { settingsSchema } from '../../src/domain/settings.ts'
import { systemClock } from '../../src/machine/clock.ts'
import { systemIdentity } from '../../src/machine/identity.ts'
import { vocabularyTokens } from '../../src/machine/tokens.ts'
import { PostgresLedger, type PostgresLedgerOptions } from '../../src/store/postgres/ledger.ts'

/*
 * An agent that calls without a pause, in this process or, run as a program, in one of its own: ADDRESS PROJECT SLOT, until its
 * standard input ends. No test framework is to be seen from here.
 */

/** What became of each call, by the id that its event has. */
export interface Calls {
  readonly answered: string[]
  readonly refused: { readonly id: string; readonly message: string }[]
}

export async function hammer(options: PostgresLedgerOptions, slot: string, isOver: () => boolean): Promise<Calls> {
  const ledger = new PostgresLedger(options)
  const context: Context = {
    ledger,
    clock: systemClock(),
    prices: { estimate: async () => null },
    redactor: { redact: async (value) => value },
    settings: settingsSchema.parse({ project_id: options.project_id }),
    random: Math.random,
    identity: systemIdentity(() => v7()),
    tokens: vocabularyTokens(),
    connection: newConnection({ kind: 'agent', name: 'hammer' }, slot),
  }
  const calls: Calls = { answered: [], refused: [] }
  await perform(sessionInitialize, context, { session_type: 'manual' })
  for (let i = 0; !isOver(); i++) {
    const id = `${slot}-${i}.`
    try {
      if (i % 2 === 0) await perform(sessionUpdate, context, { current_task_id: id })
      else await perform(sessionRecordFailure, context, { outcome: 'skipped', error: { message: id } })
      calls.answered.push(id)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      calls.refused.push({ id, message: error.message })
      await sleep(20)
    }
  }
  await ledger.close()
  return calls
}

if (process.argv[1] === import.meta.filename) {
  const [url = '', project_id = '', slot = ''] = process.argv.slice(2)
  let isOver = false
  process.stdin.on('end', () => {
    isOver = true
  })
  process.stdin.resume()
  const self = { host: slot, boot_id: 'b', pid_space: slot, pid: process.pid, started: '1' }
  const processes = { self: () => self, liveness: () => 'unknown' as const }
  const calls = await hammer({ url, project_id, place: slot, processes, lease_ttl_ms: 60_000 }, slot, () => isOver)
  process.stdout.write(JSON.stringify(calls))
}
