import { mendOf } from '../../app/operator/doctor.ts'
import { existing } from '../../app/resolve.ts'
import type { Finding } from '../../ports/ledger.ts'
import type { Cli } from '../command.ts'
import type { Desk } from '../desk.ts'
import { answerExamination, foundLines } from '../findings.ts'
import { grouped } from '../format.ts'
import { withProgressBar } from '../progress.ts'
import { oneLine, plural } from '../text.ts'

/** `rutter verify`: whether every record is as it was written. */
export function registerVerify(cli: Cli): void {
  const command = cli
    .command('verify', {
      summary: 'check that every record is as it was written',
      details:
        'Walks the hash chain of each record and compares its end with the store. Changes nothing. Status 1 when there is damage.',
      examples: ['rutter verify', 'rutter verify 2026-11-21T22-23-05Z-0ak3f9', 'rutter verify --json'],
    })
    .argument('[id...]', 'only these sessions')
  cli.action<[string[]], object>(command, async (desk, [ids]) => {
    const { ledger } = desk.operator()
    const report = await withProgressBar('verifying', (update) => ledger.verify(update))
    // Asked of the record itself: a look at the store would mend a cut end, and this command changes nothing.
    for (const id of ids) {
      const { events } = await ledger.history({ kind: 'session', id })
      if (events.length === 0) await ledger.read((book) => existing(book, id))
    }
    const findings = report.findings.filter(({ stream }) => ids.length === 0 || ids.includes(stream?.id ?? ''))
    const damaged = findings.filter(({ damage }) => damage)
    const checked =
      ids.length === 0
        ? `${plural(report.streams, 'record')}, ${grouped(report.events)} events`
        : plural(ids.length, 'record')
    const { store = null } = desk.whereIfShared
    const where = store === null ? '' : ` at ${oneLine(store)}`
    const result = { ...report, findings, ok: damaged.length === 0, ...desk.whereIfShared }
    return answerExamination(desk, result, (verdict) => [
      ...findings.flatMap((finding) => findingLines(desk, finding)),
      result.ok
        ? `${checked}${where}: ${verdict(ids.length === 1 ? 'whole' : 'all whole')}`
        : `${checked}${where}: ${verdict(`${plural(damaged.length, 'damage')} found`)}`,
    ])
  })
}

function findingLines(desk: Desk, finding: Finding): string[] {
  const { where, line, message, damage } = finding
  const place = line === null ? where : `${where}:${line}`
  const [mark, colour] = damage ? (['damage', 'red'] as const) : (['note', 'yellow'] as const)
  return foundLines(desk, { mark, colour, where: place, message }, [mendOf(finding)])
}
