import type { Cli } from '../command.ts'
import { duration, grouped } from '../format.ts'
import { withProgressBar } from '../progress.ts'
import { oneLine, plural } from '../text.ts'

/** `rutter rebuild`: the store anew from the records. */
export function registerRebuild(cli: Cli): void {
  const command = cli.command('rebuild', {
    summary: 'compute the store again from the records',
    details:
      'The records are the truth and stay as they are. Locks and heartbeats stay too, so sessions may run meanwhile.',
    examples: ['rutter rebuild'],
  })
  cli.action<[], object>(command, async (desk) => {
    const { ledger } = desk.operator()
    const started = performance.now()
    const { streams, events } = await withProgressBar('rebuilding', (update) => ledger.rebuild(update))
    const took = Math.round(performance.now() - started)
    const { store = null } = desk.whereIfShared
    const where = store === null ? '' : ` at ${oneLine(store)}`
    desk.answer({ streams, events, duration_ms: took, ...desk.whereIfShared }, () => [
      `Computed again${where} from ${plural(streams, 'record')} with ${grouped(events)} events, in ${duration(took)}.`,
    ])
    return 0
  })
}
